//! RFC 6750 and the HTTP rules that it stands on: one test per requirement on a protected
//! resource.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_auth::parse_challenges;
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};
use tower_oauth2_password::{
    Authenticated, BearerLayer, RequireScope,
    bearer::{Rejection, Validate, validate_fn},
    model::{AccessToken, Anonymous, BearerToken, Realm, Session, Subject},
    store::StoreError,
};

use crate::support::{Answer, Flow, NOON, User, captured_log, flow, log_in, send, users};

type Body = Full<Bytes>;
type Guarded = BoxCloneService<Request<Body>, Response<Full<Bytes>>, Infallible>;

/// A handler that says whom it saw, and what the extensions held besides.
async fn handler(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let extensions = request.extensions();
    let user = extensions.get::<Authenticated<User>>();
    let seen = match (user, extensions.get::<Anonymous>()) {
        (Some(user), _) => format!("{} {}", user.name, user.scope()),
        (None, Some(_)) => "anonymous".to_owned(),
        (None, None) => "nobody asked".to_owned(),
    };
    Ok(Response::new(Full::from(seen)))
}

/// Collects the response, so that every layer's service has one type.
fn guarded<V: Validate<User = User>>(layer: &BearerLayer<V>) -> Guarded {
    let service = layer.layer(service_fn(handler));
    BoxCloneService::new(service_fn(move |request| {
        let service = service.clone();
        async move {
            let answer = send(service, request).await;
            let mut response = Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            *response.extensions_mut() = answer.extensions;
            Ok(response)
        }
    }))
}

fn get(authorization: &[&[u8]]) -> Request<Body> {
    let mut request = Request::get("/me").body(Body::default()).unwrap();
    for field in authorization {
        let field = HeaderValue::from_bytes(field).unwrap();
        request.headers_mut().append(header::AUTHORIZATION, field);
    }
    request
}

fn bearer(token: &str) -> Request<Body> {
    get(&[format!("Bearer {token}").as_bytes()])
}

fn refused(answer: &Answer, status: u16, challenge: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert!(
        answer.extensions.get::<Rejection>().is_some(),
        "no rejection for outer layers"
    );
}

const MISSING: &str = r#"Bearer realm="api""#;
const MALFORMED: &str = r#"Bearer realm="api", error="invalid_request""#;
const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

/// Sends a request to a service behind the bearer layer of [`flow`].
async fn ask(request: Request<Body>) -> Answer {
    let (flow, _clock) = flow();
    send(guarded(&flow.bearer_layer()), request).await
}

async fn ask_as(flow: &Flow, token: &str) -> Answer {
    send(guarded(&flow.bearer_layer()), bearer(token)).await
}

/// §2.1: the Authorization header field is supported.
#[tokio::test]
async fn a_valid_token_in_the_header_lets_the_request_through() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let answer = ask_as(&flow, &token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, "Meera items:read me");
    assert_eq!(answer.header("www-authenticate"), None);
}

/// RFC 9110 §11.1: a scheme has no case. RFC 6750 §2.1: one or more spaces.
#[tokio::test]
async fn the_scheme_has_no_case_and_any_number_of_spaces_follows() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    for prefix in ["bearer ", "BEARER ", "bEaReR ", "Bearer   "] {
        let request = get(&[format!("{prefix}{token}").as_bytes()]);
        let answer = send(guarded(&flow.bearer_layer()), request).await;
        assert_eq!(answer.status, StatusCode::OK, "{prefix:?}");
    }
}

/// §3.1: no credentials, so no error code and no other error information.
#[tokio::test]
async fn a_request_without_credentials_gets_401_without_an_error_code() {
    let answer = ask(get(&[])).await;
    refused(&answer, 401, MISSING);
    assert_eq!(answer.body, "");
}

/// §3.1: an unsupported scheme is a lack of credentials.
#[tokio::test]
async fn another_scheme_gets_401_without_an_error_code() {
    for field in [
        "Basic Og==",
        "Digest x=1",
        "Bearerx abc",
        "Bear abc",
        "Bearer\tabc",
    ] {
        let answer = ask(get(&[field.as_bytes()])).await;
        refused(&answer, 401, MISSING);
    }
}

