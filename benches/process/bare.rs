//! What is left of the `server` example without its login, and without all but its login.

use std::{future::pending, num::NonZeroUsize, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow, password::HashingPool,
};

/// Serves one route to everybody.
#[tokio::main]
pub async fn serve_open(address: &str) {
    serve(address, Router::new().route("/me", get(me))).await;
}

/// The same with a layer that does nothing.
#[tokio::main]
pub async fn serve_layered(address: &str) {
    let nothing = MapRequestLayer::new(|request: Request| request);
    let app = Router::new().route("/me", get(me)).route_layer(nothing);
    serve(address, app).await;
}

/// Serves what `benches/fastapi/app.py` does.
#[tokio::main]
pub async fn serve_alone(address: &str) {
    let scope = "me items:read".parse().unwrap();
    let users = MemoryUsers::new()
        .with_scoped_user("meera", "secret123", scope, "meera")
        .unwrap();
    let pool = HashingPool::new(NonZeroUsize::MIN, 16);
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hashing_pool(pool);
    let app = Router::new()
        .route("/me", get(my_own))
        .route_layer(flow.bearer_layer())
        .route_service("/token", flow.token_service());
    serve(address, app).await;
}

async fn serve(address: &str, app: Router) {
    let app = app.layer(from_fn_with_state(Duration::from_secs(2), in_time));
    let listener = TcpListener::bind(address).await.unwrap();
    crate::serve::serve(listener, app, Duration::from_secs(10), pending()).await;
}

async fn me() -> Json<Value> {
    Json(json!({ "username": "meera", "scope": "items:read me".to_string() }))
}

async fn my_own(user: Authenticated<&'static str>) -> Json<Value> {
    Json(json!({ "username": **user.user(), "scope": user.scope().to_string() }))
}

async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
}
