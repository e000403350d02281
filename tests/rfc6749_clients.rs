//! RFC 6749 §2.3, §5.2 and RFC 7617: how a client says who it is, and what it hears if that is
//! wrong.

use http::HeaderValue;
use tower_oauth2_password::{
    model::{Realm, Subject},
    token::{Refresh, RequestFault, TokenError},
};

use crate::support::{
    Answer, Flow, LOGIN,
    clients::{
        BACKEND_SECRET, BILLING_SECRET, ODD_SECRET, TWO_METHODS, backend, basic, billing,
        confidential, encoded_basic, flow_with_client, flow_with_clients, post_with,
    },
    flow, send, token_request,
};

const BOTH: Option<&str> = Some("items:read me");
const ODD_ID: &str = "odd %41+id";

/// Logs meera in at a flow that knows its clients.
async fn log_in(fields: &[&str], more: &str) -> Answer {
    let (flow, _clock) = flow_with_clients();
    log_in_at(&flow, fields, more).await
}

async fn log_in_at(flow: &Flow, fields: &[&str], more: &str) -> Answer {
    post_with(flow.token_service(), fields, format!("{LOGIN}{more}")).await
}

/// Logs meera in and says for which client.
async fn client_of(fields: &[&str], more: &str) -> String {
    let (flow, _clock) = flow_with_clients();
    let answer = log_in_at(&flow, fields, more).await;
    answer.expect_tokens(BOTH);
    let subject = Subject::new("meera").unwrap();
    let families = flow.families(&subject).await.unwrap();
    assert_eq!(families.len(), 1);
    families[0].client().unwrap().to_string()
}

