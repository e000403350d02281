//! Authenticators of the application's own, and the errors that they answer.

use std::sync::Arc;

use http::StatusCode;
use tower_oauth2_password::{
    model::Subject,
    token::{
        Authenticate, BadOAuthError, Credentials, Identity, OAuthError, TokenError, TokenService,
    },
};

use crate::support::{Answer, LOGIN, flow, send, token_request};

const BOTH: Option<&str> = Some("items:read me");

const MFA_TOKEN: &str = "a\"b\\c\u{0}\u{1f}\n\u{7f}/é€\u{10000}";

/// Asks for a one-time code after the password.
struct WithCode<A>(A);

impl<A: Authenticate> Authenticate for WithCode<A> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        let code = credentials.parameter("otp").map(str::to_owned);
        let identity = self.0.authenticate(credentials).await?;
        match code.as_deref() {
            Some("123 456") => Ok(identity),
            Some(_) => Err(TokenError::InvalidGrant),
            None => Err(OAuthError::new("mfa_required")
                .and_then(|error| error.with_description("a code is needed"))
                .and_then(|error| error.with_member("mfa_token", MFA_TOKEN))
                .and_then(|error| error.with_member("a\"b", ""))
                .and_then(|error| error.with_status(StatusCode::FORBIDDEN))
                .unwrap()
                .into()),
        }
    }

    async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
        self.0.is_active(subject).await
    }
}

async fn post_to_mfa(body: &str) -> Answer {
    let (flow, _) = flow();
    let authenticator = Arc::new(WithCode(flow.authenticator()));
    let service = TokenService::new(authenticator, flow.issuer());
    send(service, token_request(body.to_owned())).await
}

/// RFC 6749 §8.5, §5.2: an application may answer an error of its own, with members of its own,
/// whatever characters are in them (RFC 8259 §7).
#[tokio::test]
async fn an_authenticator_may_ask_for_more_in_its_own_words() {
    let answer = post_to_mfa(LOGIN).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let expected = serde_json::json!({
        "error": "mfa_required",
        "error_description": "a code is needed",
        "mfa_token": MFA_TOKEN,
        "a\"b": "",
    });
    assert_eq!(answer.json, expected);
    assert_eq!(
        answer.fields(),
        [
            ("cache-control", "no-store"),
            ("content-type", "application/json"),
            ("pragma", "no-cache"),
        ]
    );
    let error = answer.extensions.get::<TokenError>().unwrap();
    assert_eq!(error.code(), "mfa_required");
    assert_eq!(error.status(), StatusCode::FORBIDDEN);
    assert_eq!(error.to_string(), "a code is needed");
}

/// RFC 6749 §3.2: an authenticator sees the other parameters decoded, and one without a value as
/// left out.
#[tokio::test]
async fn an_authenticator_sees_the_other_parameters() {
    let post = async |more: &str| post_to_mfa(&format!("{LOGIN}{more}")).await;
    post("&otp=123+456").await.expect_token(BOTH);
    post("&%6ftp=123%20456&scope=me")
        .await
        .expect_token(Some("me"));
    let wrong = post("&otp=0").await;
    wrong.expect_error(
        400,
        "invalid_grant",
        "the username or the password is wrong",
    );
    assert_eq!(post("&otp=").await.json["error"], "mfa_required");
    assert_eq!(post("&OTP=123456").await.json["error"], "mfa_required");
    let twice = post("&otp=123+456&otp=123+456").await;
    twice.expect_error(
        400,
        "invalid_request",
        "a parameter is there more than once",
    );
}

/// Grants `admin` to whoever has the values that it expects.
struct Expecting;

impl Authenticate for Expecting {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        assert_eq!(credentials.username(), "mé era");
        assert_eq!(credentials.password().expose(), "a+b");
        assert_eq!(credentials.parameter("x"), Some("1"));
        assert_eq!(credentials.parameter("empty"), None);
        assert_eq!(credentials.parameter("absent"), None);
        let shown = format!("{credentials:?}");
        assert_eq!(shown, r#"Credentials { username: "mé era", .. }"#);
        let subject = Subject::new("7").unwrap();
        Ok(Identity::new(subject).with_scope("admin".parse().unwrap()))
    }

