//! A client that refreshes by itself: it logs in once and calls the API for longer than its access
//! token lives. To be complete, it starts a server of its own, whose access tokens live 2 seconds.
//!
//! ```sh
//! cargo run --example refresh
//! ```

use std::{
    error::Error,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use oauth2::{
    AuthUrl, ClientId, EndpointNotSet, EndpointSet, RefreshToken, ResourceOwnerPassword,
    ResourceOwnerUsername, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse},
    reqwest::{self, StatusCode},
};
use tokio::{net::TcpListener, sync::Mutex, time::sleep};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow, model::Lifetime, token::Refresh,
};

type OAuth = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// How long before its end a token is renewed, so that none runs out on its way.
const MARGIN: Duration = Duration::from_millis(500);

/// Calls the API as one user. Tasks may share it: one of them refreshes, the others wait.
struct Client {
    base: String,
    http: reqwest::Client,
    oauth: OAuth,
    tokens: Mutex<Tokens>,
}

struct Tokens {
    access: String,
    refresh: RefreshToken,
    renew_at: Instant,
}

impl Tokens {
    fn new(response: &BasicTokenResponse) -> Result<Self, Box<dyn Error>> {
        let lifetime = response.expires_in().ok_or("no expires_in")?;
        Ok(Self {
            access: response.access_token().secret().clone(),
            refresh: response.refresh_token().ok_or("no refresh_token")?.clone(),
            renew_at: Instant::now() + lifetime.saturating_sub(MARGIN),
        })
    }
}

impl Client {
    async fn log_in(base: &str, username: &str, password: &str) -> Result<Self, Box<dyn Error>> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let oauth = BasicClient::new(ClientId::new("refresh-example".to_owned()))
            .set_auth_uri(AuthUrl::new(format!("{base}/authorize"))?)
            .set_token_uri(TokenUrl::new(format!("{base}/token"))?);
        let response = oauth
            .exchange_password(
                &ResourceOwnerUsername::new(username.to_owned()),
                &ResourceOwnerPassword::new(password.to_owned()),
            )
            .request_async(&http)
            .await?;
        Ok(Self {
            base: base.to_owned(),
            http,
            oauth,
            tokens: Mutex::new(Tokens::new(&response)?),
        })
    }

    /// Calls the API. A token that is about to expire is renewed first; one that is refused all
    /// the same is renewed once, as somebody may have revoked it.
    async fn get(&self, path: &str) -> Result<String, Box<dyn Error>> {
        let mut token = self.access_token(None).await?;
        for _ in 0..2 {
            let request = self.http.get(format!("{}{path}", self.base));
            let response = request.bearer_auth(&token).send().await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response.error_for_status()?.text().await?);
            }
            token = self.access_token(Some(&token)).await?;
        }
        Err("logged out: ask the user for the password".into())
    }

    /// An access token that is not `refused` and not about to expire.
    async fn access_token(&self, refused: Option<&str>) -> Result<String, Box<dyn Error>> {
        // Whoever waited here finds the token that the first one got.
        let mut tokens = self.tokens.lock().await;
        let good = Some(tokens.access.as_str()) != refused && Instant::now() < tokens.renew_at;
        if !good {
            let response = self
                .oauth
                .exchange_refresh_token(&tokens.refresh)
                .request_async(&self.http)
                .await?;
            // The old refresh token is spent: from here on only the new one is good.
            *tokens = Tokens::new(&response)?;
            println!("refreshed");
        }
        Ok(tokens.access.clone())
    }
}

async fn serve() -> Result<String, Box<dyn Error>> {
    let users = MemoryUsers::new().with_user("meera", "secret123", "Meera")?;
    let flow = PasswordFlow::new(users, MemoryTokens::new())
        .with_access_lifetime(Lifetime::new(Duration::from_secs(2))?)
        .with_refresh(Refresh::default());
    let app = Router::new()
        .route(
            "/me",
            get(async |user: Authenticated<&'static str>| (*user).to_owned()),
        )
        .layer(flow.bearer_layer())
        .layer(flow.token_layer("/token")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(base)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = serve().await?;
    let client = Client::log_in(&base, "meera", "secret123").await?;
    println!("logged in");
    for _ in 0..5 {
        println!("{}", client.get("/me").await?);
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
