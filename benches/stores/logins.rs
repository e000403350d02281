//! Logins and refreshes, for the library in its own types and for a driver as the values of rows.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tower_oauth2_password::{
    model::{
        AccessToken, Chain, ClientId, Clock, Family, FamilyId, Lifetime, RefreshToken, Rotated,
        Rotation, Salt, Session, Subject, Timestamp, TokenDigest, TokenPrefix,
    },
    store::{Inserted, TokenStore},
};

/// One side of a duel. What it is given is ready-made.
pub trait Side {
    async fn look_up(&self, access: TokenDigest);

    async fn log_in(&self, login: Login);

    async fn refresh(&self, refresh: Refresh);
}

#[derive(Clone)]
pub struct Login {
    pub family: Family,
    pub access: TokenDigest,
    pub session: Session,
    pub family_row: FamilyRow,
    pub token_row: TokenRow,
    /// The field `access` of a family in Redis.
    pub access_field: Vec<u8>,
}

/// The one refresh of a login.
#[derive(Clone)]
pub struct Refresh {
    pub id: FamilyId,
    pub rotation: Rotation,
    /// As it is afterwards.
    pub family_row: FamilyRow,
    pub old_chain: Vec<u8>,
    pub access_field: Vec<u8>,
    pub token_row: TokenRow,
}

#[derive(Clone)]
pub struct FamilyRow {
    pub id: FamilyId,
    pub subject: String,
    pub client: Option<String>,
    pub scope: String,
    pub label: Option<String>,
    pub created_at: i64,
    pub order: i64,
    pub refreshed_at: i64,
    pub expires_at: i64,
    pub chain: Vec<u8>,
}

#[derive(Clone)]
pub struct TokenRow {
    pub digest: TokenDigest,
    pub scope: String,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// A new login of somebody new, and its first refresh.
pub fn make() -> (Login, Refresh) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = Clock::system().now();
    let subject = Subject::new(format!("user-{number}")).unwrap();
    let token = RefreshToken::generate(&TokenPrefix::default()).unwrap();
    let (idle, end) = (now + days(14), now + days(90));
    let family = Family::new(token.family(), subject.clone(), now, end)
        .with_client(Some(ClientId::new("shop").unwrap()))
        .with_scope("items:read me".parse().unwrap())
        .with_label("Firefox on Linux")
        .with_order(number)
        .with_chain(Chain::new(token.digest(), idle, end));
    let session = Session::new(subject, now, now + Lifetime::HOUR)
        .with_client(family.client().cloned())
        .with_scope(family.scope().clone())
        .with_family(family.id());
    let access = AccessToken::generate(&TokenPrefix::default()).unwrap();
    let login = Login {
        access: access.digest(),
        family_row: FamilyRow::of(&family),
        token_row: TokenRow::of(access.digest(), &session),
        access_field: access.digest().as_bytes().to_vec(),
        family,
        session,
    };
    let refresh = refresh(&login, &token, idle);
    (login, refresh)
}

fn refresh(login: &Login, token: &RefreshToken, expires_at: Timestamp) -> Refresh {
    let salt = Salt::generate().unwrap();
    let (access, successor) = token.successors(&TokenPrefix::default(), &salt);
    let rotation = Rotation::new(
        token.digest(),
        successor.digest(),
        expires_at,
        access.digest(),
        login.session.clone(),
        salt,
    );
    let mut family = login.family.clone();
    let rotated = family.rotate(&rotation);
    assert!(matches!(rotated, Rotated::Done), "{rotated:?}");
    let mut both = login.access_field.clone();
    both.extend(access.digest().as_bytes());
    Refresh {
        id: family.id(),
        rotation,
        family_row: FamilyRow::of(&family),
        old_chain: login.family_row.chain.clone(),
        access_field: both,
        token_row: TokenRow::of(access.digest(), &login.session),
    }
}

fn days(days: u64) -> Lifetime {
    Lifetime::new(Duration::from_secs(days * 86_400)).unwrap()
}

fn secs(at: Timestamp) -> i64 {
    at.as_secs().try_into().unwrap()
}

impl FamilyRow {
    fn of(family: &Family) -> Self {
        Self {
            id: family.id(),
            subject: family.subject().as_str().to_owned(),
            client: family.client().map(|client| client.as_str().to_owned()),
            scope: family.scope().to_string(),
            label: family.label().map(str::to_owned),
            created_at: secs(family.created_at()),
            order: family.order().try_into().unwrap(),
            refreshed_at: secs(family.refreshed_at()),
            expires_at: secs(family.expires_at()),
            chain: family.chain().unwrap().to_bytes(),
        }
    }
}

impl TokenRow {
    fn of(digest: TokenDigest, session: &Session) -> Self {
        Self {
            digest,
            scope: session.scope().to_string(),
            issued_at: secs(session.issued_at()),
            expires_at: secs(session.expires_at()),
        }
    }
}

/// A store of the library.
pub struct Library<T>(pub T);

impl<T: TokenStore> Side for Library<T> {
    async fn look_up(&self, access: TokenDigest) {
        assert!(self.0.find_access(access).await.unwrap().is_some());
    }

    async fn log_in(&self, login: Login) {
        let inserted = self.0.insert(login.family, login.access, login.session);
        assert_eq!(inserted.await.unwrap(), Inserted::Saved);
    }

    async fn refresh(&self, refresh: Refresh) {
        let rotated = self.0.rotate(refresh.id, refresh.rotation).await.unwrap();
        assert!(matches!(rotated, Rotated::Done), "{rotated:?}");
    }
}
