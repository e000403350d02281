//! The reference server: log in with a password, call protected routes with the token.
//!
//! ```sh
//! cargo run --example server
//! cargo run --example server -- --help
//! ```

mod args;

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    process::ExitCode,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clap::Parser;
use serde_json::{Value, json};
use tokio::{net::TcpListener, signal};
use tower_oauth2_password::{
    Authenticated, MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{ClientId, Family, PublicUrl},
    store::StoreError,
    token::EndpointPath,
};

use args::{Args, Login};

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
    let flow = flow(args)?;
    let listener = TcpListener::bind(&args.listen)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                format!("{} is in use; choose another with --listen", args.listen)
            }
            _ => format!("cannot listen on {}: {error}", args.listen),
        })?;
    let address = listener.local_addr()?;
    let url = public_url(args, address);
    let app = router(flow, args, url.as_ref())?;
    print_help(address, args, url.as_ref());
    axum::serve(listener, app)
        .with_graceful_shutdown(stop_signal())
        .await?;
    println!("stopped");
    Ok(())
}

/// Never from a request's `Host`, which the client chooses.
fn public_url(args: &Args, address: SocketAddr) -> Option<PublicUrl> {
    let own = || format!("http://{address}").parse().ok();
    args.public_url.clone().or_else(own)
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
    let mut flow = PasswordFlow::new(users, MemoryTokens::new())
        .with_hasher(args.hasher.clone())
        .with_access_lifetime(args.access_ttl)
        .with_label(|head| Some(head.headers.get("user-agent")?.to_str().ok()?.to_owned()));
    if let Some(refresh) = args.refresh() {
        flow = flow.with_refresh(refresh);
    }
    if !args.clients.is_empty() {
        flow = flow.with_clients(MemoryClients::new(args.clients.clone()));
    }
    Ok(flow)
}

fn router(mut flow: Flow, args: &Args, url: Option<&PublicUrl>) -> Result<Router, Box<dyn Error>> {
    let mut documents = Router::new();
    if let Some(url) = url {
        let resource = flow.resource_metadata(url.clone());
        let resource = resource.with_scopes(args.scopes.clone());
        flow = flow.with_resource_metadata(resource.url());
        let server = flow
            .server_metadata(url.clone(), "/token")?
            .with_revocation(EndpointPath::new("/revoke")?)
            .with_introspection(EndpointPath::new("/introspect")?)
            .with_scopes(args.scopes.clone());
        for document in [server.document(), resource.document()] {
            documents = documents.route_service(document.path().as_str(), document.clone());
        }
    }
    let items = get(items).layer(flow.require_scope("items:read".parse()?));
    let protected = Router::new()
        .route("/me", get(me))
        .route("/items", items)
        .route("/sessions", get(sessions))
        .route("/logout", post(log_out))
        .route("/logout-everywhere", post(log_out_everywhere))
        .route_layer(flow.bearer_layer());
    let public = Router::new()
        .route("/public", get(public))
        .route_layer(flow.bearer_layer().with_optional());
    Ok(Router::new()
        .merge(protected)
        .merge(public)
        .merge(documents)
        .route_service("/token", flow.token_service())
        .route_service("/revoke", flow.revocation_service())
        .route_service("/introspect", flow.introspection_service())
        .route("/healthz", get(async || "ok\n"))
        .with_state(flow))
}

async fn me(user: Authenticated<User>) -> Json<Value> {
    Json(json!({ "username": user.username, "scope": user.scope().to_string() }))
}

/// Where the user is logged in, the newest first.
async fn sessions(
    State(flow): State<Flow>,
    user: Authenticated<User>,
) -> Result<Json<Value>, Unavailable> {
    let this = user.session().family();
    let describe = |family: &Family| {
        json!({
            "id": family.id().to_string(),
            "this_one": this == Some(family.id()),
            "label": family.label(),
            "client": family.client().map(ClientId::as_str),
            "created_at": family.created_at().as_secs(),
            "refreshed_at": family.refreshed_at().as_secs(),
        })
    };
    let families = flow.families(user.session().subject()).await?;
    Ok(Json(families.iter().map(describe).collect()))
}

async fn log_out(
    State(flow): State<Flow>,
    user: Authenticated<User>,
) -> Result<StatusCode, Unavailable> {
    if let Some(this) = user.session().family() {
        flow.revoke_family(this).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn log_out_everywhere(
    State(flow): State<Flow>,
    user: Authenticated<User>,
) -> Result<Json<Value>, Unavailable> {
    let ended = flow.revoke_subject(user.session().subject()).await?;
    Ok(Json(json!({ "ended": ended })))
}

/// 503: try again. Why, the log says.
struct Unavailable(StoreError);

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        eprintln!("error: {}", self.0);
        (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response()
    }
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

fn print_help(address: SocketAddr, args: &Args, url: Option<&PublicUrl>) {
    let Some(Login { name, password }) = args.users.first() else {
        return;
    };
    let base = format!("http://{address}");
    println!("Listening on {base}; Ctrl-C stops it. Try in another terminal:\n");
    let name = quote(&format!("username={name}"));
    let password = quote(&format!("password={password}"));
    // A confidential client's secret is not printed.
    let client = args.clients.first().map_or(String::new(), |client| {
        let id = quote(client.id().as_str());
        if client.is_public() {
            format!("-d client_id={id} ")
        } else {
            format!("-u {id}:SECRET ")
        }
    });
    println!(
        "  # log in
  curl {client}-d grant_type=password --data-urlencode {name} --data-urlencode {password} {base}/token

  # use the token
  curl --oauth2-bearer TOKEN {base}/me
  curl --oauth2-bearer TOKEN {base}/items
  curl --oauth2-bearer TOKEN {base}/sessions
  curl {base}/public
"
    );
    if args.refresh().is_some() {
        println!(
            "  # get the next token without the password
  curl {client}-d grant_type=refresh_token -d refresh_token=REFRESH_TOKEN {base}/token
"
        );
    }
    println!(
        "  # log out
  curl {client}-d token=TOKEN {base}/revoke
  curl -X POST --oauth2-bearer TOKEN {base}/logout-everywhere
"
    );
    if url.is_none() {
        println!(
            "  Without --public-url there are no metadata documents: {address} is no https address.\n"
        );
    }
}

/// Quotes a word for the shell, where it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=._-@".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
