//! Logins to try a store with, and what is asked of it over and over.

use std::time::Duration;

use crate::{
    model::{
        AccessToken, Chain, ClientId, Clock, Family, FamilyId, Lifetime, RefreshToken, Rotated,
        Rotation, Salt, Scope, Session, Subject, Timestamp, TokenDigest, TokenPrefix,
    },
    store::{Inserted, TokenStore},
};

/// A login as it is saved, and its tokens in clear.
pub(super) struct Login {
    pub(super) family: Family,
    pub(super) access: TokenDigest,
    pub(super) session: Session,
    pub(super) refresh: RefreshToken,
}

pub(super) fn now() -> Timestamp {
    Clock::system().now()
}

pub(super) fn later() -> Timestamp {
    now() + Lifetime::HOUR
}

pub(super) fn seconds(secs: u64) -> Lifetime {
    Lifetime::new(Duration::from_secs(secs)).expect("at least a second")
}

/// Nobody else's.
pub(super) fn some_subject() -> Subject {
    let id = FamilyId::generate().expect("random bytes");
    Subject::new(format!("{id} é\u{1f600}'\"")).expect("a subject")
}

pub(super) fn some_digest() -> TokenDigest {
    let token = AccessToken::generate(&TokenPrefix::default());
    token.expect("random bytes").digest()
}

pub(super) fn scope() -> Scope {
    "items:read me".parse().expect("a scope")
}

impl Login {
    pub(super) fn of(subject: &Subject) -> Self {
        let (now, end) = (now(), later());
        let client = Some(ClientId::new("web").expect("a client"));
        let refresh = RefreshToken::generate(&TokenPrefix::default()).expect("random bytes");
        let family = Family::new(refresh.family(), subject.clone(), now, end)
            .with_client(client.clone())
            .with_scope(scope())
            .with_label("a browser, é")
            .with_order(1_764_000_000_123_456_789)
            .with_chain(Chain::new(refresh.digest(), end, end));
        let session = Session::new(subject.clone(), now, end)
            .with_client(client)
            .with_scope(scope())
            .with_family(refresh.family());
        Self {
            family,
            access: some_digest(),
            session,
            refresh,
        }
    }

    pub(super) async fn saved<T: TokenStore>(tokens: &T, subject: &Subject) -> Self {
        let login = Self::of(subject);
        let inserted = login.insert(tokens).await;
        assert_eq!(inserted, Inserted::Saved, "a new login is saved");
        login
    }

    pub(super) async fn insert<T: TokenStore>(&self, tokens: &T) -> Inserted {
        let inserted = tokens.insert(self.family.clone(), self.access, self.session.clone());
        inserted.await.expect("insert")
    }

    /// A refresh with `presented`, at `now`, whose window is open for `window` seconds.
    pub(super) fn rotation(
        &self,
        presented: &RefreshToken,
        now: Timestamp,
        window: u64,
    ) -> (Rotation, TokenDigest, RefreshToken) {
        let salt = Salt::generate().expect("random bytes");
        let (access, successor) = presented.successors(&TokenPrefix::default(), &salt);
        let end = later();
        let session = Session::new(self.session.subject().clone(), now, end)
            .with_client(self.session.client().cloned())
            .with_scope(scope())
            .with_family(self.family.id());
        let mut rotation = Rotation::new(
            presented.digest(),
            successor.digest(),
            end,
            access.digest(),
            session,
            salt,
        );
        if window > 0 {
            rotation = rotation.with_window_until(now + seconds(window));
        }
        (rotation, access.digest(), successor)
    }

    pub(super) async fn rotate<T: TokenStore>(
        &self,
        tokens: &T,
        presented: &RefreshToken,
        now: Timestamp,
        window: u64,
    ) -> (Rotated, TokenDigest, RefreshToken) {
        let (rotation, access, successor) = self.rotation(presented, now, window);
        let rotated = tokens.rotate(self.family.id(), rotation).await;
        (rotated.expect("rotate"), access, successor)
    }
}

pub(super) async fn session_of<T: TokenStore>(tokens: &T, access: TokenDigest) -> Option<Session> {
    let found = tokens.find_access(access).await.expect("find_access");
    if let Some(at_once) = tokens.find_access_now(access) {
        let at_once = at_once.expect("find_access_now");
        assert_eq!(at_once, found, "find_access_now says what find_access says");
    }
    found
}

pub(super) async fn family_of<T: TokenStore>(tokens: &T, id: FamilyId) -> Option<Family> {
    tokens.find_family(id).await.expect("find_family")
}

pub(super) async fn families_of<T: TokenStore>(tokens: &T, subject: &Subject) -> Vec<FamilyId> {
    let families = tokens.find_families(subject).await.expect("find_families");
    let mut ids: Vec<_> = families.iter().map(Family::id).collect();
    ids.sort_unstable();
    ids
}

pub(super) async fn assert_revoked<T: TokenStore>(
    tokens: &T,
    login: &Login,
    access: &[TokenDigest],
) {
    for digest in access {
        let found = session_of(tokens, *digest).await;
        assert_eq!(found, None, "a token of a revoked family is found");
    }
    let family = family_of(tokens, login.family.id()).await;
    assert!(family.is_none(), "a revoked family is found");
    let listed = families_of(tokens, login.family.subject()).await;
    assert!(!listed.contains(&login.family.id()), "and listed");
}

pub(super) fn assert_same_family(found: &Family, saved: &Family) {
    assert_eq!(found.id(), saved.id());
    assert_eq!(found.subject(), saved.subject());
    assert_eq!(found.client(), saved.client());
    assert_eq!(found.scope(), saved.scope());
    assert_eq!(found.label(), saved.label());
    assert_eq!(found.created_at(), saved.created_at());
    assert_eq!(found.order(), saved.order());
    assert_eq!(found.refreshed_at(), saved.refreshed_at());
    assert_eq!(found.expires_at(), saved.expires_at());
    let chain = |family: &Family| {
        let chain = family.chain()?;
        Some((chain.to_bytes(), chain.windows_to_bytes().to_vec()))
    };
    assert_eq!(chain(found), chain(saved));
}
