//! Real OAuth clients against a real socket.

use std::time::Duration;

use axum::{Router, routing::get};
use oauth2::{
    AuthUrl, ClientId, EmptyExtraTokenFields, HttpClientError, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponseType, BasicTokenType},
    reqwest,
};
use tokio::net::TcpListener;
use tower_oauth2_password::Authenticated;

use crate::support::{User, flow};

type Login = Result<
    StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>,
    RequestTokenError<
        HttpClientError<reqwest::Error>,
        StandardErrorResponse<BasicErrorResponseType>,
    >,
>;

/// Serves `/me` and `/token` on a free port and says where.
async fn serve() -> String {
    let (flow, _clock) = flow();
    let app = Router::new()
        .route(
            "/me",
            get(async |user: Authenticated<User>| user.name.clone()),
        )
        .layer(flow.bearer_layer())
        .layer(flow.token_layer("/token").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

pub fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

async fn log_in(base: &str, password: &str, scope: Option<&str>) -> Login {
    let client = BasicClient::new(ClientId::new("cli".to_owned()))
        .set_auth_uri(AuthUrl::new(format!("{base}/authorize")).unwrap())
        .set_token_uri(TokenUrl::new(format!("{base}/token")).unwrap());
    client
        .exchange_password(
            &ResourceOwnerUsername::new("meera".to_owned()),
            &ResourceOwnerPassword::new(password.to_owned()),
        )
        .add_scopes(scope.map(|scope| Scope::new(scope.to_owned())))
        .request_async(&http())
        .await
}

/// The code of an error response; anything else is a failure of the test.
fn code(login: Login) -> BasicErrorResponseType {
    match login {
        Err(RequestTokenError::ServerResponse(response)) => response.error().clone(),
        other => panic!("not an OAuth error response: {other:?}"),
    }
}

#[tokio::test]
async fn the_oauth2_crate_logs_in_and_calls_the_api() {
    let base = serve().await;
    let token = log_in(&base, "secret123", Some("me")).await.unwrap();

    assert_eq!(token.token_type(), &BasicTokenType::Bearer);
    assert_eq!(token.expires_in(), Some(Duration::from_secs(3600)));
    assert_eq!(token.scopes(), Some(&vec![Scope::new("me".to_owned())]));

    let bearer = token.access_token().secret();
    let response = http()
        .get(format!("{base}/me"))
        .bearer_auth(bearer)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "Meera");
}

/// RFC 6749 §5.2: the error arrives typed and not as an unparsable response.
#[tokio::test]
async fn the_oauth2_crate_gets_a_typed_invalid_grant_for_a_wrong_password() {
    let base = serve().await;
    let login = log_in(&base, "guess", None).await;
    assert_eq!(code(login), BasicErrorResponseType::InvalidGrant);
}

#[tokio::test]
async fn the_oauth2_crate_gets_a_typed_invalid_scope_for_too_wide_a_scope() {
    let base = serve().await;
    let login = log_in(&base, "secret123", Some("admin")).await;
    assert_eq!(code(login), BasicErrorResponseType::InvalidScope);
}
