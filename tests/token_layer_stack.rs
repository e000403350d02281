//! All endpoints as layers in front of one service: each answers on its path and on no other.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_oauth2_password::{
    BearerLayer, EndpointLayer, MemoryClients, PasswordFlow, TokenService,
    bearer::SessionValidator,
    model::{ClientId, ClientSecret},
    store::Client,
    token::{
        Document, EndpointPath, IntrospectionService, Issuer, PasswordAuthenticator, PathError,
        RevocationService,
    },
};

use crate::support::{FORM, LOGIN, flow, send, token_request};

const BOTH: Option<&str> = Some("items:read me");

type Form = Request<Full<Bytes>>;

/// All paths of [`stacked`], and one that is nobody's.
const PATHS: [&str; 5] = [
    "/token",
    "/revoke",
    "/introspect",
    "/.well-known/oauth-authorization-server",
    "/orders",
];

/// Every endpoint in front of one service, outside of a bearer layer.
fn stacked() -> impl Service<
    Form,
    Response = Response<impl http_body::Body<Data = Bytes, Error = Infallible>>,
    Error = Infallible,
> + Clone {
    let secret = ClientSecret::new("s3cret").digest();
    let client = Client::confidential(ClientId::new("backend").unwrap(), secret);
    let clients = MemoryClients::new([client.with_introspection(true)]);
    let flow = flow().0.with_clients(clients);
    let metadata = flow.server_metadata("https://example.com".parse().unwrap(), PATHS[0]);
    let metadata = metadata
        .unwrap()
        .with_revocation(EndpointPath::new(PATHS[1]).unwrap())
        .with_introspection(EndpointPath::new(PATHS[2]).unwrap());
    ServiceBuilder::new()
        .layer(flow.token_layer(PATHS[0]).unwrap())
        .layer(flow.revocation_layer(PATHS[1]).unwrap())
        .layer(flow.introspection_layer(PATHS[2]).unwrap())
        .layer(metadata.document().layer())
        .layer(flow.bearer_layer())
        .service(service_fn(async |request: Form| {
            let path = request.uri().path().to_owned();
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(path)))
        }))
}

/// A form of the client `backend`.
fn form(path: &str, body: &str) -> Form {
    let body = format!("{body}&client_id=backend&client_secret=s3cret");
    let mut request = token_request(body);
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// RFC 6749 §3.2, RFC 7009 §2, RFC 7662 §2 and RFC 8414 §3: each endpoint answers on its path, all
/// of them stand in one stack, and what is nobody's goes to the service inside.
#[tokio::test]
async fn all_endpoints_stand_in_one_stack() {
    let service = stacked();
    let login = send(service.clone(), form("/token", LOGIN)).await;
    let token = login.expect_token(BOTH);
    let is_active = async || {
        let body = format!("token={token}");
        let answer = send(service.clone(), form("/introspect", &body)).await;
        answer.json["active"].as_bool()
    };
    let ask = |path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        send(service.clone(), request.body(Full::default()).unwrap())
    };

    assert_eq!(is_active().await, Some(true));
    assert_eq!(ask("/orders").await.body, "/orders");
    let document = ask(PATHS[3]).await;
    assert_eq!(document.json["issuer"], "https://example.com");
    assert_eq!(document.json["token_endpoint"], "https://example.com/token");

    let revoked = send(service.clone(), form("/revoke", &format!("token={token}"))).await;
    assert_eq!((revoked.status, &*revoked.body), (StatusCode::OK, &b""[..]));
    assert_eq!(is_active().await, Some(false));
    assert_eq!(ask("/orders").await.status, StatusCode::UNAUTHORIZED);
}

/// A path is matched exactly and by itself: with anything in front or behind, a request needs a
/// token like all others.
#[tokio::test]
async fn no_endpoint_answers_beside_its_path() {
    let service = stacked();
    for path in PATHS {
        for beside in [
            format!("{path}/"),
            format!("{path}x"),
            format!("/v1{path}"),
            path.to_uppercase(),
        ] {
            let answer = send(service.clone(), form(&beside, LOGIN)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{beside}");
            assert_eq!(
                answer.fields(),
                [("www-authenticate", r#"Bearer realm="api""#)]
            );
        }
        let query = format!("{path}?access=no");
        let answer = send(service.clone(), form(&query, LOGIN)).await;
        let own = answer.header("www-authenticate").is_none();
        assert_eq!(own, path != "/orders", "{query}");
    }
}

/// The same endpoints as layers one by one: one leaves the paths of the others alone.
#[tokio::test]
async fn each_layer_answers_on_its_path_only() {
    let flow = flow().0;
    let inner = service_fn(async |request: Form| {
        let path = request.uri().path().to_owned();
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(path)))
    });
    let metadata = flow.server_metadata("https://example.com".parse().unwrap(), "/token");
    let document = metadata.unwrap().document();
    for path in PATHS {
        let request = || {
            let mut request = Request::post(path).header("content-type", FORM);
            request = request.header("host", "example.com");
            request.body(Full::<Bytes>::default()).unwrap()
        };
        let revocation = flow.revocation_layer("/revoke").unwrap().layer(inner);
        let introspection = flow.introspection_layer("/introspect").unwrap();
        let introspection = introspection.layer(inner);
        let document = document.layer().layer(inner);
        for (own, answer) in [
            (PATHS[1], send(revocation, request()).await),
            (PATHS[2], send(introspection, request()).await),
            (PATHS[3], send(document, request()).await),
        ] {
            assert_eq!(answer.body == path, path != own, "{own} {path}");
            assert_eq!(answer.status.is_success(), path != own, "{own} {path}");
        }
    }
}

/// A bad path is an error when the flow is set up.
#[test]
fn a_bad_path_is_refused_by_every_layer() {
    let (flow, _clock) = flow();
    for bad in ["", "revoke", "/revoke?a=b", "https://example.com/revoke"] {
        assert_eq!(flow.revocation_layer(bad).err(), Some(PathError), "{bad:?}");
        assert_eq!(
            flow.introspection_layer(bad).err(),
            Some(PathError),
            "{bad:?}"
        );
    }
}

/// Stores are shared and never cloned, so nothing asks that they can be.
#[test]
fn cloning_asks_nothing_of_the_stores() {
    struct Users;
    struct Tokens;
    type Checks = PasswordAuthenticator<Users>;

    fn is_clone<T: Clone>() {}

    is_clone::<PasswordFlow<Users, Tokens>>();
    is_clone::<Issuer<Tokens>>();
    is_clone::<Checks>();
    is_clone::<TokenService<Checks, Tokens>>();
    is_clone::<RevocationService<Tokens>>();
    is_clone::<IntrospectionService<Checks, Tokens>>();
    is_clone::<EndpointLayer<TokenService<Checks, Tokens>>>();
    is_clone::<EndpointLayer<RevocationService<Tokens>>>();
    is_clone::<EndpointLayer<IntrospectionService<Checks, Tokens>>>();
    is_clone::<EndpointLayer<Document>>();
    is_clone::<BearerLayer<SessionValidator<Users, Tokens>>>();
}
