//! The smallest axum application: log in, see who you are.
//!
//! ```sh
//! cargo run --example axum
//! curl -d grant_type=password -d username=meera -d password=secret123 127.0.0.1:8000/token
//! curl --oauth2-bearer TOKEN 127.0.0.1:8000/me
//! ```

use std::{env, error::Error};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, signal};
use tower_oauth2_password::{Authenticated, MemoryTokens, MemoryUsers, PasswordFlow};

struct User {
    name: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let meera = User {
        name: "Meera".to_owned(),
    };
    let users = MemoryUsers::new().with_user("meera", "secret123", meera)?;
    let flow = PasswordFlow::new(users, MemoryTokens::new());

    let app = Router::new()
        .route(
            "/me",
            get(async |user: Authenticated<User>| user.name.clone()),
        )
        .layer(flow.bearer_layer()) // guards what is above it
        .layer(flow.token_layer("/token")?); // POST /token logs in

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!(
        "Listening on http://{}; Ctrl-C stops it",
        listener.local_addr()?
    );
    axum::serve(listener, app)
        .with_graceful_shutdown(async { signal::ctrl_c().await.unwrap_or(()) })
        .await?;
    Ok(())
}
