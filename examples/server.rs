//! The reference server: log in with a password, call protected routes with the token.
//!
//! ```sh
//! cargo run --example server
//! cargo run --example server -- --help
//! ```

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use axum::{Json, Router, routing::get};
use clap::Parser;
use serde_json::{Value, json};
use tokio::{net::TcpListener, signal};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Lifetime, Scope},
    password::Bcrypt,
};

/// Log in with a password, get a bearer token, call the API.
#[derive(Parser)]
#[command(name = "server")]
struct Args {
    /// Address to listen on, as HOST:PORT
    #[arg(
        long,
        env = "LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8000"
    )]
    listen: String,

    /// A user who may log in, as NAME:PASSWORD; the password is all after the first colon.
    /// Repeat for more users
    #[arg(
        long = "user",
        value_name = "NAME:PASSWORD",
        default_value = "meera:secret123"
    )]
    users: Vec<Login>,

    /// What tokens of these users may allow, separated by spaces
    #[arg(
        long,
        env = "SCOPES",
        value_name = "SCOPE",
        default_value = "me items:read"
    )]
    scopes: Scope,

    /// Cost of password hashes, 4 to 31; each step doubles the time of a login
    #[arg(
        long = "bcrypt-cost",
        env = "BCRYPT_COST",
        value_name = "COST",
        default_value = "12"
    )]
    #[arg(value_parser = parse_cost)]
    hasher: Bcrypt,

    /// How long an access token lives, in seconds
    #[arg(
        long,
        env = "ACCESS_TTL",
        value_name = "SECONDS",
        default_value = "3600"
    )]
    #[arg(value_parser = parse_lifetime)]
    access_ttl: Lifetime,
}

fn parse_cost(text: &str) -> Result<Bcrypt, Box<dyn Error + Send + Sync>> {
    Ok(Bcrypt::new(text.parse()?)?)
}

fn parse_lifetime(text: &str) -> Result<Lifetime, Box<dyn Error + Send + Sync>> {
    Ok(Lifetime::new(Duration::from_secs(text.parse()?))?)
}

#[derive(Clone)]
struct Login {
    name: String,
    password: String,
}

impl FromStr for Login {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => Ok(Self {
                name: name.to_owned(),
                password: password.to_owned(),
            }),
            _ => Err("expected NAME:PASSWORD, with neither of them empty"),
        }
    }
}

struct User {
    username: String,
}

type Flow = PasswordFlow<MemoryUsers<User>, MemoryTokens>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let app = router(&flow(args)?)?;
    let listener = TcpListener::bind(&args.listen)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                format!("{} is in use; choose another with --listen", args.listen)
            }
            _ => format!("cannot listen on {}: {error}", args.listen),
        })?;
    print_help(listener.local_addr()?, args);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop_signal())
        .await?;
    println!("stopped");
    Ok(())
}

fn flow(args: &Args) -> Result<Flow, Box<dyn Error>> {
    let mut users = MemoryUsers::new().with_hasher(args.hasher.clone());
    for Login { name, password } in &args.users {
        let user = User {
            username: name.clone(),
        };
        users = users
            .with_scoped_user(name, password, args.scopes.clone(), user)
            .map_err(|error| format!("--user {name}: {error}"))?;
    }
    let flow = PasswordFlow::new(users, MemoryTokens::new());
    Ok(flow
        .with_hasher(args.hasher.clone())
        .with_access_lifetime(args.access_ttl))
}

fn router(flow: &Flow) -> Result<Router, Box<dyn Error>> {
    let items = get(items).layer(flow.require_scope("items:read".parse()?));
    let protected = Router::new()
        .route("/me", get(me))
        .route("/items", items)
        .route_layer(flow.bearer_layer());
    let public = Router::new()
        .route("/public", get(public))
        .route_layer(flow.bearer_layer().with_optional());
    Ok(Router::new()
        .merge(protected)
        .merge(public)
        .route_service("/token", flow.token_service())
        .route("/healthz", get(async || "ok\n")))
}

async fn me(user: Authenticated<User>) -> Json<Value> {
    Json(json!({ "username": user.username, "scope": user.scope().to_string() }))
}

async fn items() -> Json<Value> {
    Json(json!([{ "id": 1, "name": "Lamp" }, { "id": 2, "name": "Chair" }]))
}

async fn public(user: Option<Authenticated<User>>) -> Json<Value> {
    Json(json!({ "username": user.map(|user| user.username.clone()) }))
}

/// Ctrl-C, or what service managers send.
async fn stop_signal() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();

    tokio::select! {
        interrupted = signal::ctrl_c() => {
            if let Err(error) = interrupted {
                eprintln!("Ctrl-C cannot be caught: {error}");
                std::future::pending::<()>().await;
            }
        }
        () = terminated => {}
    }
}

fn print_help(address: SocketAddr, args: &Args) {
    let Some(Login { name, password }) = args.users.first() else {
        return;
    };
    println!(
        "\
Listening on http://{address}; Ctrl-C stops it. Try in another terminal:

  # log in
  curl -d grant_type=password --data-urlencode {name} --data-urlencode {password} http://{address}/token

  # use the token
  curl --oauth2-bearer TOKEN http://{address}/me
  curl --oauth2-bearer TOKEN http://{address}/items
  curl http://{address}/public
",
        name = quote(&format!("username={name}")),
        password = quote(&format!("password={password}")),
    );
}

/// Quotes a word for the shell, where it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=._-@".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