/// A choice: without a client store nothing that a client says about itself is looked at, as
/// Swagger UI sends empty credentials with every login.
#[tokio::test]
async fn without_a_client_store_no_client_credentials_are_looked_at() {
    let (flow, _clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    let wrong = basic("who", "knows");
    for fields in [
        &[][..],
        &[&*wrong],
        &["Basic Og=="],
        &["Basic !!!"],
        &["Basic"],
        &["Bearer abc"],
        &["Bearer"],
        &["\u{e9}"],
        &[&*wrong, "Basic Og=="],
        &["Bearer a", "Bearer b"],
    ] {
        for more in [
            "",
            "&client_id=who",
            "&client_secret=knows",
            "&client_id=a:b&client_secret=knows",
        ] {
            let tokens = log_in_at(&flow, fields, more).await.expect_tokens(BOTH);
            let form = tokens.refresh_form() + more;
            let answer = post_with(flow.token_service(), fields, form).await;
            answer.expect_tokens(BOTH);
        }
    }
}

/// §3.2.1, §5.2: `invalid_client` if no client says who it is. No `Authorization` field was
/// tried, so it is no 401, which would make a browser ask its user for a password.
#[tokio::test]
async fn a_login_of_no_client_is_refused_without_a_challenge() {
    for (fields, more) in [
        (&[][..], ""),
        (&["Basic Og=="], ""),
        (&["Basic Og"], ""),
        (&[], "&client_id="),
        (&[], "&client_id=&client_secret="),
        (&[], "&client_secret="),
        (&["Basic Og=="], "&client_id=&client_secret="),
    ] {
        log_in(fields, more).await.expect_bad_client();
    }
}

/// §5.2, RFC 7617 §2: a client that used `Authorization` MUST get 401 and a challenge of that
/// scheme, and learns not what was wrong.
#[tokio::test]
async fn wrong_basic_credentials_are_answered_with_a_challenge() {
    for field in [
        basic("backend", "wrong"),
        basic("backend", BILLING_SECRET),
        basic("backend", &BACKEND_SECRET.to_uppercase()),
        basic("backend", &format!("{BACKEND_SECRET} ")),
        basic("backend", &format!(":{BACKEND_SECRET}")),
        basic("backend", ""),
        basic("BACKEND", BACKEND_SECRET),
        basic(" backend", BACKEND_SECRET),
        basic("unknown", BACKEND_SECRET),
        basic("unknown", ""),
        basic("", BACKEND_SECRET),
        basic("é", BACKEND_SECRET),
        basic(&"a".repeat(256), BACKEND_SECRET),
        encoded_basic(&encoded_text("backend"), BACKEND_SECRET),
    ] {
        log_in(&[&field], "").await.expect_challenge();
    }
}

/// Every character of `text` as `%XX`.
fn encoded_text(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}

/// §5.2, RFC 7617 §2: so do credentials that cannot be read.
#[tokio::test]
async fn malformed_basic_credentials_are_answered_with_a_challenge() {
    for field in [
        "Basic !!!",
        "Basic YmFja2VuZA==",     // no colon
        "Basic Og===",            // too much of it
        "Basic Oh==",             // bits to spare
        "Basic O",                // no whole byte
        "Basic Og==, Basic Og==", // two in one
        "Basic O g==",            // a space within
        "Basic /zr/",             // FF 3A FF: no UTF-8
        "Basic _zr_",             // the other alphabet
        "Basic wzo=",             // C3 3A: half a character
        "Basic realm=x",
        "Basic é",
    ] {
        log_in(&[field], "").await.expect_challenge();
        let more = "&client_id=phone";
        log_in(&[field], more).await.expect_challenge();
    }
}

/// RFC 7617 §2: the challenge names a realm, and §2.1 the charset in which credentials are read.
#[tokio::test]
async fn the_realm_of_the_challenge_can_be_set() {
    let (flow, _clock) = flow_with_clients();
    let flow = flow.with_realm(Realm::new("the shop").unwrap());
    for answer in [
        post_with(flow.token_service(), &["Basic YQ"], LOGIN).await,
        post_with(flow.revocation_service(), &["Basic YQ"], "token=x").await,
        post_with(flow.introspection_service(), &["Basic YQ"], "token=x").await,
    ] {
        answer.expect_challenge_of("the shop");
    }
    let service = flow.token_service();
    let service = service.with_realm(Realm::new("other").unwrap());
    let answer = post_with(service, &["Basic YQ"], LOGIN).await;
    answer.expect_challenge_of("other");
}

/// §5.2: wrong credentials in the body are 400: the client did not use `Authorization`.
#[tokio::test]
async fn wrong_credentials_in_the_body_are_refused_without_a_challenge() {
    for more in [
        "&client_id=backend&client_secret=wrong".to_owned(),
        format!("&client_id=backend&client_secret={BILLING_SECRET}"),
        format!("&client_id=unknown&client_secret={BACKEND_SECRET}"),
        "&client_id=unknown".to_owned(),
        "&client_id=a:b".to_owned(),
        "&client_id=%C3%A9".to_owned(),
        format!("&client_id={}", "a".repeat(256)),
        // A body is decoded once.
        format!("&client_id=%2562ackend&client_secret={BACKEND_SECRET}"),
    ] {
        log_in(&[], &more).await.expect_bad_client();
    }
}

/// §2.3.1: HTTP Basic is supported for clients with a secret, and the body may be.
#[tokio::test]
async fn a_confidential_client_logs_in_with_its_secret() {
    let body = format!("&client_id=backend&client_secret={BACKEND_SECRET}");
    assert_eq!(client_of(&[&backend()], "").await, "backend");
    assert_eq!(client_of(&[&billing()], "").await, "billing");
    assert_eq!(client_of(&[], &body).await, "backend");
    // Swagger UI fills in both its empty Basic and the body.
    assert_eq!(client_of(&["Basic Og=="], &body).await, "backend");
}

/// §2.3.1, Appendix B: id and secret are form-encoded before base64. Half of the real clients do
/// not do that, so both are right.
#[tokio::test]
async fn basic_credentials_may_be_form_encoded_or_raw() {
    for field in [
        encoded_basic(ODD_ID, ODD_SECRET),
        basic(ODD_ID, ODD_SECRET),
        basic(&encoded_text(ODD_ID), &encoded_text(ODD_SECRET)),
        basic(
            &ODD_ID.replace('%', "%25").replace('+', "%2b"),
            "s:é+%2541%2B%26",
        ),
    ] {
        assert_eq!(client_of(&[&field], "").await, ODD_ID, "{field}");
    }
    let body = form_urlencoded::Serializer::new("&".to_owned())
        .append_pair("client_id", ODD_ID)
        .append_pair("client_secret", ODD_SECRET)
        .finish();
    assert_eq!(client_of(&[], &body).await, ODD_ID);
    // Both are encoded or neither is.
    let half = basic(&encoded_text(ODD_ID), ODD_SECRET);
    log_in(&[&half], "").await.expect_challenge();
}

/// §2.3.1: `%` and `+` in a raw secret are themselves, even where they would decode to something
/// else or to nothing.
#[tokio::test]
async fn percent_and_plus_in_a_raw_secret_are_themselves() {
    for secret in ["a+b", "100%", "%", "%zz", "%41", "%FF", "%00", "+", "a%2"] {
        let client = confidential("backend", secret);
        let flow = flow_with_client(client);
        for field in [basic("backend", secret), encoded_basic("backend", secret)] {
            log_in_at(&flow, &[&field], "").await.expect_tokens(BOTH);
        }
        let decoded = secret.replace('+', " ").replace("%41", "A");
        if decoded != secret {
            let field = basic("backend", &decoded);
            log_in_at(&flow, &[&field], "").await.expect_challenge();
        }
    }
}

/// RFC 9110 §11.1: a scheme has no case. RFC 7617 §2: base64; some clients leave its padding out.
#[tokio::test]
async fn the_scheme_has_no_case_and_the_base64_needs_no_padding() {
    let padded = basic("billing", BILLING_SECRET);
    assert!(padded.ends_with('='), "{padded}");
    let unpadded = padded.trim_end_matches('=');
    let credentials = &padded["Basic ".len()..];
    for field in [
        unpadded.to_owned(),
        format!("basic {credentials}"),
        format!("BASIC {credentials}"),
        format!("bAsIc   {credentials}"),
        format!("{padded}  "),
    ] {
        assert_eq!(client_of(&[&field], "").await, "billing", "{field}");
    }
}

/// §2.3, §5.2: a client MUST NOT use more than one method in a request.
#[tokio::test]
async fn two_ways_to_authenticate_are_an_invalid_request() {
    let backend = backend();
    let wrong = basic("backend", "wrong");
    let secret = format!("&client_secret={BACKEND_SECRET}");
    let both = format!("&client_id=backend{secret}");
    for (fields, more) in [
        (&[&*backend][..], &*secret),
        (&[&*backend], &both),
        (&[&*wrong], &both),
        (&[&*backend], "&client_secret=wrong"),
        (&[&*backend], "&client_id=billing"),
        (&[&*backend], "&client_id=phone"),
        (&[&*backend], "&client_id=unknown"),
        (&[&*backend, &*backend], ""),
        (&[&*backend, "Bearer x"], ""),
        (&["Basic Og==", &*backend], ""),
    ] {
        let answer = log_in(fields, more).await;
        answer.expect_error(400, "invalid_request", TWO_METHODS);
        let error = answer.extensions.get::<TokenError>().unwrap();
        let two = RequestFault::TwoClientMethods;
        assert!(matches!(error, TokenError::InvalidRequest(fault) if *fault == two));
    }
}

/// RFC 7521 §4.2: a `client_id` beside the credentials MUST name the same client.
#[tokio::test]
async fn the_same_client_id_beside_basic_is_fine() {
    let client = client_of(&[&backend()], "&client_id=backend").await;
    assert_eq!(client, "backend");
    let client = client_of(&[&backend()], "&client_id=backend&client_secret=").await;
    assert_eq!(client, "backend");
    let odd = basic(ODD_ID, ODD_SECRET);
    let client = client_of(&[&odd], "&client_id=odd+%2541%2Bid").await;
    assert_eq!(client, ODD_ID);
    let wrong = basic("backend", "wrong");
    let answer = log_in(&[&wrong], "&client_id=backend").await;
    answer.expect_challenge();
}

/// §2.3.1: in the body, `client_id` is required beside `client_secret`.
#[tokio::test]
async fn a_secret_without_an_id_is_an_invalid_request() {
    let secret = format!("&client_secret={BACKEND_SECRET}");
    for (fields, id) in [(&[][..], ""), (&[], "&client_id="), (&["Basic Og=="], "")] {
        let answer = log_in(fields, &format!("{id}{secret}")).await;
        answer.expect_error(400, "invalid_request", "client_id is missing");
    }
}

/// §3.2: neither parameter may be there twice.
#[tokio::test]
async fn a_client_parameter_that_is_there_twice_is_an_invalid_request() {
    for more in [
        "&client_id=phone&client_id=phone",
        "&client_id=phone&client_id=",
        "&client_id=phone&client_secret=&client_secret=",
    ] {
        let answer = log_in(&[], more).await;
        let told = "a parameter is there more than once";
        answer.expect_error(400, "invalid_request", told);
    }
}

/// §2.3.1: client credentials MUST NOT be in the request URI, so there they are none.
#[tokio::test]
async fn client_credentials_in_the_query_are_none() {
    let (flow, _clock) = flow_with_clients();
    let post = async |query: &str, fields: &[&str]| {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = format!("/token?{query}").parse().unwrap();
        for field in fields {
            let field = HeaderValue::from_str(field).unwrap();
            request.headers_mut().append("authorization", field);
        }
        send(flow.token_service(), request).await
    };
    let right = format!("client_id=backend&client_secret={BACKEND_SECRET}");
    post(&right, &[]).await.expect_bad_client();
    post("client_id=phone", &[]).await.expect_bad_client();
    let answer = post("client_id=other&client_secret=x", &[&backend()]).await;
    answer.expect_tokens(BOTH);
}

/// A choice: another scheme says nothing about the client, as some send their access token with
/// every request.
#[tokio::test]
async fn credentials_of_another_scheme_say_nothing_about_the_client() {
    for field in [
        "Bearer abc",
        "Digest username=\"backend\"",
        "Basi",
        "Basic2 Og==",
    ] {
        log_in(&[field], "").await.expect_bad_client();
        assert_eq!(client_of(&[field], "&client_id=phone").await, "phone");
    }
}
