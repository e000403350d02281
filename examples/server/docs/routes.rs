//! The routes of this server, as macros have it: what is described is in `app.rs`.

#![expect(dead_code, reason = "only what the macros make of it is used")]

use utoipa::ToSchema;

#[derive(ToSchema)]
pub(super) struct Me {
    username: String,
    /// What the token allows.
    scope: String,
}

/// Who the token belongs to
#[utoipa::path(
    get,
    path = "/me",
    tag = "User",
    security(("oauth2" = [])),
    responses((status = 200, description = "The user.", body = Me))
)]
pub(super) fn me() {}

#[derive(ToSchema)]
pub(super) struct Item {
    id: u32,
    name: String,
}

/// What only a token with `items:read` shows
#[utoipa::path(
    get,
    path = "/items",
    tag = "User",
    security(("oauth2" = ["items:read"])),
    responses((status = 200, description = "All items.", body = [Item]))
)]
pub(super) fn items() {}

#[derive(ToSchema)]
pub(super) struct Session {
    id: String,
    /// Whether the request came with a token of this login.
    this_one: bool,
    /// From what the user logged in.
    #[schema(required)]
    label: Option<String>,
    #[schema(required)]
    client: Option<String>,
    /// In seconds since 1970.
    created_at: u64,
    /// In seconds since 1970.
    refreshed_at: u64,
}

/// Where the user is logged in, the newest first
#[utoipa::path(
    get,
    path = "/sessions",
    tag = "User",
    security(("oauth2" = [])),
    responses((status = 200, description = "The logins.", body = [Session]))
)]
pub(super) fn sessions() {}

/// End the login that the token is of
#[utoipa::path(
    post,
    path = "/logout",
    tag = "User",
    security(("oauth2" = [])),
    responses((status = 204, description = "None of its tokens is good any more."))
)]
pub(super) fn logout() {}

#[derive(ToSchema)]
pub(super) struct Ended {
    /// How many logins were ended.
    ended: u32,
}

/// End all logins of the user
#[utoipa::path(
    post,
    path = "/logout-everywhere",
    tag = "User",
    security(("oauth2" = [])),
    responses((status = 200, description = "No token of the user is good any more.", body = Ended))
)]
pub(super) fn logout_everywhere() {}

#[derive(ToSchema)]
pub(super) struct Visitor {
    /// Nobody, without a token.
    #[schema(required)]
    username: Option<String>,
}

/// What everybody may see, with a token or without
#[utoipa::path(
    get,
    path = "/public",
    tag = "Everybody",
    security((), ("oauth2" = [])),
    responses((status = 200, description = "Who asks.", body = Visitor))
)]
pub(super) fn public() {}

/// Whether the server and its store are there
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Everybody",
    responses(
        (status = 200, description = "They are.", body = String, content_type = "text/plain"),
        (
            status = 503,
            description = "They are not.",
            headers(("Retry-After" = u32, description = "For how many seconds to wait.")),
            body = ref("#/components/schemas/OAuth2Error")
        )
    )
)]
pub(super) fn healthz() {}

#[derive(ToSchema)]
pub(super) struct AboutServer {
    issuer: String,
    token_endpoint: String,
    response_types_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint: Option<String>,
    revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    introspection_endpoint: Option<String>,
    introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
}

/// Where the endpoints are (RFC 8414)
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The metadata.", body = AboutServer))
)]
pub(super) fn server_metadata() {}

#[derive(ToSchema)]
pub(super) struct AboutResource {
    resource: String,
    authorization_servers: Vec<String>,
    bearer_methods_supported: Vec<String>,
    scopes_supported: Option<Vec<String>>,
}

/// Which tokens are taken here (RFC 9728)
#[utoipa::path(
    get,
    path = "",
    responses((status = 200, description = "The metadata.", body = AboutResource))
)]
pub(super) fn resource_metadata() {}
