//! What clients are told: the document at `/openapi.json`, and Swagger UI at `/docs` to try it.

mod routes;

use std::error::Error;

use axum::{
    Json, Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::Response,
    routing::get,
};
use tower_oauth2_password::{
    PasswordFlow,
    store::{TokenStore, UserStore},
    token::{EndpointPath, ResourceMetadata, ServerMetadata},
};
use utoipa::{
    Modify, OpenApi, Path,
    openapi::{
        Server,
        path::{HttpMethod, PathItem},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::args::Args;

/// All routes, as they are added up.
pub(crate) struct Docs {
    api: utoipa::openapi::OpenApi,
    /// Of whoever has no secret, so that nobody need type it.
    client: Option<String>,
}

impl Docs {
    /// Describes the endpoints of `flow` and the routes of the server.
    pub(crate) fn new<U, T>(flow: &PasswordFlow<U, T>, args: &Args) -> Result<Self, Box<dyn Error>>
    where
        U: UserStore,
        T: TokenStore,
    {
        let mut login = flow
            .openapi("/token")?
            .with_revocation(EndpointPath::new("/revoke")?)
            .with_introspection(EndpointPath::new("/introspect")?);
        for scope in args.scopes.iter() {
            login = login.with_scope(scope.parse()?, allows(scope));
        }
        // Without a proxy in front, browsers come by more than one name: `localhost`, say.
        if let Some(url) = &args.public_url {
            login = login.with_public_url(url.clone());
        }
        let mut api = Api::openapi();
        login.modify(&mut api);
        let mut public = args.clients.iter().filter(|client| client.is_public());
        let client = public.next().map(|client| client.id().as_str().to_owned());
        Ok(Self { api, client })
    }

    /// Adds the metadata documents.
    pub(crate) fn with_metadata(
        mut self,
        server: &ServerMetadata,
        resource: &ResourceMetadata,
    ) -> Self {
        let (url, document) = (resource.url(), resource.document());
        // They are at the root of the host, even if the rest is not.
        let host = url.as_str().strip_suffix(document.path().as_str());
        let described = [
            (
                server.document(),
                routes::__path_server_metadata::operation(),
            ),
            (document, routes::__path_resource_metadata::operation()),
        ];
        for (document, mut operation) in described {
            operation.tags = Some(vec!["Everybody".to_owned()]);
            let mut path = PathItem::new(HttpMethod::Get, operation);
            if self.api.servers.is_some() {
                path.servers = host.map(|host| vec![Server::new(host)]);
            }
            let paths = &mut self.api.paths.paths;
            paths.insert(document.path().as_str().to_owned(), path);
        }
        self
    }

    /// The document and the pages.
    pub(crate) fn router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let Self { api, client } = self;
        // A path that is relative works behind a proxy too. No foreign server is asked to validate
        // the document.
        let config = Config::new(["../openapi.json"])
            .validator_url("none")
            .try_it_out_enabled(true);
        let mut pages = SwaggerUi::new("/docs").config(config);
        if let Some(client) = client {
            pages = pages.oauth(utoipa_swagger_ui::oauth::Config::new().client_id(&client));
        }
        Router::new()
            .route("/openapi.json", get(async move || Json(api)))
            .merge(pages)
            .layer(map_response(guarded))
    }
}

/// Swagger UI is of the same origin as the page at `/`, which may keep a refresh token there. It
/// needs styles that stand in it, and pictures.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

async fn guarded(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn allows(scope: &str) -> &'static str {
    match scope {
        "items:read" => "See the items",
        _ => "Nothing here asks for it",
    }
}

const ABOUT: &str = "\
Log in with a password, get a bearer token, call the API.

*Authorize* takes the name and the password of a user and, if the server knows clients, the id of one.
Choose no scope, and the token allows all that the user may.

*Logout* in that dialog makes this page forget the token, and no more: whoever has a copy can go on
using it. `POST /logout` ends the login, and so does `POST /revoke` with its refresh token.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Reference server of tower-oauth2-password", description = ABOUT),
    paths(
        routes::me,
        routes::items,
        routes::sessions,
        routes::logout,
        routes::logout_everywhere,
        routes::public,
        routes::healthz
    ),
    components(schemas(routes::AboutServer, routes::AboutResource))
)]
struct Api;