/// §2.1 and §3.1: what is no `b64token` is a malformed request: 400 `invalid_request`.
#[tokio::test]
async fn malformed_credentials_get_400_invalid_request() {
    let fields: [&[u8]; 13] = [
        b"Bearer",
        b"Bearer ",
        b"Bearer   ",
        b"Bearer a b",
        b"Bearer a,b",
        b"Bearer abc ",
        b"Bearer \tabc",
        b"Bearer =",
        b"Bearer a=b",
        b"Bearer \"abc\"",
        b"Bearer \xe9",
        b"",
        b" abc",
    ];
    for field in fields {
        let answer = ask(get(&[field])).await;
        refused(&answer, 400, MALFORMED);
        assert_eq!(answer.json["error"], "invalid_request", "{field:?}");
    }
}

/// RFC 9110 §5.3, §11.6.2: the field is a singleton; of two it is unclear which one is meant.
#[tokio::test]
async fn two_authorization_fields_are_refused() {
    let (flow, _clock) = flow();
    let token = format!("Bearer {}", log_in(&flow).await);
    for other in [token.as_str(), "Basic Og==", "Bearer other"] {
        for fields in [
            [token.as_bytes(), other.as_bytes()],
            [other.as_bytes(), token.as_bytes()],
        ] {
            let answer = send(guarded(&flow.bearer_layer()), get(&fields)).await;
            refused(&answer, 400, MALFORMED);
        }
    }
}

/// §2, §3.1: not more than one method in a request.
#[tokio::test]
async fn a_token_in_header_and_query_is_refused() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    for query in ["access_token=x", "a=b&access_token=", "access_token"] {
        let mut request = bearer(&token);
        *request.uri_mut() = format!("/me?{query}").parse().unwrap();
        let answer = send(guarded(&flow.bearer_layer()), request).await;
        refused(&answer, 400, MALFORMED);
    }
    let mut request = bearer(&token);
    *request.uri_mut() = "/me?my_access_token=x".parse().unwrap();
    let answer = send(guarded(&flow.bearer_layer()), request).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "another parameter is none of our business"
    );
}

/// §2.2, §2.3: tokens in body and query are not supported (RFC 9700 §4.3.2).
#[tokio::test]
async fn a_token_in_the_query_or_the_body_is_no_credential() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let mut request = get(&[]);
    *request.uri_mut() = format!("/me?access_token={token}").parse().unwrap();
    refused(
        &send(guarded(&flow.bearer_layer()), request).await,
        401,
        MISSING,
    );

    let request = Request::post("/me").header("content-type", crate::support::FORM);
    let request = request
        .body(Full::from(format!("access_token={token}")))
        .unwrap();
    refused(
        &send(guarded(&flow.bearer_layer()), request).await,
        401,
        MISSING,
    );
}

/// A header of any length would be hashed before it is refused.
#[tokio::test]
async fn a_token_above_the_cap_is_refused_unread() {
    let (flow, _clock) = flow();
    let (longest, longer) = ("a".repeat(4096), "a".repeat(4097));
    refused(&ask_as(&flow, &longest).await, 401, INVALID);
    refused(&ask_as(&flow, &longer).await, 400, MALFORMED);
    let layer = flow.bearer_layer().with_max_token_bytes(42);
    let token = log_in(&flow).await;
    refused(&send(guarded(&layer), bearer(&token)).await, 400, MALFORMED);
}

/// §3.1: `invalid_token`. Unknown, expired and disabled look the same, so that nobody learns
/// which tokens there ever were.
#[tokio::test]
async fn unknown_expired_and_disabled_get_one_answer() {
    let (flow, clock) = flow();
    let token = log_in(&flow).await;
    let unknown = ask_as(&flow, "dW5rbm93bg").await;
    clock.advance(Duration::from_secs(3600));
    let expired = ask_as(&flow, &token).await;

    let users = users();
    let flow = tower_oauth2_password::PasswordFlow::new(
        users.clone(),
        tower_oauth2_password::MemoryTokens::new(),
    )
    .with_hasher(crate::support::fast());
    let token = log_in(&flow).await;
    assert_eq!(ask_as(&flow, &token).await.status, StatusCode::OK);
    users.set_enabled(&Subject::new("meera").unwrap(), false);
    let disabled = ask_as(&flow, &token).await;

    refused(&unknown, 401, INVALID);
    assert_eq!(unknown.json["error"], "invalid_token");
    for other in [expired, disabled] {
        refused(&other, 401, INVALID);
        assert_eq!(other.headers, unknown.headers);
        assert_eq!(other.body, unknown.body);
    }
}

