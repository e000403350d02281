//! `Authenticated<User>` and `Option<Authenticated<User>>` in the signature of an axum handler.

use axum::{Router, body::Body, http::Request, routing::get};
use http::StatusCode;
use tower_oauth2_password::{Authenticated, model::Realm};

use crate::support::{Answer, User, captured_log, flow, log_in, send};

async fn required(user: Authenticated<User>) -> String {
    user.name.clone()
}

async fn optional(user: Option<Authenticated<User>>) -> String {
    user.map_or("anonymous".to_owned(), |user| user.name.clone())
}

fn routes() -> Router {
    Router::new()
        .route("/required", get(required))
        .route("/optional", get(optional))
}

async fn ask(app: &Router, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(app.clone(), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn both_see_the_user_of_a_valid_token() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let app = routes().layer(flow.bearer_layer());
    for path in ["/required", "/optional"] {
        let answer = ask(&app, path, Some(&token)).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (StatusCode::OK, &b"Meera"[..])
        );
    }
}

#[tokio::test]
async fn behind_an_optional_layer_one_sees_nobody_and_the_other_asks_for_a_login() {
    let (flow, _clock) = flow();
    let flow = flow.with_realm(Realm::new("orders").unwrap());
    let app = routes().layer(flow.bearer_layer().with_optional());
    assert_eq!(ask(&app, "/optional", None).await.body, "anonymous");

    let refused = ask(&app, "/required", None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer realm="orders""#)
    );

    let bad = ask(&app, "/optional", Some("bad")).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
}

/// A forgotten layer must not make everybody anonymous.
#[tokio::test]
async fn without_a_layer_both_answer_500_and_name_the_missing_layer_in_the_log() {
    let app = routes();
    for path in ["/required", "/optional"] {
        let log = captured_log(async {
            let answer = ask(&app, path, Some("abc")).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.json["error"], "server_error");
        })
        .await;
        assert!(
            log.contains("no BearerLayer for this user type ran"),
            "{log}"
        );
        assert!(
            log.contains("support::User"),
            "the log does not name the type: {log}"
        );
    }
}

#[tokio::test]
async fn a_layer_for_another_type_of_user_is_no_layer() {
    struct Other;
    async fn other(_: Option<Authenticated<Other>>) {}

    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let app = Router::new()
        .route("/", get(other))
        .layer(flow.bearer_layer());
    assert_eq!(
        ask(&app, "/", Some(&token)).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}
