//! RFC 6749, the request to the token endpoint: method, URI, parameters, Appendix B.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_oauth2_password::{MemoryTokens, PasswordFlow};

use crate::support::{Flow, LOGIN, User, fast, flow, post_form, send, token_request, users};

const BOTH: Option<&str> = Some("items:read me");
const BAD_FORM: &str = "the body is not form-encoded UTF-8 text";
const REPEATED: &str = "a parameter is there more than once";

/// [`flow`] with one more user, `arjun`, who may have nothing.
fn flow_with_arjun(password: &str) -> Flow {
    let users = users()
        .with_user("arjun", password, User::new("Arjun"))
        .unwrap();
    PasswordFlow::new(users, MemoryTokens::new()).with_hasher(fast())
}

/// §3.2: the client MUST use POST. RFC 9110 §15.5.6: a 405 MUST come with `Allow`.
#[tokio::test]
async fn every_method_but_post_is_refused_with_the_allowed_one() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let mut request = token_request(LOGIN);
        *request.method_mut() = method;
        let (flow, _) = flow();

        let answer = send(flow.token_service(), request).await;

        answer.expect_error(405, "invalid_request", "a token request is a POST");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

/// §3.2, §1.6: TLS is required; behind a proxy the library can hold that by what the proxy says.
#[tokio::test]
async fn a_request_that_did_not_come_over_tls_is_refused_if_https_is_required() {
    let scheme = HeaderName::from_static("x-forwarded-proto");
    let (flow, _) = flow();
    let service = flow.token_service().with_https_required(scheme.clone());
    let post = async |values: &[&str]| {
        let mut request = token_request(LOGIN);
        for value in values {
            request
                .headers_mut()
                .append(&scheme, value.parse().unwrap());
        }
        send(service.clone(), request).await
    };

    for refused in [
        &[][..],
        &["http"],
        &[""],
        &["https,http"],
        &["https", "https"],
        &["https", "http"],
        &["http", "https"],
    ] {
        let answer = post(refused).await;
        answer.expect_error(400, "invalid_request", "a token request needs TLS");
    }
    post(&["https"]).await.expect_token(BOTH);
    post(&["HTTPS"]).await.expect_token(BOTH);
}

/// §3.2, §1.6: without a proxy to trust, what a client says about the scheme is not looked at.
#[tokio::test]
async fn the_scheme_is_not_looked_at_unless_https_is_required() {
    let mut request = token_request(LOGIN);
    let http = "http".parse().unwrap();
    request.headers_mut().insert("x-forwarded-proto", http);
    let (flow, _) = flow();
    send(flow.token_service(), request).await.expect_token(BOTH);
}

/// §3.2: the endpoint's URI may have a query component.
#[tokio::test]
async fn the_endpoint_is_found_with_any_query() {
    let (flow, _) = flow();
    let inner = service_fn(
        async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("a token request went to the inner service")
        },
    );
    let service = flow.token_layer("/token").unwrap().layer(inner);
    for uri in [
        "/token?tenant=1",
        "/token?",
        "/token?/token/",
        "https://api.example/token?tenant=1",
    ] {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = uri.parse().unwrap();
        send(service.clone(), request).await.expect_token(BOTH);
    }
}

/// §2.3.1: credentials MUST NOT be in the request URI, so what is there does not count.
#[tokio::test]
async fn parameters_in_the_query_do_not_count() {
    let (flow, _) = flow();
    let post = async |query: &str, body: &str| {
        let mut request = token_request(body.to_owned());
        *request.uri_mut() = format!("/token?{query}").parse().unwrap();
        send(flow.token_service(), request).await
    };

    let answer = post(LOGIN, "").await;
    answer.expect_error(400, "invalid_request", "grant_type is missing");
    let answer = post("password=secret123", "grant_type=password&username=meera").await;
    answer.expect_error(400, "invalid_request", "password is missing");
    let answer = post("username=eve&scope=admin&grant_type=x", LOGIN).await;
    answer.expect_token(BOTH);
}

