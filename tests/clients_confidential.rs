//! The `oauth2` crate as a registered client against a real socket: log in, refresh, introspect,
//! revoke; with a secret and without.

use std::time::Duration;

use axum::{Router, routing::get};
use oauth2::{
    AccessToken, AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet,
    ErrorResponse, ErrorResponseType, HttpClientError, HttpRequest, HttpResponse, IntrospectionUrl,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, RevocationErrorResponseType,
    RevocationUrl, Scope, StandardErrorResponse, StandardRevocableToken,
    TokenIntrospectionResponse, TokenResponse, TokenUrl,
    basic::{
        BasicClient, BasicErrorResponseType, BasicTokenIntrospectionResponse, BasicTokenResponse,
        BasicTokenType,
    },
    reqwest,
};
use tokio::net::TcpListener;
use tower_oauth2_password::{
    Authenticated, MemoryClients, MemoryTokens, model, store, token::Refresh,
};

use crate::{
    clients::http,
    support::{NOON, User, logins::household},
};

/// What form encoding and HTTP Basic must not lose (RFC 6749 §2.3.1).
const ID: &str = "back end/1+2%20&=?";
const SECRET: &str = "s:é+%/ =";
const PHONE: &str = "phone";

type Failed<E> = RequestTokenError<HttpClientError<reqwest::Error>, StandardErrorResponse<E>>;
type Tokens = Result<BasicTokenResponse, Failed<BasicErrorResponseType>>;
type Told = Result<BasicTokenIntrospectionResponse, Failed<BasicErrorResponseType>>;
type Revoked = Result<(), Failed<RevocationErrorResponseType>>;

/// The client of one application, and where it finds the server.
struct App {
    base: String,
    client: BasicClient<EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>,
}

