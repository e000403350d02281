//! What `Debug` of the token endpoint's types must not show.

use std::{convert::Infallible, fmt::Debug};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::Password,
    store::UserStore,
    token::{Identity, OAuthError, TokenError},
};

use crate::support::{LOGIN, fast, flow, token_request, users};

#[track_caller]
fn assert_hidden(secrets: &[&str], shown: &dyn Debug) {
    for shown in [format!("{shown:?}"), format!("{shown:#?}")] {
        for secret in secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// OWASP ASVS 16.2.5: no password, hash or token in a log, whatever is printed into it.
#[tokio::test]
async fn debug_shows_no_password_and_no_token() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new()).with_hasher(fast());
    let account = users.find_account("meera").await.unwrap().unwrap();
    let hash = account.hash().unwrap();
    let identity = Identity::new(account.subject().clone());
    let issued = flow.issuer().issue(identity.clone()).await.unwrap();
    let token = issued.token().expose().to_owned();
    let secrets = ["secret123", hash.expose(), "$2b$", &token];

    let service = flow.token_service();
    let layer = flow.token_layer("/token").unwrap();
    let route = layer.layer("inner");
    let authenticator = flow.authenticator();
    let things: [&dyn Debug; 15] = [
        &Password::new("secret123"),
        hash,
        &account,
        &users,
        &flow,
        &flow.issuer(),
        &issued,
        issued.token(),
        &issued.token().as_bearer(),
        &identity,
        &service,
        &layer,
        &route,
        &authenticator,
        &TokenError::InvalidGrant,
    ];
    for thing in things {
        assert_hidden(&secrets, thing);
    }
    let pending = service.clone().call(token_request(LOGIN));
    assert_hidden(&secrets, &pending);
}

/// OWASP ASVS 16.2.5: the body that carries a token to the client is printed by every logger
/// that prints responses whole.
#[tokio::test]
async fn debug_of_a_response_body_shows_no_token() {
    let inner = service_fn(
        async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, Infallible> {
            Ok(Response::default())
        },
    );
    let service = flow().0.token_layer("/token").unwrap().layer(inner);
    let Ok(response) = service.oneshot(token_request(LOGIN)).await;
    let shown = format!("{response:?}");
    assert!(!shown.contains("access_token"), "{shown}");
}

/// OWASP ASVS 16.2.5: an own member may be a credential, as `mfa_token` is, and the error is in
/// the response's extensions to be logged.
#[test]
fn debug_of_an_own_error_shows_no_member() {
    let error = OAuthError::new("mfa_required").unwrap();
    let error = error.with_member("mfa_token", "f3c1-0b77").unwrap();
    assert_hidden(&["f3c1-0b77"], &error);
    assert_hidden(&["f3c1-0b77"], &TokenError::from(error));
}