/// §3.2: a parameter without a value MUST be treated as if it were omitted.
#[tokio::test]
async fn a_parameter_without_a_value_counts_as_left_out() {
    for (body, missing) in [
        (
            "grant_type=&username=meera&password=secret123",
            "grant_type",
        ),
        ("grant_type&username=meera&password=secret123", "grant_type"),
        (
            "grant_type=password&username=&password=secret123",
            "username",
        ),
        ("grant_type=password&username=meera&password=", "password"),
        ("grant_type=password&username=meera&password", "password"),
    ] {
        let answer = post_form(body).await;
        answer.expect_error(400, "invalid_request", &format!("{missing} is missing"));
    }
    let optional = format!("{LOGIN}&scope=&client_id=&client_secret=");
    post_form(optional).await.expect_token(BOTH);
}

/// §3.2: unrecognised parameters MUST be ignored.
#[tokio::test]
async fn parameters_that_nobody_knows_are_ignored() {
    for body in [
        format!("resource=a&{LOGIN}&%E2%82%AC=1&Grant_Type=x&refresh_token=y"),
        format!("&&{LOGIN}&&=nameless&"),
    ] {
        post_form(body).await.expect_token(BOTH);
    }
}

/// §3.2, §5.2: no parameter MUST be there more than once, known or unknown, with a value or not.
#[tokio::test]
async fn a_parameter_that_is_there_twice_is_an_invalid_request() {
    for more in [
        "grant_type=password",
        "username=meera",
        "password=secret123",
        "password=",
        "password",
        "user%6eame=meera",
        "scope=me&scope=me",
        "scope=&scope=",
        "unknown=1&unknown=2",
        "=1&=2",
    ] {
        let answer = post_form(format!("{LOGIN}&{more}")).await;
        answer.expect_error(400, "invalid_request", REPEATED);
    }
}

/// §4.3.2, Appendix B, with Appendix B's own example: `+` and `%2B` are two characters.
#[tokio::test]
async fn the_octets_of_appendix_b_are_read_as_it_says() {
    let flow = flow_with_arjun(" %&+£€");
    let post = async |password: &str| {
        let body = format!("grant_type=password&username=arjun&password={password}");
        send(flow.token_service(), token_request(body)).await
    };

    for right in ["+%25%26%2B%C2%A3%E2%82%AC", "%20%25%26%2b%c2%a3€"] {
        post(right).await.expect_token(None);
    }
    let wrong = post("%2B%25%26%2B%C2%A3%E2%82%AC").await;
    wrong.expect_error(
        400,
        "invalid_grant",
        "the username or the password is wrong",
    );
}

/// §4.3.2, Appendix B: names are encoded like values.
#[tokio::test]
async fn names_are_decoded_too() {
    let body = "%67rant%5Ftype=p%61ssword&%75sername=meer%61&password=secret123";
    post_form(body).await.expect_token(BOTH);
}

/// Appendix B: the text is UTF-8; replacing what is none would make different passwords equal.
#[tokio::test]
async fn text_that_is_no_utf_8_is_an_invalid_request() {
    for bad in [
        &b"password=%FF"[..],
        b"password=\xff",
        b"password=%C3",
        b"password=%C0%80",
        b"password=%ED%A0%80",
        b"password=%F4%90%80%80",
        b"password=x&%FF=1",
    ] {
        let body = [b"grant_type=password&username=meera&", bad].concat();
        let answer = post_form(body).await;
        answer.expect_error(400, "invalid_request", BAD_FORM);
    }
}

