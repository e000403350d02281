//! Whatever bytes come in: no panic, and what is accepted means what it says.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use proptest::prelude::*;
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    Authenticated, BearerLayer,
    bearer::{Rejection, validate_fn},
    model::{AccessToken, BearerToken, Realm, Scope, Session, Subject},
    token::{Authenticate, Credentials, EndpointPath, Identity, Issuer, TokenError, TokenService},
};

use crate::support::{Answer, FORM, NOON, send};

/// Hands every token that came through extraction to the handler.
async fn extracted(field: &HeaderValue) -> Answer {
    let layer = BearerLayer::new(validate_fn(|token: AccessToken| async move {
        let session = Session::new(Subject::new("x").unwrap(), NOON, NOON);
        Ok::<_, Rejection>(Authenticated::new(
            Arc::new(token.expose().to_owned()),
            session,
        ))
    }));
    let echo = service_fn(async |request: Request<()>| {
        let user = request.extensions().get::<Authenticated<String>>().unwrap();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(
            user.user().to_string(),
        ))))
    });
    let request = Request::get("/")
        .header(header::AUTHORIZATION, field)
        .body(())
        .unwrap();
    send(layer.layer(echo), request).await
}

/// Takes every credential and makes it the scope, so that the answer tells what was read.
struct Witness(Mutex<Option<(String, String)>>);

impl Authenticate for Witness {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        let (username, password) = (credentials.username(), credentials.password().expose());
        *self.0.lock().unwrap() = Some((username.to_owned(), password.to_owned()));
        Err(TokenError::InvalidGrant)
    }

    async fn is_active(&self, _: &Subject) -> Result<bool, TokenError> {
        Ok(false)
    }
}

/// Posts a body; tells the answer and what the authenticator was given, if it was asked.
async fn posted(body: Vec<u8>) -> (Answer, Option<(String, String)>) {
    let witness = Arc::new(Witness(Mutex::new(None)));
    let tokens = Arc::new(tower_oauth2_password::MemoryTokens::new());
    let service = TokenService::new(Arc::clone(&witness), Issuer::new(tokens));
    let request = Request::post("/").header(header::CONTENT_TYPE, FORM);
    let answer = send(service, request.body(Full::new(Bytes::from(body))).unwrap()).await;
    let seen = witness.0.lock().unwrap().take();
    (answer, seen)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_authorization_field_panics_and_only_the_exact_token_is_accepted(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "(?i:bearer)[ \t]{0,3}[ -~]{0,60}".prop_map(String::into_bytes),
            "Bearer [A-Za-z0-9._~+/-]{0,60}={0,3}".prop_map(String::into_bytes),
        ],
    ) {
        let Ok(field) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let answer = block_on(extracted(&field));
        let text = String::from_utf8_lossy(&bytes);
        match answer.status {
            StatusCode::OK => {
                let token = std::str::from_utf8(&answer.body).unwrap();
                prop_assert!(BearerToken::parse(token).is_some());
                let rest = text.get(6..).unwrap();
                prop_assert!(text[..6].eq_ignore_ascii_case("bearer"));
                prop_assert!(rest.starts_with(' '));
                prop_assert_eq!(rest.trim_start_matches(' '), token);
            }
            StatusCode::UNAUTHORIZED => {
                prop_assert!(!text.split(' ').next().unwrap().eq_ignore_ascii_case("bearer"));
            }
            StatusCode::BAD_REQUEST => {}
            other => prop_assert!(false, "status {other}"),
        }
    }

    #[test]
    fn every_well_formed_token_is_accepted_as_it_is(token in "[A-Za-z0-9._~+/-]{1,200}={0,2}") {
        let field = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        let answer = block_on(extracted(&field));
        prop_assert_eq!(answer.status, StatusCode::OK);
        prop_assert_eq!(&*answer.body, token.as_bytes());
    }

    #[test]
    fn no_body_panics_and_every_refusal_is_an_oauth_error(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(grant_type|username|password|scope|[a-z%+]{1,4})=[ -~]{0,20}(&[a-z_]{1,8}=[!-~]{0,9}){0,5}"
                .prop_map(String::into_bytes),
            "grant_type=password&username=[!-~]{0,12}&password=[ -~]{0,12}".prop_map(String::into_bytes),
        ],
    ) {
        let (answer, _seen) = block_on(posted(body));
        prop_assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let code = answer.json["error"].as_str().unwrap();
        let known = ["invalid_request", "unsupported_grant_type", "invalid_scope", "invalid_grant"];
        prop_assert!(known.contains(&code), "{code}");
        prop_assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    /// Any text that RFC 6749 Appendix A allows arrives as it was sent, through another encoder.
    #[test]
    fn what_a_form_encoder_writes_is_read_back_to_the_letter(
        username in "[\\t -~\u{80}-\u{fffd}\u{10000}-\u{10ffff}]{1,20}",
        password in "[\\t -~\u{80}-\u{fffd}\u{10000}-\u{10ffff}]{1,20}",
    ) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", &username)
            .append_pair("password", &password)
            .append_pair("grant_type", "password")
            .finish();
        let (answer, seen) = block_on(posted(body.into_bytes()));
        prop_assert_eq!(&answer.json["error"], "invalid_grant");
        prop_assert_eq!(seen, Some((username, password)));
    }

    /// Wherever this reader accepts a body, the lenient one of the field reads the same.
    #[test]
    fn an_accepted_body_means_the_same_to_a_lenient_reader(
        username in "[a-z%+0-9=]{1,9}",
        password in "[a-zA-Z%+0-9=!]{1,9}",
    ) {
        let body = format!("grant_type=password&username={username}&password={password}");
        let (_answer, seen) = block_on(posted(body.clone().into_bytes()));
        if let Some((username, password)) = seen {
            let pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            prop_assert_eq!(&pairs[1].1, &username);
            prop_assert_eq!(&pairs[2].1, &password);
        }
    }

    #[test]
    fn a_scope_is_read_back_from_what_it_prints(text in "[ -~]{0,30}") {
        if let Ok(scope) = text.parse::<Scope>() {
            prop_assert_eq!(&scope.to_string().parse::<Scope>().unwrap(), &scope);
            prop_assert!(text.split(' ').all(|token| scope.contains(token)));
            prop_assert_eq!(scope.iter().count() <= text.split(' ').count(), true);
        }
    }

    #[test]
    fn no_text_panics_the_values_that_an_operator_sets(text in "\\PC{0,40}") {
        let path = EndpointPath::new(&text);
        prop_assert!(path.is_err() || text.starts_with('/'));
        let realm = Realm::new(&text);
        prop_assert_eq!(realm.is_ok(), !text.is_empty() && text.chars().all(|c| {
            matches!(c, ' '..='~') && c != '"' && c != '\\'
        }));
    }
}
