//! What is served, whatever the stores are.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, StatusCode, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tower_oauth2_password::{
    Authenticated, MemoryClients, PasswordFlow,
    model::{ClientId, Family, PublicUrl},
    store::{StoreError, TokenStore, UserStore},
    throttle::{RedisThrottle, forwarded_for},
    token::EndpointPath,
};

use crate::{
    args::Args,
    docs,
    stores::{Health, Named, Place},
    web,
};

/// The flow as it was asked for. Servers on one Redis count failures together; over other stores
/// each counts for itself.
pub(crate) fn flow<U, T>(users: U, tokens: T, args: &Args) -> Result<PasswordFlow<U, T>, StoreError>
where
    U: UserStore,
    T: TokenStore,
{
    let mut flow = PasswordFlow::new(users, tokens)
        .with_hasher(args.hasher.clone())
        .with_hashing_pool(args.pool())
        .with_limits(args.limits())
        .with_access_lifetime(args.access_ttl)
        .with_label(|head| Some(head.headers.get("user-agent")?.to_str().ok()?.to_owned()));
    if let Some(refresh) = args.refresh() {
        flow = flow.with_refresh(refresh);
    }
    let proxies = args.proxies;
    flow = flow.with_source(move |head| source(head, proxies));
    if args.no_throttle {
        flow = flow.with_insecure_no_throttle();
    } else if let Place::Redis(url) = &args.store {
        let timeout = Duration::from_secs(args.store_timeout.into());
        flow = flow.with_throttle(RedisThrottle::open(url)?.with_timeout(timeout));
    }
    if !args.clients.is_empty() {
        flow = flow.with_clients(MemoryClients::new(args.clients.clone()));
    }
    Ok(flow)
}

/// Where a request comes from, for whoever counts failures.
fn source(head: &Parts, proxies: usize) -> Option<IpAddr> {
    if proxies > 0 {
        let name = HeaderName::from_static("x-forwarded-for");
        return forwarded_for(&head.headers, &name, proxies);
    }
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip())
}

/// All that is served.
pub(crate) fn router<U, T>(
    mut flow: PasswordFlow<U, T>,
    args: &Args,
    url: Option<&PublicUrl>,
    health: Health,
) -> Result<Router, Box<dyn Error>>
where
    U: UserStore<User: Named>,
    T: TokenStore,
{
    let mut documents = Router::new();
    let mut docs = docs::Docs::new(&flow, args)?;
    if let Some(url) = url {
        let resource = flow.resource_metadata(url.clone());
        let resource = resource.with_scopes(args.scopes.clone());
        flow = flow.with_resource_metadata(resource.url());
        let server = flow
            .server_metadata(url.clone(), "/token")?
            .with_revocation(EndpointPath::new("/revoke")?)
            .with_scopes(args.scopes.clone());
        // Nobody but a client gets an answer there.
        let server = if args.clients.is_empty() {
            server
        } else {
            server.with_introspection(EndpointPath::new("/introspect")?)
        };
        docs = docs.with_metadata(&server, &resource);
        for document in [server.document(), resource.document()] {
            documents = documents.route_service(document.path().as_str(), document.clone());
        }
    }
    let items = get(items).layer(flow.require_scope("items:read".parse()?));
    // Every call of a route clones its state, so those that need none have none.
    let logins = Router::new()
        .route("/sessions", get(sessions::<U, T>))
        .route("/logout", post(log_out::<U, T>))
        .route("/logout-everywhere", post(log_out_everywhere::<U, T>))
        .with_state(flow.clone());
    let protected = Router::new()
        .route("/me", get(me::<U::User>))
        .route("/items", items)
        .merge(logins)
        .route_layer(flow.bearer_layer());
    let public = Router::new()
        .route("/public", get(public::<U::User>))
        .route_layer(flow.bearer_layer().with_optional());
    let store = Duration::from_secs(args.store_timeout.into());
    let form = store + args.body_time();
    let token = Router::new()
        .route_service("/token", flow.token_service())
        .layer(from_fn_with_state(form + HASHING, in_time));
    let forms = Router::new()
        .route_service("/revoke", flow.revocation_service())
        .route_service("/introspect", flow.introspection_service())
        .layer(from_fn_with_state(form, in_time));
    let others = Router::new()
        .merge(protected)
        .merge(public)
        .merge(documents)
        .merge(web::router(args))
        .route("/healthz", get(move || healthz(health)))
        .layer(from_fn_with_state(store, in_time));
    let others = others.merge(docs.router());
    Ok(others.merge(forms).merge(token))
}

/// What a login may take besides its store: a full queue of password checks waits 3.5 seconds.
const HASHING: Duration = Duration::from_secs(4);

/// The time-out of a store is one of each call. A request may need several, and a store may be
/// slow at all of them.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        let error = Json(json!({ "error": "temporarily_unavailable" }));
        let fields = [
            ("retry-after", "1"),
            ("cache-control", "no-store"),
            ("pragma", "no-cache"),
        ];
        (StatusCode::SERVICE_UNAVAILABLE, fields, error).into_response()
    })
}

async fn me<N: Named>(user: Authenticated<N>) -> Json<Value> {
    Json(json!({ "username": user.username(), "scope": user.scope().to_string() }))
}

/// Where the user is logged in, the newest first.
async fn sessions<U, T>(
    State(flow): State<PasswordFlow<U, T>>,
    user: Authenticated<U::User>,
) -> Result<Json<Value>, Unavailable>
where
    U: UserStore,
    T: TokenStore,
{
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

async fn log_out<U, T>(
    State(flow): State<PasswordFlow<U, T>>,
    user: Authenticated<U::User>,
) -> Result<StatusCode, Unavailable>
where
    U: UserStore,
    T: TokenStore,
{
    if let Some(this) = user.session().family() {
        flow.revoke_family(this).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn log_out_everywhere<U, T>(
    State(flow): State<PasswordFlow<U, T>>,
    user: Authenticated<U::User>,
) -> Result<Json<Value>, Unavailable>
where
    U: UserStore,
    T: TokenStore,
{
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
        let error = Json(json!({ "error": "temporarily_unavailable" }));
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "1")],
            error,
        )
            .into_response()
    }
}

async fn items() -> Json<Value> {
    Json(json!([{ "id": 1, "name": "Lamp" }, { "id": 2, "name": "Chair" }]))
}

async fn public<N: Named>(user: Option<Authenticated<N>>) -> Json<Value> {
    Json(json!({ "username": user.map(|user| user.username().to_owned()) }))
}

async fn healthz(health: Health) -> Result<&'static str, Unavailable> {
    health().await?;
    Ok("ok\n")
}