/// Appendix B: a percent sign is followed by two hexadecimal digits.
#[tokio::test]
async fn a_percent_sign_without_two_digits_is_an_invalid_request() {
    for bad in ["%", "%2", "%zz", "%2g", "%+1", "%%32", "50%&x=1", "%u20AC"] {
        let body = format!("grant_type=password&username=meera&password={bad}");
        let answer = post_form(body).await;
        answer.expect_error(400, "invalid_request", BAD_FORM);
    }
}

/// A choice: no grant has more than 64 parameters, and each costs a look at all before it.
#[tokio::test]
async fn more_than_64_parameters_are_an_invalid_request() {
    // LOGIN has three.
    let with_more = |more: usize| {
        let more: Vec<String> = (0..more).map(|n| format!("&p{n}=")).collect();
        format!("{LOGIN}{}", more.concat())
    };
    post_form(with_more(61)).await.expect_token(BOTH);
    let answer = post_form(with_more(62)).await;
    answer.expect_error(400, "invalid_request", "there are too many parameters");
}

/// §4.3.2: `grant_type`, `username` and `password` are required. §5.2: without, it is invalid.
#[tokio::test]
async fn a_required_parameter_that_is_missing_is_an_invalid_request() {
    for (body, missing) in [
        ("", "grant_type"),
        ("&&&", "grant_type"),
        ("username=meera&password=secret123", "grant_type"),
        ("grant_type=password", "username"),
        ("grant_type=password&password=secret123", "username"),
        ("grant_type=password&username=meera", "password"),
        (
            "grant_type=password&Username=meera&password=secret123",
            "username",
        ),
    ] {
        let answer = post_form(body).await;
        answer.expect_error(400, "invalid_request", &format!("{missing} is missing"));
    }
}

/// §5.2: `unsupported_grant_type`, whatever else is in the request.
#[tokio::test]
async fn a_grant_type_that_is_not_offered_is_unsupported() {
    for grant_type in [
        "authorization_code",
        "client_credentials",
        "PASSWORD",
        "password+",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        for rest in ["", "&username=meera&password=secret123", "&scope=a++b"] {
            let answer = post_form(format!("grant_type={grant_type}{rest}")).await;
            let told = "the grant type is not offered here";
            answer.expect_error(400, "unsupported_grant_type", told);
        }
    }
}

/// Appendix A.15, A.16: a username and a password are `*UNICODECHARNOCRLF`, which has no control
/// character but TAB, and neither U+FFFE nor U+FFFF.
#[tokio::test]
async fn a_control_character_is_an_invalid_request() {
    let mut bad: Vec<String> = (0..0x20)
        .chain([0x7f])
        .filter(|byte| *byte != b'\t')
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    bad.extend(["\n", "%EF%BF%BE", "%EF%BF%BF"].map(str::to_owned));
    for bad in bad {
        for body in [
            format!("grant_type=password&username=meera&password=secret123{bad}"),
            format!("grant_type=password&username=meera{bad}&password=secret123"),
        ] {
            let answer = post_form(body).await;
            answer.expect_error(400, "invalid_request", BAD_FORM);
        }
    }
}

/// Appendix A.16: all else of Unicode may be in a password, and is compared as it came
/// (OWASP ASVS 6.2.8): not trimmed, not normalised, not folded.
#[tokio::test]
async fn a_password_may_be_any_other_text_and_is_taken_as_it_came() {
    let password = "\t \u{80}é\u{fffd}\u{10000}\u{10ffff} ";
    let flow = flow_with_arjun(password);
    let post = async |password: &str| {
        let password: String = form_urlencoded::byte_serialize(password.as_bytes()).collect();
        let body = format!("grant_type=password&username=arjun&password={password}");
        send(flow.token_service(), token_request(body)).await
    };

    post(password).await.expect_token(None);
    for other in [
        password.trim(),
        password.trim_end(),
        &password.replace('é', "e\u{301}"),
        &password.replace('é', "É"),
    ] {
        let answer = post(other).await;
        answer.expect_error(
            400,
            "invalid_grant",
            "the username or the password is wrong",
        );
    }
}