/// Serves all endpoints and `/me` on a free port and says where. The clock stands at noon.
async fn serve() -> String {
    let id = |id: &str| model::ClientId::new(id).unwrap();
    let secret = model::ClientSecret::new(SECRET);
    let backend = store::Client::confidential(id(ID), secret.digest()).with_introspection(true);
    let clients = MemoryClients::new([backend, store::Client::public(id(PHONE))]);
    let (flow, _clock) = household(MemoryTokens::new());
    let flow = flow.with_clients(clients).with_refresh(Refresh::default());
    let app = Router::new()
        .route(
            "/me",
            get(async |user: Authenticated<User>| user.name.clone()),
        )
        .layer(flow.bearer_layer())
        .layer(flow.token_layer("/token").unwrap())
        .layer(flow.revocation_layer("/revoke").unwrap())
        .layer(flow.introspection_layer("/introspect").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

/// `oauth2` sends a revocation to an `https` URL only (RFC 7009 §2), so the client is told that it
/// talks TLS; what it then sends goes to the socket in clear.
async fn in_clear(
    mut request: HttpRequest,
) -> Result<HttpResponse, HttpClientError<reqwest::Error>> {
    let uri = request.uri().to_string().replacen("https://", "http://", 1);
    *request.uri_mut() = uri.parse().unwrap();
    let http = http();
    AsyncHttpClient::call(&http, request).await
}

impl App {
    fn new(base: &str, id: &str, secret: Option<(&str, AuthType)>) -> Self {
        let mut client = BasicClient::new(ClientId::new(id.to_owned()));
        if let Some((secret, auth_type)) = secret {
            client = client
                .set_client_secret(ClientSecret::new(secret.to_owned()))
                .set_auth_type(auth_type);
        }
        let secure = base.replacen("http://", "https://", 1);
        let client = client
            .set_token_uri(TokenUrl::new(format!("{base}/token")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(format!("{base}/introspect")).unwrap())
            .set_revocation_url(RevocationUrl::new(format!("{secure}/revoke")).unwrap());
        let base = base.to_owned();
        Self { base, client }
    }

    async fn log_in(&self) -> Tokens {
        let user = ResourceOwnerUsername::new("meera".to_owned());
        let password = ResourceOwnerPassword::new("secret123".to_owned());
        let login = self.client.exchange_password(&user, &password);
        login.request_async(&http()).await
    }

    async fn refresh(&self, tokens: &BasicTokenResponse) -> Tokens {
        let token = tokens.refresh_token().unwrap();
        let refresh = self.client.exchange_refresh_token(token);
        refresh.request_async(&http()).await
    }

    async fn introspect(&self, token: &AccessToken) -> Told {
        self.client.introspect(token).request_async(&http()).await
    }

    async fn revoke(&self, token: impl Into<StandardRevocableToken>) -> Revoked {
        let revocation = self.client.revoke_token(token.into()).unwrap();
        revocation.request_async(&in_clear).await
    }

    async fn status(&self, tokens: &BasicTokenResponse) -> u16 {
        let request = http().get(format!("{}/me", self.base));
        let token = tokens.access_token().secret();
        let response = request.bearer_auth(token).send().await.unwrap();
        response.status().as_u16()
    }
}

/// The code of an error response; anything else is a failure of the test.
#[track_caller]
fn code<T: std::fmt::Debug, E: ErrorResponseType + Clone>(outcome: Result<T, Failed<E>>) -> E
where
    StandardErrorResponse<E>: ErrorResponse,
{
    match outcome {
        Err(RequestTokenError::ServerResponse(response)) => response.error().clone(),
        other => panic!("not an OAuth error response: {other:?}"),
    }
}

/// Log in, refresh, revoke: what a client does with its own tokens.
async fn goes_all_the_way(app: &App) {
    let first = app.log_in().await.unwrap();
    assert_eq!(first.token_type(), &BasicTokenType::Bearer);
    assert_eq!(first.expires_in(), Some(Duration::from_secs(3600)));
    let scopes = ["items:read", "me"].map(|scope| Scope::new(scope.to_owned()));
    assert_eq!(first.scopes(), Some(&scopes.to_vec()));
    assert_eq!(app.status(&first).await, 200);

    // RFC 6749 §6: a refresh is for a new access token and leaves the old one alone.
    let second = app.refresh(&first).await.unwrap();
    assert_eq!(second.token_type(), &BasicTokenType::Bearer);
    assert_eq!(second.scopes(), Some(&scopes.to_vec()));
    assert_ne!(
        second.access_token().secret(),
        first.access_token().secret()
    );
    assert_ne!(
        second.refresh_token().unwrap().secret(),
        first.refresh_token().unwrap().secret()
    );
    assert_eq!(
        (app.status(&first).await, app.status(&second).await),
        (200, 200)
    );

    // RFC 7009 §2.1: with the refresh token its access tokens go too.
    app.revoke(second.refresh_token().unwrap()).await.unwrap();
    assert_eq!(
        (app.status(&first).await, app.status(&second).await),
        (401, 401)
    );
    let refused = code(app.refresh(&second).await);
    assert_eq!(refused, BasicErrorResponseType::InvalidGrant);
    // RFC 7009 §2.2: what is revoked already is no error.
    app.revoke(second.refresh_token().unwrap()).await.unwrap();
    app.revoke(second.access_token()).await.unwrap();
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they go into HTTP Basic.
#[tokio::test]
async fn a_client_with_a_secret_in_http_basic_goes_all_the_way() {
    let base = serve().await;
    goes_all_the_way(&App::new(&base, ID, Some((SECRET, AuthType::BasicAuth)))).await;
}

/// RFC 6749 §2.3.1: id and secret as parameters of the body.
#[tokio::test]
async fn a_client_with_a_secret_in_the_body_goes_all_the_way() {
    let base = serve().await;
    goes_all_the_way(&App::new(&base, ID, Some((SECRET, AuthType::RequestBody)))).await;
}

/// RFC 6749 §3.2.1: a public client says who it is by `client_id`.
#[tokio::test]
async fn a_client_without_a_secret_goes_all_the_way() {
    let base = serve().await;
    goes_all_the_way(&App::new(&base, PHONE, None)).await;
}

/// RFC 7009 §2.1: one access token is revoked, and the login goes on.
#[tokio::test]
async fn a_revoked_access_token_leaves_the_login_alone() {
    let base = serve().await;
    let app = App::new(&base, ID, Some((SECRET, AuthType::BasicAuth)));
    let first = app.log_in().await.unwrap();
    app.revoke(first.access_token()).await.unwrap();
    assert_eq!(app.status(&first).await, 401);
    let second = app.refresh(&first).await.unwrap();
    assert_eq!(app.status(&second).await, 200);
}

/// RFC 7662 §2.2: what a resource server learns about a good token, and about one that was
/// revoked.
#[tokio::test]
async fn a_client_reads_what_a_token_is_good_for() {
    let base = serve().await;
    for auth_type in [AuthType::BasicAuth, AuthType::RequestBody] {
        let app = App::new(&base, ID, Some((SECRET, auth_type)));
        let tokens = app.log_in().await.unwrap();

        let told = app.introspect(tokens.access_token()).await.unwrap();
        assert!(told.active());
        let scopes = ["items:read", "me"].map(|scope| Scope::new(scope.to_owned()));
        assert_eq!(told.scopes(), Some(&scopes.to_vec()));
        assert_eq!(told.sub(), Some("meera"));
        assert_eq!(told.client_id().map(|id| id.as_str()), Some(ID));
        assert_eq!(told.token_type(), Some(&BasicTokenType::Bearer));
        let noon = i64::try_from(NOON.as_secs()).unwrap();
        assert_eq!(told.iat().map(|time| time.timestamp()), Some(noon));
        assert_eq!(told.exp().map(|time| time.timestamp()), Some(noon + 3600));

        // The crate asks about access tokens; a refresh token is asked about in the same way.
        let refresh = AccessToken::new(tokens.refresh_token().unwrap().secret().clone());
        let told = app.introspect(&refresh).await.unwrap();
        assert!(told.active());
        assert_eq!(told.token_type(), None);
        let fortnight = 14 * 86_400;
        assert_eq!(
            told.exp().map(|time| time.timestamp()),
            Some(noon + fortnight)
        );

        app.revoke(tokens.refresh_token().unwrap()).await.unwrap();
        for token in [tokens.access_token(), &refresh] {
            let told = app.introspect(token).await.unwrap();
            assert!(!told.active());
            assert_eq!((told.scopes(), told.sub(), told.exp()), (None, None, None));
            assert_eq!((told.client_id(), told.iat()), (None, None));
        }
    }
}

/// RFC 6749 §5.2: the error arrives typed from each endpoint, by either method.
#[tokio::test]
async fn a_wrong_secret_is_a_typed_invalid_client() {
    let base = serve().await;
    let right = App::new(&base, ID, Some((SECRET, AuthType::BasicAuth)));
    let tokens = right.log_in().await.unwrap();
    let wrong = |secret, auth_type| App::new(&base, ID, Some((secret, auth_type)));
    for app in [
        wrong("guess", AuthType::BasicAuth),
        wrong("guess", AuthType::RequestBody),
        // The right one, but for its case, its encoding, its end.
        wrong("S:é+%/ =", AuthType::BasicAuth),
        wrong("s%3A%C3%A9%2B%25%2F+%3D", AuthType::BasicAuth),
        wrong("s%3A%C3%A9%2B%25%2F+%3D", AuthType::RequestBody),
        wrong("s:é+%/ ", AuthType::RequestBody),
        App::new(&base, ID, None),
        App::new(&base, "stranger", None),
        App::new(&base, PHONE, Some(("guess", AuthType::BasicAuth))),
    ] {
        assert_eq!(
            code(app.log_in().await),
            BasicErrorResponseType::InvalidClient
        );
        let refused = code(app.refresh(&tokens).await);
        assert_eq!(refused, BasicErrorResponseType::InvalidClient);
        let refused = code(app.introspect(tokens.access_token()).await);
        assert_eq!(refused, BasicErrorResponseType::InvalidClient);
        let refused = code(app.revoke(tokens.refresh_token().unwrap()).await);
        let basic = RevocationErrorResponseType::Basic(BasicErrorResponseType::InvalidClient);
        assert_eq!(refused, basic);
    }
    assert_eq!(right.status(&tokens).await, 200);
    right.refresh(&tokens).await.unwrap();
}

/// RFC 6749 §6 and RFC 7009 §2.1: a token is bound to its client. Another one can neither refresh
/// nor revoke it, and does the login no harm. RFC 7662 §2.1: a public client learns nothing.
#[tokio::test]
async fn another_client_can_do_nothing_with_a_token() {
    let base = serve().await;
    let app = App::new(&base, ID, Some((SECRET, AuthType::BasicAuth)));
    let tokens = app.log_in().await.unwrap();
    let other = App::new(&base, PHONE, None);
    let refused = code(other.refresh(&tokens).await);
    assert_eq!(refused, BasicErrorResponseType::InvalidGrant);
    let refused = code(other.revoke(tokens.refresh_token().unwrap()).await);
    let basic = RevocationErrorResponseType::Basic(BasicErrorResponseType::InvalidGrant);
    assert_eq!(refused, basic);
    let refused = code(other.introspect(tokens.access_token()).await);
    assert_eq!(refused, BasicErrorResponseType::InvalidClient);
    app.refresh(&tokens).await.unwrap();
}
