//! A login or a later access token, in as few bytes as they go.

use std::sync::Arc;

use super::{
    place::Place,
    terms::{Belongs, Recent, Terms, halves},
};
use crate::model::{Chain, Family, FamilyId, Session, Subject, Timestamp, TokenDigest};

/// A nanosecond needs thirty bits.
const GOOD: u32 = 1 << 31;
const LOGIN: u32 = 1 << 30;
const SECOND: u64 = 1_000_000_000;

/// An access token; and the login with which it came, if it is the first one of that.
///
/// What of the login is the same as of the token is there once.
pub(super) struct Record {
    digest: TokenDigest,
    family: FamilyId,
    subject: Subject,
    terms: Arc<Terms>,
    /// What else there is to a login.
    more: Option<Box<More>>,
    /// The lower half of the time of issue.
    second: u32,
    /// The order of the login within its second, and two flags: whether the access token is good,
    /// and whether there is a login.
    marks: u32,
}

struct More {
    rest: Rest,
    /// Later access tokens, the oldest first. Some may be gone. Most logins have none.
    #[expect(
        clippy::box_collection,
        reason = "a list alone takes three times the room"
    )]
    later: Option<Box<Vec<Place>>>,
}

enum Rest {
    /// The login is as its first access token, but that it can be refreshed.
    Refreshed {
        chain: Chain,
        refreshed_at: Timestamp,
        expires_at: Timestamp,
    },
    /// The login is another than its first access token would tell.
    Other(Box<Family>),
}

impl Record {
    /// A login and its first access token, which is good.
    pub(super) fn login(
        family: Family,
        digest: TokenDigest,
        session: &Session,
        recent: &mut Recent,
    ) -> Self {
        let terms = Terms::of(session, family.id(), family.label());
        let mut record = Self::good(family.id(), digest, session, recent.share(terms));
        record.marks |= LOGIN | order_within(&family).unwrap_or(0);
        record.keep(family);
        record
    }

    /// A later access token of `family`, which is good.
    pub(super) fn later(
        family: FamilyId,
        digest: TokenDigest,
        session: &Session,
        recent: &mut Recent,
    ) -> Self {
        let terms = Terms::of(session, family, None);
        Self::good(family, digest, session, recent.share(terms))
    }

    fn good(family: FamilyId, digest: TokenDigest, session: &Session, terms: Arc<Terms>) -> Self {
        Self {
            digest,
            family,
            subject: session.subject().clone(),
            terms,
            more: None,
            second: halves(session.issued_at().as_secs()).1,
            marks: GOOD,
        }
    }

    pub(super) fn digest(&self) -> &TokenDigest {
        &self.digest
    }

    pub(super) fn id(&self) -> FamilyId {
        self.family
    }

    pub(super) fn is_login(&self) -> bool {
        self.marks & LOGIN != 0
    }

    pub(super) fn is_good(&self) -> bool {
        self.marks & GOOD != 0
    }

    /// The login stays; its first access token is no longer good.
    pub(super) fn spoil(&mut self) {
        self.marks &= !GOOD;
    }

    pub(super) fn session(&self) -> Session {
        // Each request comes by here, and a literal is quicker than the builder.
        Session {
            subject: self.subject.clone(),
            client: self.terms.client.clone(),
            scope: self.terms.scope.clone(),
            family: match self.terms.belongs {
                Belongs::Here => Some(self.family),
                Belongs::Elsewhere(other) => Some(other),
                Belongs::Nowhere => None,
            },
            issued_at: self.issued_at(),
            expires_at: self.terms.expires_at(self.second),
        }
    }

    /// Whether the access token is dead at `now`.
    pub(super) fn is_expired_at(&self, now: Timestamp) -> bool {
        now >= self.terms.expires_at(self.second)
    }

    fn issued_at(&self) -> Timestamp {
        self.terms.issued_at(self.second)
    }

    /// Who logged in.
    pub(super) fn owner(&self) -> &Subject {
        match self.rest() {
            Some(Rest::Other(family)) => family.subject(),
            _ => &self.subject,
        }
    }

