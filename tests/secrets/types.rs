//! What `Debug` of each public type shows that holds a secret, or could.

use tower_oauth2_password::{
    MemoryClients,
    model::{
        AccessToken, BearerToken, Chain, ClientSecret, Family, Lifetime, Password, PasswordHash,
        RefreshToken, Rotated, Rotation, Salt, Session, Standing, Subject, TokenPrefix,
    },
    password::Verdict,
    store::{Account, Client, cached::Revoked},
};

use crate::support::{NOON, clients::client_id, secrets::Secrets};

#[test]
fn no_public_type_shows_a_secret() {
    let prefix = TokenPrefix::new("acme_").unwrap();
    let refresh = RefreshToken::generate(&prefix).unwrap();
    let salt = Salt::generate().unwrap();
    let (access, successor) = refresh.successors(&prefix, &salt);
    let secret = ClientSecret::generate().unwrap();
    let subject = Subject::new("meera").unwrap();
    let end = NOON + Lifetime::HOUR;
    let session = Session::new(subject.clone(), NOON, end).with_family(refresh.family());
    let chain = Chain::new(refresh.digest(), end, end);
    let rotation = Rotation::new(
        refresh.digest(),
        successor.digest(),
        end,
        access.digest(),
        session.clone(),
        salt.clone(),
    )
    .with_window_until(end);
    let mut family = Family::new(refresh.family(), subject.clone(), NOON, end).with_chain(chain);
    assert!(matches!(family.rotate(&rotation), Rotated::Done));
    let again = family.rotate(&rotation);
    assert!(matches!(again, Rotated::Again(_)));
    let windows = family.chain().unwrap().windows_to_bytes();
    let hash = PasswordHash::new("$2b$04$saltsaltsaltsaltsaltsalthashhashhash");

    let mut secrets = Secrets::default();
    for (name, bytes) in [
        ("password", b"secret123".as_slice()),
        ("hash", hash.expose().as_bytes()),
        ("access token", access.expose().as_bytes()),
        ("refresh token", refresh.expose().as_bytes()),
        ("successor", successor.expose().as_bytes()),
        ("digest of the access token", access.digest().as_bytes()),
        ("digest of the refresh token", refresh.digest().as_bytes()),
        ("digest of the successor", successor.digest().as_bytes()),
        ("client secret", secret.expose().as_bytes()),
        ("digest of the client secret", secret.digest().as_bytes()),
        ("salt", &windows[32..64]),
    ] {
        secrets.add(name, bytes);
    }
    let client = Client::confidential(client_id("backend"), secret.digest());
    let shown: [&dyn std::fmt::Debug; 24] = [
        &Password::new("secret123"),
        &hash,
        &Account::new(subject).with_hash(hash.clone()),
        &Verdict::Right {
            rehashed: Some(hash.clone()),
        },
        &access,
        &access.digest(),
        &access.as_bearer(),
        &BearerToken::parse(access.expose()),
        &AccessToken::generate(&prefix),
        &refresh,
        &successor,
        &salt,
        &Standing::InWindow(salt.clone()),
        &again,
        &rotation,
        &family,
        &family.chain(),
        &session,
        &secret,
        &secret.digest(),
        &client,
        &MemoryClients::new([client.clone()]),
        &Revoked::Access(access.digest()),
        &Revoked::Family(refresh.family()),
    ];
    for (number, shown) in shown.into_iter().enumerate() {
        secrets.assert_hidden(&format!("type {number}"), shown);
    }
}

/// Does not compile if one of the types has the trait: then there are two ways to read `IT`.
macro_rules! has_none_of {
    ($($type:ty)*) => {$(
        const _: () = {
            trait Has<A> {
                const IT: () = ();
            }
            struct No;
            impl<T: ?Sized> Has<()> for T {}
            impl<T: ?Sized + PartialEq> Has<[No; 0]> for T {}
            impl<T: ?Sized + std::hash::Hash> Has<[No; 1]> for T {}
            impl<T: ?Sized + std::fmt::Display> Has<[No; 2]> for T {}
            impl<T: ?Sized + std::ops::Deref> Has<[No; 3]> for T {}
            <$type as Has<_>>::IT
        };
        const _: () = {
            trait Has<A> {
                const IT: () = ();
            }
            struct No;
            impl<T: ?Sized> Has<()> for T {}
            impl<T: ?Sized + axum::response::IntoResponse> Has<No> for T {}
            <axum::Json<$type> as Has<_>>::IT
        };
    )*};
}

// ASVS 11.2.4, 16.2.5: they are not compared, printed or serialized by mistake.
has_none_of! {
    AccessToken BearerToken<'static> RefreshToken Password ClientSecret
    tower_oauth2_password::model::SecretDigest Salt
}