/// §5.2: expiry is checked, to the second (RFC 6749 §5.1: `expires_in` counts full seconds).
#[tokio::test]
async fn a_token_is_refused_from_the_second_it_expires() {
    let (flow, clock) = flow();
    let token = log_in(&flow).await;
    clock.advance(Duration::from_secs(3599));
    assert_eq!(ask_as(&flow, &token).await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    refused(&ask_as(&flow, &token).await, 401, INVALID);
}

fn failing() -> BearerLayer<impl Validate<User = User>> {
    BearerLayer::new(validate_fn(|_: AccessToken| async {
        Err(Rejection::Unchecked(StoreError::new("db-7 said no")))
    }))
}

/// "I could not check" is not "you are nobody" (OWASP ASVS 16.5.3): 503, no challenge, and
/// nothing of the store's text. Rows 5 and 9 of `mistakes.rs`.
#[tokio::test]
async fn a_failing_store_is_503_and_never_401() {
    let answer = send(guarded(&failing()), bearer("abc")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.json["error"], "temporarily_unavailable");
    assert!(!String::from_utf8_lossy(&answer.body).contains("db-7"));

    let log = captured_log(async { drop(send(guarded(&failing()), bearer("abc")).await) }).await;
    assert!(
        log.contains("db-7 said no"),
        "the operator has to know: {log}"
    );
}

/// A validator that has to wait takes the boxed path, and the handler sees the same.
#[tokio::test]
async fn a_validator_that_waits_lets_the_request_through_as_well() {
    let layer = BearerLayer::new(validate_fn(|token: AccessToken| async move {
        tokio::task::yield_now().await;
        assert_eq!(token.expose(), "abc");
        let session = Session::new(Subject::new("meera").unwrap(), NOON, NOON);
        Ok(Authenticated::new(Arc::new(User::new("Meera")), session))
    }));
    let answer = send(guarded(&layer), bearer("abc")).await;
    assert_eq!(answer.body, "Meera ");
}

/// Row 6 of `mistakes.rs`: optional means that credentials may be missing, not that they may be wrong.
#[tokio::test]
async fn optional_lets_missing_credentials_through_and_no_others() {
    let (flow, _clock) = flow();
    let service = guarded(&flow.bearer_layer().with_optional());
    assert_eq!(send(service.clone(), get(&[])).await.body, "anonymous");
    assert_eq!(
        send(service.clone(), get(&[b"Basic Og=="])).await.body,
        "anonymous"
    );
    refused(
        &send(service.clone(), bearer("unknown")).await,
        401,
        INVALID,
    );
    refused(
        &send(service.clone(), get(&[b"Bearer"])).await,
        400,
        MALFORMED,
    );
    refused(&send(service.clone(), get(&[b""])).await, 400, MALFORMED);
    let token = log_in(&flow).await;
    assert_eq!(
        send(service, bearer(&token)).await.body,
        "Meera items:read me"
    );
    let service = guarded(&failing().with_optional());
    assert_eq!(
        send(service, bearer("abc")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

/// What an earlier layer, or a mistake, left behind does not become a login.
#[tokio::test]
async fn an_earlier_user_is_taken_out_of_an_anonymous_request() {
    let (flow, _clock) = flow();
    let session = Session::new(Subject::new("mallory").unwrap(), NOON, NOON);
    let mut request = get(&[]);
    let planted = Authenticated::new(Arc::new(User::new("Mallory")), session);
    request.extensions_mut().insert(planted);
    let answer = send(guarded(&flow.bearer_layer().with_optional()), request).await;
    assert_eq!(answer.body, "anonymous");
}

/// OWASP ASVS 16.2.5: the token is in no `Debug` output of the headers.
#[tokio::test]
async fn the_header_is_marked_as_sensitive() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let seen = Arc::new(Mutex::new(String::new()));
    let inner = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Body>| {
            *seen.lock().unwrap() = format!("{:?}", request.headers());
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        }
    });
    send(flow.bearer_layer().layer(inner), bearer(&token)).await;
    let seen = seen.lock().unwrap().clone();
    assert!(seen.contains("Sensitive"), "{seen}");
    assert!(!seen.contains(&token), "{seen}");
}

/// A browser sends preflights without credentials.
#[tokio::test]
async fn a_preflight_gets_through_where_asked_for_and_nothing_else_does() {
    let (flow, _clock) = flow();
    let preflight = |method: Method, fields: &[&str]| {
        let mut request = Request::new(Body::default());
        *request.method_mut() = method;
        for field in fields {
            let name = header::HeaderName::from_bytes(field.as_bytes()).unwrap();
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("x"));
        }
        request
    };
    let fields = ["origin", "access-control-request-method"];
    let closed = guarded(&flow.bearer_layer());
    refused(
        &send(closed, preflight(Method::OPTIONS, &fields)).await,
        401,
        MISSING,
    );

    let open = guarded(&flow.bearer_layer().with_preflight());
    let answer = send(open.clone(), preflight(Method::OPTIONS, &fields)).await;
    assert_eq!(answer.body, "anonymous");
    for (method, fields) in [
        (Method::GET, &fields[..]),
        (Method::OPTIONS, &fields[..1]),
        (Method::OPTIONS, &fields[1..]),
        (Method::OPTIONS, &[]),
    ] {
        refused(
            &send(open.clone(), preflight(method, fields)).await,
            401,
            MISSING,
        );
    }
}