    /// Whether all tokens of the login are dead at `now`.
    pub(super) fn is_over_at(&self, now: Timestamp) -> bool {
        match self.rest() {
            Some(Rest::Other(family)) => family.is_expired_at(now),
            Some(Rest::Refreshed { expires_at, .. }) => now >= *expires_at,
            None => self.is_expired_at(now),
        }
    }

    pub(super) fn family(&self) -> Family {
        let (chain, refreshed_at, expires_at) = match self.rest() {
            Some(Rest::Other(family)) => return (**family).clone(),
            Some(Rest::Refreshed {
                chain,
                refreshed_at,
                expires_at,
            }) => (Some(chain.clone()), *refreshed_at, *expires_at),
            None => {
                let ends = self.terms.expires_at(self.second);
                (None, self.issued_at(), ends)
            }
        };
        let created_at = self.issued_at();
        let order = created_at.as_secs() * SECOND + u64::from(self.nanosecond());
        let mut family = Family::new(self.family, self.subject.clone(), created_at, expires_at)
            .with_client(self.terms.client.clone())
            .with_scope(self.terms.scope.clone())
            .with_order(order)
            .with_refreshed_at(refreshed_at);
        if let Some(label) = &self.terms.label {
            family = family.with_label(Arc::clone(label));
        }
        if let Some(chain) = chain {
            family = family.with_chain(chain);
        }
        family
    }

    /// Takes what became of the login.
    pub(super) fn keep(&mut self, family: Family) {
        let Some(rest) = self.rest_of(family) else {
            return;
        };
        if let Some(more) = &mut self.more {
            more.rest = rest;
        } else {
            self.more = Some(Box::new(More { rest, later: None }));
        }
    }

    /// What the access token does not tell of its login, if anything.
    fn rest_of(&self, family: Family) -> Option<Rest> {
        let told = *family.subject() == self.subject
            && family.client() == self.terms.client.as_ref()
            && *family.scope() == self.terms.scope
            && family.created_at() == self.issued_at()
            && order_within(&family) == Some(self.nanosecond());
        let ends_alike = family.expires_at() == self.terms.expires_at(self.second)
            && family.refreshed_at() == family.created_at();
        match family.chain() {
            None if told && ends_alike => None,
            Some(chain) if told => Some(Rest::Refreshed {
                chain: chain.clone(),
                refreshed_at: family.refreshed_at(),
                expires_at: family.expires_at(),
            }),
            _ => Some(Rest::Other(Box::new(family))),
        }
    }

    /// Forgets the salts of windows that are closed at `now`.
    pub(super) fn forget_salts(&mut self, now: Timestamp) {
        let mut family = self.family();
        family.forget_salts(now);
        self.keep(family);
    }

    fn rest(&self) -> Option<&Rest> {
        self.more.as_ref().map(|more| &more.rest)
    }

    fn nanosecond(&self) -> u32 {
        self.marks & !(GOOD | LOGIN)
    }

    /// Adds a later access token, which was saved at `place`.
    pub(super) fn add_later(&mut self, place: Place) {
        debug_assert!(self.more.is_some(), "who was refreshed has a chain");
        if let Some(more) = &mut self.more {
            let later = more.later.get_or_insert_default();
            // Whoever was there before is gone.
            later.retain(|other| *other != place);
            later.push(place);
        }
    }

    /// If there are too many access tokens, the oldest, which has to go.
    pub(super) fn oldest_too_many(&mut self, own: Place) -> Option<Place> {
        let more = self.more.as_mut()?;
        let first = usize::from(self.marks & GOOD != 0);
        let later = more.later.as_mut()?;
        if first + later.len() <= Family::MAX_ACCESS_TOKENS {
            return None;
        }
        if first == 1 {
            return Some(own);
        }
        Some(later.remove(0))
    }

    /// The later access tokens.
    pub(super) fn later_tokens(&self) -> &[Place] {
        let later = self.more.as_ref().and_then(|more| more.later.as_ref());
        later.map_or(&[], |later| later.as_slice())
    }
}

/// The nanosecond of the login, if that is what its order is.
fn order_within(family: &Family) -> Option<u32> {
    let order = family.order();
    let nanosecond = u32::try_from(order % SECOND).ok()?;
    (order / SECOND == family.created_at().as_secs()).then_some(nanosecond)
}
