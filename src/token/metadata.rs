use std::{
    convert::Infallible,
    fmt,
    future::ready,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE},
};
use tower_service::Service;

use super::{EndpointLayer, EndpointPath, ResponseFuture};
use crate::{
    model::{PublicUrl, Scope},
    wire::{JsonObject, ResponseBody},
};

const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// What clients can find out about the token endpoint by themselves ([RFC 8414]).
///
/// `PasswordFlow::server_metadata` sets it up as the flow is set up.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::token::{EndpointPath, ServerMetadata};
///
/// let metadata = ServerMetadata::new("https://example.com/orders".parse()?, EndpointPath::new("/token")?)
///     .with_revocation(EndpointPath::new("/revoke")?);
/// let document = metadata.document();
/// assert_eq!(document.path().as_str(), "/.well-known/oauth-authorization-server/orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
#[derive(Clone, Debug)]
pub struct ServerMetadata {
    issuer: PublicUrl,
    token: EndpointPath,
    revocation: Option<EndpointPath>,
    introspection: Option<EndpointPath>,
    scopes: Scope,
    refreshes: bool,
    knows_clients: bool,
}

impl ServerMetadata {
    /// The token endpoint is at `token` below `issuer`, and offers the password grant to any
    /// client.
    pub fn new(issuer: PublicUrl, token: EndpointPath) -> Self {
        Self {
            issuer,
            token,
            revocation: None,
            introspection: None,
            scopes: Scope::EMPTY,
            refreshes: false,
            knows_clients: false,
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

    /// Sets the path of the revocation endpoint below the issuer. The default is that there is none.
    #[must_use]
    pub fn with_revocation(mut self, path: EndpointPath) -> Self {
        self.revocation = Some(path);
        self
    }

    /// Sets the path of the introspection endpoint below the issuer. The default is that there is none.
    #[must_use]
    pub fn with_introspection(mut self, path: EndpointPath) -> Self {
        self.introspection = Some(path);
        self
    }

    /// Sets the scopes that clients are told of. The default is none.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scope) -> Self {
        self.scopes = scopes;
        self
    }

    /// The document, to be served on [`Document::path`].
    pub fn document(&self) -> Document {
        const CONFIDENTIAL: [&str; 2] = ["client_secret_basic", "client_secret_post"];
        const ANY: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
        let methods = if self.knows_clients {
            &ANY[..]
        } else {
            &["none"]
        };
        let grants: &[&str] = if self.refreshes {
            &["password", "refresh_token"]
        } else {
            &["password"]
        };
        let list = |values: &[&'static str]| values.to_vec();
        let url = |path: &EndpointPath| self.issuer.below(path.as_str());
        // `response_types_supported` is required (§2) and a list without elements is forbidden
        // (§3.2). "none" is the registered type that names no response; there is no endpoint to
        // ask for it.
        let mut json = JsonObject::new()
            .string("issuer", self.issuer.as_str())
            .string("token_endpoint", &url(&self.token))
            .strings("response_types_supported", ["none"])
            .strings("grant_types_supported", list(grants))
            .strings("token_endpoint_auth_methods_supported", list(methods));
        if let Some(path) = &self.revocation {
            json = json
                .string("revocation_endpoint", &url(path))
                .strings("revocation_endpoint_auth_methods_supported", list(methods));
        }
        if let Some(path) = &self.introspection {
            json = json.string("introspection_endpoint", &url(path)).strings(
                "introspection_endpoint_auth_methods_supported",
                CONFIDENTIAL,
            );
        }
        if !self.scopes.is_empty() {
            json = json.strings("scopes_supported", self.scopes.iter());
        }
        Document::new(&well_known(SERVER, &self.issuer), json.finish())
    }
}

/// What clients can find out about the protected resource by themselves ([RFC 9728]): above all,
/// where they get a token for it.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::token::ResourceMetadata;
///
/// let metadata = ResourceMetadata::new("https://api.example.com".parse()?)
///     .with_authorization_server("https://login.example.com".parse()?)
///     .with_name("Orders");
/// assert_eq!(
///     metadata.url().as_str(),
///     "https://api.example.com/.well-known/oauth-protected-resource",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 9728]: https://www.rfc-editor.org/rfc/rfc9728
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    resource: PublicUrl,
    servers: Vec<PublicUrl>,
    scopes: Scope,
    name: Option<String>,
}

impl ResourceMetadata {
    /// `resource` is where clients reach the service, to the letter as they write it (§3.3).
    pub fn new(resource: PublicUrl) -> Self {
        Self {
            resource,
            servers: Vec::new(),
            scopes: Scope::EMPTY,
            name: None,
        }
    }

    /// Adds an authorization server whose tokens are taken, by its issuer identifier.
    #[must_use]
    pub fn with_authorization_server(mut self, issuer: PublicUrl) -> Self {
        self.servers.push(issuer);
        self
    }

    /// Sets the scopes that clients are told of. The default is none.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scope) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets the name that users are shown. The default is none.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where the document is, for `BearerLayer::with_resource_metadata`.
    pub fn url(&self) -> PublicUrl {
        let path = well_known(RESOURCE, &self.resource);
        self.resource.with_path(&path)
    }

    /// The document, to be served on [`Document::path`].
    pub fn document(&self) -> Document {
        let mut json = JsonObject::new().string("resource", self.resource.as_str());
        if !self.servers.is_empty() {
            let servers = self.servers.iter().map(PublicUrl::as_str);
            json = json.strings("authorization_servers", servers);
        }
        json = json.strings("bearer_methods_supported", ["header"]);
        if !self.scopes.is_empty() {
            json = json.strings("scopes_supported", self.scopes.iter());
        }
        if let Some(name) = &self.name {
            json = json.string("resource_name", name);
        }
        Document::new(&well_known(RESOURCE, &self.resource), json.finish())
    }
}

/// The path of `url` goes behind the well-known one (RFC 8414 §3.1, RFC 9728 §3.1).
fn well_known(prefix: &str, url: &PublicUrl) -> String {
    format!("{prefix}{}", url.path())
}

/// A metadata document as a service: answers every `GET`, whatever its path. A clone allocates
/// nothing.
#[derive(Clone)]
pub struct Document {
    path: EndpointPath,
    json: Bytes,
}

impl Document {
    fn new(path: &str, json: Bytes) -> Self {
        let path = EndpointPath::new(path).expect("the path of a public URL is one");
        Self { path, json }
    }

    /// Where clients look for it.
    pub fn path(&self) -> &EndpointPath {
        &self.path
    }

    /// The document as a layer that answers on its path and leaves all else to the service
    /// inside.
    pub fn layer(&self) -> EndpointLayer<Self> {
        EndpointLayer::new(self.path.clone(), self.clone())
    }

    fn answer(&self, method: &Method) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        if method != Method::GET && method != Method::HEAD {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if method == Method::HEAD {
            // RFC 9110 §8.6: the length of what `GET` gets. A router that is left to measure the
            // body would say 0.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.json.len()));
        } else {
            *response.body_mut() = self.json.clone();
        }
        response
    }
}

impl<B> Service<Request<B>> for Document {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::new(ready(self.answer(request.method())))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