/// The hook rewrites the body. Status, challenge and `Retry-After` are not its business.
#[tokio::test]
async fn the_body_hook_cannot_lose_the_challenge() {
    let (flow, _clock) = flow();
    let layer = flow.bearer_layer().with_body(|rejection, response| {
        *response = Response::new(Bytes::from(format!("own: {rejection}")));
    });
    let answer = send(guarded(&layer), get(&[])).await;
    refused(&answer, 401, MISSING);
    assert_eq!(answer.body, "own: no bearer token in the request");

    let layer = failing().with_body(|_, response| {
        *response = Response::new(Bytes::new());
    });
    let answer = send(guarded(&layer), bearer("abc")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

async fn ask_for_scope(token: &str, flow: &Flow, scope: &str) -> Answer {
    let guard = flow.require_scope(scope.parse().unwrap());
    let service = flow.bearer_layer().layer(guard.layer(service_fn(handler)));
    send(service, bearer(token)).await
}

/// §3.1: `insufficient_scope` is 403 and names the scope that is needed.
#[tokio::test]
async fn a_token_without_the_scope_gets_403_with_the_scope_it_needs() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    for enough in ["me", "items:read", "me items:read"] {
        assert_eq!(
            ask_for_scope(&token, &flow, enough).await.status,
            StatusCode::OK
        );
    }
    let answer = ask_for_scope(&token, &flow, "items:write me").await;
    let challenge = r#"Bearer realm="api", error="insufficient_scope", scope="items:write me""#;
    refused(&answer, 403, challenge);
    assert_eq!(answer.json["error"], "insufficient_scope");
    let near = ask_for_scope(&token, &flow, "items").await;
    assert_eq!(
        near.status,
        StatusCode::FORBIDDEN,
        "a prefix is another scope"
    );
}

/// Fails closed: without a layer, and with one for another type of user.
#[tokio::test]
async fn a_scope_guard_without_a_bearer_layer_is_500_and_says_so_in_the_log() {
    struct Other;
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let log = captured_log(async {
        let alone = flow
            .require_scope("me".parse().unwrap())
            .layer(service_fn(handler));
        let answer = send(alone, bearer(&token)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.header("www-authenticate"), None);

        let guard = RequireScope::<Other>::new("me".parse().unwrap());
        let service = flow.bearer_layer().layer(guard.layer(service_fn(handler)));
        let answer = send(service, bearer(&token)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    })
    .await;
    assert_eq!(log.matches("no BearerLayer").count(), 2, "{log}");
    assert!(log.contains("RequireScope"), "{log}");
}

#[tokio::test]
async fn a_scope_guard_sends_an_anonymous_request_to_log_in() {
    let (flow, _clock) = flow();
    let guard = flow.require_scope("me".parse().unwrap());
    let service = flow
        .bearer_layer()
        .with_optional()
        .layer(guard.layer(service_fn(handler)));
    refused(&send(service, get(&[])).await, 401, MISSING);
}

/// §3: auth-params are separated by commas, each at most once. Row 3 of `mistakes.rs`: read back
/// by a parser that is not ours.
#[tokio::test]
async fn every_challenge_is_read_back_by_another_parser() {
    let (flow, _clock) = flow();
    let flow = flow.with_realm(Realm::new("Orders, API = v2").unwrap());
    let token = log_in(&flow).await;
    for (answer, expected) in [
        (send(guarded(&flow.bearer_layer()), get(&[])).await, vec![]),
        (
            ask_as(&flow, "unknown").await,
            vec![("error", "invalid_token")],
        ),
        (
            ask_as(&flow, "a b").await,
            vec![("error", "invalid_request")],
        ),
        (
            ask_for_scope(&token, &flow, "a b").await,
            vec![("error", "insufficient_scope"), ("scope", "a b")],
        ),
    ] {
        let challenges = parse_challenges(answer.header("www-authenticate").unwrap()).unwrap();
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].scheme, "Bearer");
        let params: HashMap<_, _> = challenges[0]
            .params
            .iter()
            .map(|(name, value)| (*name, value.to_unescaped()))
            .collect();
        assert_eq!(
            params.len(),
            challenges[0].params.len(),
            "a parameter twice"
        );
        let expected = [("realm", "Orders, API = v2")].into_iter().chain(expected);
        let expected: HashMap<_, _> = expected.map(|(n, v)| (n, v.to_owned())).collect();
        assert_eq!(params, expected);
    }
}

