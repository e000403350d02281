//! The page at `/`: a client in a browser, written by hand, that shows what one has to take care of.

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::{Html, Response},
    routing::{MethodRouter, get},
};

use crate::args::Args;

/// Nothing but the page's own files, and no script that stands in it. The form goes nowhere by
/// itself, and no text becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page and its files.
pub(crate) fn router<S>(args: &Args) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // A page has no place for the secret of a confidential client.
    let client = args.clients.iter().find(|client| client.is_public());
    let client = client.map_or("", |client| client.id().as_str());
    let page = include_str!("index.html").replace("CLIENT_ID", &escaped(client));
    Router::new()
        .route("/", get(async move || Html(page)))
        .route("/web/app.js", script(include_str!("app.js")))
        .route("/web/http.js", script(include_str!("http.js")))
        .route("/web/session.js", script(include_str!("session.js")))
        .route("/web/vault.js", script(include_str!("vault.js")))
        .route(
            "/web/style.css",
            file("text/css", include_str!("style.css")),
        )
        .route(
            "/web/icon.svg",
            file("image/svg+xml", include_str!("icon.svg")),
        )
        .layer(map_response(guarded))
}

/// For an attribute of the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;")
}

fn script<S>(text: &'static str) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    file("text/javascript", text)
}

fn file<S>(kind: &'static str, text: &'static str) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    get(async move || ([(header::CONTENT_TYPE, kind)], text))
}

async fn guarded(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The files are small, and belong to this very version of the server.
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
