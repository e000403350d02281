//! What clients are told of a login in [OpenAPI] 3.1: the security scheme, the endpoints with every
//! answer they send, and how guarded operations refuse.
//!
//! [`PasswordFlow::openapi`](crate::PasswordFlow::openapi) describes a flow as it is set up.
//! Say of your operations which scopes they need, and [`Description::add_to`] does the rest:
//!
//! ```
//! use serde_json::json;
//! use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, token::EndpointPath};
//!
//! let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
//! let login = flow
//!     .openapi("/token")?
//!     .with_revocation(EndpointPath::new("/revoke")?)
//!     .with_scope("items:read".parse()?, "See what is for sale");
//!
//! let mut api = json!({
//!     "openapi": "3.1.0",
//!     "info": { "title": "Shop", "version": "1.0.0" },
//!     "paths": { "/items": { "get": {
//!         "security": [{ "oauth2": ["items:read"] }],
//!         "responses": { "200": { "description": "All items." } },
//!     } } },
//! });
//! login.add_to(&mut api);
//!
//! assert!(api["paths"]["/token"]["post"]["responses"]["429"].is_object());
//! assert!(api["paths"]["/items"]["get"]["responses"]["403"].is_object());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With feature `utoipa`, a [`Description`] is a `utoipa::Modify` and does the same to a
//! `utoipa::openapi::OpenApi`:
//!
//! ```
//! # mod tests {
//! # #![cfg(feature = "utoipa")]
//! use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
//! use utoipa::{Modify, OpenApi};
//!
//! #[utoipa::path(
//!     get,
//!     path = "/items",
//!     security(("oauth2" = ["items:read"])),
//!     responses((status = 200, description = "All items."))
//! )]
//! async fn items() {}
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(items))]
//! struct Api;
//!
//! # pub fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
//! let mut api = Api::openapi();
//! flow.openapi("/token")?.modify(&mut api);
//!
//! let items = api.paths.paths["/items"].get.as_ref();
//! assert!(items.is_some_and(|get| get.responses.responses.contains_key("403")));
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "utoipa")]
//! # tests::main()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Authorize* of Swagger UI then logs in as it is. It sends empty client credentials with each login,
//! which are taken for none. Its *Logout* makes the page forget the token and tells nobody: the login
//! goes on until it expires or is revoked.
//!
//! Errors that an [`Authenticate`](crate::token::Authenticate) of the application's own answers, and
//! what its handlers do, only the application can describe. Nor are the places of a token beside
//! the header described: a cookie ([`with_cookie`](crate::BearerLayer::with_cookie)), the query
//! ([`with_insecure_query`](crate::BearerLayer::with_insecure_query)), and the 403 `access_denied`
//! that a guarded operation answers where another site may have caused the request.
//!
//! [OpenAPI]: https://spec.openapis.org/oas/v3.1.1.html

mod components;
mod endpoints;
mod guarded;

pub use guarded::protect;

#[cfg(feature = "utoipa")]
pub use super::utoipa::protect_operation;

#[cfg(feature = "utoipa")]
pub(super) use guarded::{is_guarded, refusals};

use serde_json::{Map, Value, json};

use crate::{
    model::{PublicUrl, Scope},
    token::EndpointPath,
};

/// What the security scheme is called, for the `security` of operations.
pub const SCHEME: &str = "oauth2";

/// What is told of a login. The [module](self) has examples.
#[derive(Clone, Debug)]
pub struct Description {
    token: EndpointPath,
    revocation: Option<EndpointPath>,
    introspection: Option<EndpointPath>,
    url: Option<PublicUrl>,
    scopes: Vec<(Scope, String)>,
    refreshes: bool,
    knows_clients: bool,
    throttles: bool,
}

impl Description {
    /// The token endpoint is at `token`, and offers the password grant to any client.
    pub fn new(token: EndpointPath) -> Self {
        Self {
            token,
            revocation: None,
            introspection: None,
            url: None,
            scopes: Vec::new(),
            refreshes: false,
            knows_clients: false,
            throttles: false,
        }
    }

    /// Sets whether the refresh grant is offered too. The default is `false`.
    #[must_use]
    pub fn with_refresh(mut self, refreshes: bool) -> Self {
        self.refreshes = refreshes;
        self
    }

    /// Sets whether clients have to say who they are. The default is `false`.
    #[must_use]
    pub fn with_clients(mut self, knows_clients: bool) -> Self {
        self.knows_clients = knows_clients;
        self
    }

    /// Sets whether whoever guesses is slowed down. The default is `false`.
    #[must_use]
    pub fn with_throttle(mut self, throttles: bool) -> Self {
        self.throttles = throttles;
        self
    }

    /// Sets the path of the revocation endpoint. The default is that there is none.
    #[must_use]
    pub fn with_revocation(mut self, path: EndpointPath) -> Self {
        self.revocation = Some(path);
        self
    }

    /// Sets the path of the introspection endpoint. The default is that there is none.
    #[must_use]
    pub fn with_introspection(mut self, path: EndpointPath) -> Self {
        self.introspection = Some(path);
        self
    }

    /// Adds scopes that users can ask for, and says what they allow. The default is none.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope, allows: impl Into<String>) -> Self {
        self.scopes.push((scope, allows.into()));
        self
    }

    /// Sets where clients reach the service. The default is the host that the document is from:
    /// then its URLs are paths.
    #[must_use]
    pub fn with_public_url(mut self, url: PublicUrl) -> Self {
        self.url = Some(url);
        self
    }

    /// Adds the scheme, the endpoints and what they need to the document `api`, and to each of its
    /// operations whose `security` names [`SCHEME`] how it refuses.
    ///
    /// What is there already stays as it is, so that an application has the last word. What is not
    /// an object where OpenAPI needs one is replaced.
    pub fn add_to(&self, api: &mut Value) {
        let api = object(api);
        // "paths", the path, the method; "components", their kind, their name.
        fill(api, self.parts(), 3);
        guarded::describe(api);
    }

    /// The members of an OpenAPI document that have to do with the login.
    pub(super) fn parts(&self) -> Map<String, Value> {
        let components = json!({
            "schemas": self.schemas(),
            "responses": self.responses(),
            "securitySchemes": self.security_schemes(),
        });
        let mut parts = Map::from_iter([
            ("paths".to_owned(), Value::Object(self.paths())),
            ("components".to_owned(), components),
        ]);
        if let Some(url) = &self.url {
            parts.insert("servers".to_owned(), json!([{ "url": url.as_str() }]));
        }
        parts
    }

    fn url_of(&self, path: &EndpointPath) -> String {
        match &self.url {
            Some(url) => url.below(path.as_str()),
            None => path.as_str().to_owned(),
        }
    }
}

/// The object in `value`.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is an object by now")
}

/// Adds the members of `from` that are not there, down to members of members `depth` levels deep.
fn fill(into: &mut Map<String, Value>, from: Map<String, Value>, depth: usize) {
    for (name, value) in from {
        match value {
            Value::Object(members) if depth > 1 => {
                let own = into.entry(name).or_insert_with(|| json!({}));
                fill(object(own), members, depth - 1);
            }
            value => {
                into.entry(name).or_insert(value);
            }
        }
    }
}