/// §3, RFC 9110 §15.5.2: row 2 of `mistakes.rs`, in both modes and from both guards.
#[tokio::test]
async fn every_401_comes_with_a_challenge() {
    let (flow, _clock) = flow();
    let guard = flow.require_scope("me".parse().unwrap());
    let layer = flow.bearer_layer();
    let optional = flow.bearer_layer().with_optional();
    let services = [guarded(&layer), guarded(&optional)];
    let mut seen = 0;
    for field in [
        &b"Bearer unknown"[..],
        b"Bearer AAAA====",
        b"Basic Og==",
        b"Custom x",
    ] {
        for service in &services {
            let answer = send(service.clone(), get(&[field])).await;
            if answer.status == StatusCode::UNAUTHORIZED {
                assert!(
                    answer
                        .header("www-authenticate")
                        .unwrap()
                        .starts_with("Bearer realm=")
                );
                seen += 1;
            }
        }
    }
    assert_eq!(
        seen, 6,
        "four of the required layer, two of the optional one"
    );
    let anonymous = optional.layer(guard.layer(service_fn(handler)));
    refused(&send(anonymous, get(&[])).await, 401, MISSING);
}

/// §3.1 as a table: row 4 of `mistakes.rs` is a wrong pair of status and code.
#[test]
fn every_rejection_has_the_status_and_the_code_of_the_rfc() {
    let required = "me".parse().unwrap();
    for (rejection, status, code) in [
        (Rejection::Missing, 401, None),
        (Rejection::Malformed, 400, Some("invalid_request")),
        (Rejection::Invalid, 401, Some("invalid_token")),
        (Rejection::CrossSite, 403, Some("access_denied")),
        (
            Rejection::InsufficientScope { required },
            403,
            Some("insufficient_scope"),
        ),
    ] {
        assert_eq!(
            (rejection.status().as_u16(), rejection.code()),
            (status, code)
        );
    }
}

/// RFC 9111 §3.5 is left to the handler: nothing is added to what it answers.
#[tokio::test]
async fn the_inner_response_passes_unchanged() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let inner = service_fn(async |_: Request<Body>| {
        let response = Response::builder().status(404).header("x-own", "1");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from("gone"))).unwrap())
    });
    let answer = send(flow.bearer_layer().layer(inner), bearer(&token)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers.len(), 1);
    assert_eq!(answer.body, "gone");
}

/// Row 7 of `mistakes.rs`: a rejection is a response; the service's own error stays what it was.
#[tokio::test]
async fn a_rejection_is_no_error_and_an_error_is_no_rejection() {
    #[derive(Debug, PartialEq)]
    struct Own;
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let inner = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(Own));
    let service = flow.bearer_layer().layer(inner);
    let rejected = service
        .clone()
        .oneshot(get(&[]))
        .await
        .map(|response| response.status());
    assert_eq!(rejected, Ok(StatusCode::UNAUTHORIZED));
    assert_eq!(service.oneshot(bearer(&token)).await.err(), Some(Own));
}

/// A validator is asked about well-formed tokens only.
#[tokio::test]
async fn a_validator_never_sees_a_malformed_token() {
    struct Strict;
    impl Validate for Strict {
        type User = User;

        async fn validate(&self, token: BearerToken<'_>) -> Result<Authenticated<User>, Rejection> {
            assert_eq!(token.expose(), "good");
            Err(Rejection::Invalid)
        }
    }
    let service = guarded(&BearerLayer::new(Strict));
    for field in [&b"Bearer b@d"[..], b"Bearer", b"Basic good", b""] {
        send(service.clone(), get(&[field])).await;
    }
    refused(&send(service, bearer("good")).await, 401, INVALID);
}
