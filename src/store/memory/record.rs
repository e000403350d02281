//! A login or a later access token, in as few bytes as they go.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    place::Place,
    slab::Slab,
    terms::{Belongs, Terms, halves},
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
    terms: Number,
    /// What else there is to a login.
    more: Option<Number>,
    /// The lower half of the time of issue.
    second: u32,
    /// The order of the login within its second, and two flags: whether the access token is good,
    /// and whether there is a login.
    marks: u32,
}

/// The number of something in a [`Slab`] that a record names. It is never zero inside, so that neither
/// an `Option` of it nor one of a record takes more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(NonZeroU32);

impl Number {
    pub(super) fn new(number: u32) -> Self {
        let next = number.checked_add(1).and_then(NonZeroU32::new);
        Self(next.expect("there are fewer than there are numbers"))
    }

    pub(super) fn get(self) -> u32 {
        self.0.get() - 1
    }
}

pub(super) struct More {
    pub(super) rest: Rest,
    /// Later access tokens, the oldest first. Some may be gone. Most logins have none.
    #[expect(
        clippy::box_collection,
        reason = "a list alone takes three times the room"
    )]
    pub(super) later: Option<Box<Vec<Place>>>,
}

pub(super) enum Rest {
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
    /// An access token, which is good.
    pub(super) fn good(
        family: FamilyId,
        digest: TokenDigest,
        session: &Session,
        terms: Number,
    ) -> Self {
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

    /// The same, with the login that came with it.
    pub(super) fn with_login(mut self, family: &Family) -> Self {
        self.marks |= LOGIN | order_within(family).unwrap_or(0);
        self
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

    pub(super) fn terms(&self) -> Number {
        self.terms
    }

    pub(super) fn more(&self) -> Option<Number> {
        self.more
    }

    pub(super) fn set_more(&mut self, more: Number) {
        self.more = Some(more);
    }

    fn nanosecond(&self) -> u32 {
        self.marks & !(GOOD | LOGIN)
    }
}

/// A record with what it names.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) record: &'a Record,
    pub(super) terms: &'a Terms,
    pub(super) mores: &'a Slab<More>,
}

impl<'a> Entry<'a> {
    pub(super) fn session(self) -> Session {
        // Each request comes by here, and a literal is quicker than the builder.
        Session {
            subject: self.record.subject.clone(),
            client: self.terms.client.clone(),
            scope: self.terms.scope.clone(),
            family: match self.terms.belongs {
                Belongs::Here => Some(self.record.family),
                Belongs::Elsewhere(other) => Some(other),
                Belongs::Nowhere => None,
            },
            issued_at: self.issued_at(),
            expires_at: self.expires_at(),
        }
    }

    /// Whether the access token is dead at `now`.
    pub(super) fn is_expired_at(self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    fn issued_at(self) -> Timestamp {
        self.terms.issued_at(self.record.second)
    }

    fn expires_at(self) -> Timestamp {
        self.terms.expires_at(self.record.second)
    }

    /// Who logged in.
    pub(super) fn owner(self) -> &'a Subject {
        match self.rest() {
            Some(Rest::Other(family)) => family.subject(),
            _ => &self.record.subject,
        }
    }

    /// Whether all tokens of the login are dead at `now`.
    pub(super) fn is_over_at(self, now: Timestamp) -> bool {
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
            None => (None, self.issued_at(), self.expires_at()),
        };
        let created_at = self.issued_at();
        let order = created_at.as_secs() * SECOND + u64::from(self.record.nanosecond());
        let subject = self.record.subject.clone();
        let mut family = Family::new(self.record.family, subject, created_at, expires_at)
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

    /// What the access token does not tell of its login, if anything.
    pub(super) fn rest_of(self, family: Family) -> Option<Rest> {
        let told = *family.subject() == self.record.subject
            && family.client() == self.terms.client.as_ref()
            && *family.scope() == self.terms.scope
            && family.created_at() == self.issued_at()
            && order_within(&family) == Some(self.record.nanosecond());
        let ends_alike = family.expires_at() == self.expires_at()
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

    /// The later access tokens.
    pub(super) fn later_tokens(self) -> &'a [Place] {
        let later = self.more().and_then(|more| more.later.as_ref());
        later.map_or(&[], |later| later.as_slice())
    }

    fn rest(self) -> Option<&'a Rest> {
        self.more().map(|more| &more.rest)
    }

    fn more(self) -> Option<&'a More> {
        self.mores.get(self.record.more?.get())
    }
}

/// The nanosecond of the login, if that is what its order is.
fn order_within(family: &Family) -> Option<u32> {
    let order = family.order();
    let nanosecond = u32::try_from(order % SECOND).ok()?;
    (order / SECOND == family.created_at().as_secs()).then_some(nanosecond)
}