    async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
        Ok(subject.as_str() == "7")
    }
}

/// RFC 6749 §4.3.2: an authenticator gets the credentials as they were before the encoding, and
/// `Debug` keeps the password back.
#[tokio::test]
async fn an_authenticator_gets_the_credentials_decoded() {
    let service = TokenService::new(Expecting, flow().0.issuer());
    let body = "grant_type=password&username=m%C3%A9+era&password=a%2Bb&x=1&empty=";
    let answer = send(service, token_request(body)).await;
    answer.expect_token(Some("admin"));
}

/// RFC 6749 §3.3: what an authenticator allows is a maximum that the client cannot go beyond.
#[tokio::test]
async fn a_client_cannot_ask_for_more_than_the_authenticator_allows() {
    let service = TokenService::new(Expecting, flow().0.issuer());
    let body = "grant_type=password&username=m%C3%A9+era&password=a%2Bb&x=1&scope=root";
    let answer = send(service, token_request(body)).await;
    let told = "the scope is malformed or more than is allowed";
    answer.expect_error(400, "invalid_scope", told);
}

/// RFC 6749 §5.2: `error` and `error_description` are one or more of %x20-21 / %x23-5B /
/// %x5D-7E.
#[test]
fn an_own_error_has_a_code_and_a_description_in_the_rfcs_characters() {
    let error = OAuthError::new("mfa_required").unwrap();
    for bad in ["", "\"", "\\", "a\nb", "\t", "\u{7f}", "é", "a\"b", "a\\"] {
        OAuthError::new(bad).map(drop).unwrap_err();
        error.clone().with_description(bad).map(drop).unwrap_err();
    }
    let all: String = (' '..='~').filter(|c| !matches!(c, '"' | '\\')).collect();
    let error = TokenError::from(OAuthError::new(all.clone()).unwrap());
    assert_eq!(error.code(), all);
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
}

fn with_status(status: u16) -> Result<StatusCode, BadOAuthError> {
    let error = OAuthError::new("x").unwrap();
    let error = error.with_status(StatusCode::from_u16(status).unwrap())?;
    Ok(TokenError::from(error).status())
}

/// RFC 6749 §5.2: an error is no success; RFC 9110 §15.5.2: a 401 MUST have a challenge.
#[test]
fn an_own_error_has_the_status_of_an_error_but_not_401() {
    for bad in [100, 200, 204, 302, 304, 399, 401, 600] {
        with_status(bad).unwrap_err();
    }
    for good in [400, 403, 429, 500, 503] {
        assert_eq!(with_status(good).unwrap().as_u16(), good);
    }
}

/// RFC 9110 §15.5.6, §15.5.8, §15.5.22: a 405 MUST have `Allow`, a 407 `Proxy-Authenticate`, a
/// 426 `Upgrade`, and an own error has no way to send them.
#[test]
fn an_own_error_has_no_status_that_needs_a_field_of_its_own() {
    for bad in [405, 407, 426] {
        assert!(with_status(bad).is_err(), "{bad} was taken");
    }
}

/// RFC 6749 §5.2: each member once.
#[test]
fn an_own_error_has_each_member_once() {
    let error = OAuthError::new("x").unwrap().with_member("a", "1").unwrap();
    for bad in ["error", "error_description", "a"] {
        error.clone().with_member(bad, "2").map(drop).unwrap_err();
    }
    error.with_member("A", "2").map(drop).unwrap();
}

/// RFC 9110 §15.6.4: an own 503 says when to come back, like the others.
#[tokio::test]
async fn an_own_503_asks_to_retry() {
    struct Closed;
    impl Authenticate for Closed {
        async fn authenticate(&self, _: Credentials<'_>) -> Result<Identity, TokenError> {
            let error = OAuthError::new("closed").unwrap();
            let error = error.with_description("no logins at night").unwrap();
            Err(error
                .with_status(StatusCode::SERVICE_UNAVAILABLE)
                .unwrap()
                .into())
        }

        async fn is_active(&self, _: &Subject) -> Result<bool, TokenError> {
            Ok(true)
        }
    }
    let service = TokenService::new(Closed, flow().0.issuer());
    let answer = send(service, token_request(LOGIN)).await;
    answer.expect_error(503, "closed", "no logins at night");
}
