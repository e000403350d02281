//! Whatever stands in an `Authorization` field: no panic, and nobody is a client who is not.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use proptest::prelude::*;
use tower_oauth2_password::store::Client;

use crate::support::{
    Answer,
    clients::{basic, client_id, confidential, encoded_basic, flow_with_client},
    send, token_request,
};

/// Asks for a grant that is not offered, which only an authenticated client is told.
async fn posted(client: Client, field: HeaderValue, more: &str) -> Answer {
    let mut request = token_request(format!("grant_type=none{more}"));
    request.headers_mut().insert(header::AUTHORIZATION, field);
    send(flow_with_client(client).token_service(), request).await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

const ID: &str = "i";
const SECRET: &str = "a+";

/// Whether `field` is the Basic credentials of [`ID`] and [`SECRET`], raw or form-encoded, read
/// by the lenient readers of the field.
fn is_right(field: &[u8]) -> bool {
    let Some((scheme, credentials)) = field.split_at_checked(6) else {
        return false;
    };
    let Ok(credentials) = std::str::from_utf8(credentials.trim_ascii()) else {
        return false;
    };
    let bare = credentials.trim_end_matches('=');
    let padding = "=".repeat(bare.len().next_multiple_of(4) - bare.len());
    // Less padding than there should be is fine, more is not.
    if credentials.len() > bare.len() + padding.len() {
        return false;
    }
    let Ok(pair) = STANDARD.decode(format!("{bare}{padding}")) else {
        return false;
    };
    let Ok(pair) = String::from_utf8(pair) else {
        return false;
    };
    let Some((id, secret)) = pair.split_once(':') else {
        return false;
    };
    let decoded = |text: &str| match form_urlencoded::parse(format!("={text}").as_bytes()).next() {
        Some((_, value)) if !text.contains('&') => value.into_owned(),
        _ => text.to_owned(),
    };
    let right = [
        (id.to_owned(), secret.to_owned()),
        (decoded(id), decoded(secret)),
    ];
    scheme.eq_ignore_ascii_case(b"basic ") && right.contains(&(ID.to_owned(), SECRET.to_owned()))
}

fn near_misses() -> impl Strategy<Value = Vec<u8>> {
    let pair = prop_oneof![
        "i:[ab+%B2]{0,4}",
        "[i%69]{1,3}:a(\\+|%2[bB]| )",
        "[i:%]{0,3}[a+:%]{0,3}",
        "\\PC{0,6}:\\PC{0,6}",
    ];
    let scheme = prop_oneof![4 => Just("Basic ".to_owned()), 1 => "(?i:basic)[ \t]{0,3}"];
    (scheme, pair, "={0,2}").prop_map(|(scheme, pair, padding)| {
        let credentials = STANDARD.encode(pair);
        let credentials = credentials.trim_end_matches('=');
        format!("{scheme}{credentials}{padding}").into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// RFC 6749 §2.3.1, §5.2: whoever is not told `invalid_client` has sent the right secret, and
    /// whoever has sent it is told something else.
    #[test]
    fn no_authorization_field_panics_and_only_the_right_secret_authenticates(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "(?i:basic)[ \t]{0,3}[A-Za-z0-9+/_-]{0,40}={0,3}".prop_map(String::into_bytes),
            "Basic [ -~]{0,60}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| format!("Basic {}", STANDARD.encode(bytes)).into_bytes()),
            near_misses(),
            near_misses(),
        ],
    ) {
        let Ok(field) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let answer = block_on(posted(confidential(ID, SECRET), field, ""));
        let expected = if is_right(&bytes) { "unsupported_grant_type" } else { "invalid_client" };
        prop_assert_eq!(&answer.json["error"], expected);
        prop_assert_eq!(answer.header("cache-control"), Some("no-store"));
        let challenge = (answer.status == 401).then_some(r#"Basic realm="api", charset="UTF-8""#);
        prop_assert_eq!(answer.header("www-authenticate"), challenge);
        prop_assert!([400, 401].contains(&answer.status.as_u16()));
    }

    /// RFC 6749 §2.3.1: whatever was form-encoded before base64 is read as what it was, through
    /// another encoder. RFC 7617 §2: and so is what was not.
    #[test]
    fn every_id_and_secret_authenticates_encoded_raw_and_in_the_body(
        id in "[ -9;-~]{1,40}",
        secret in "\\PC{1,40}",
    ) {
        let client = || confidential(&id, &secret);
        let told = "unsupported_grant_type";
        let mut fields = vec![encoded_basic(&id, &secret)];
        if !id.contains(['%', '+']) && !secret.contains(['%', '+']) {
            fields.push(basic(&id, &secret));
        }
        for field in fields {
            let field = HeaderValue::try_from(field).unwrap();
            let answer = block_on(posted(client(), field, ""));
            prop_assert_eq!(&answer.json["error"], told);
        }
        let body = form_urlencoded::Serializer::new("&".to_owned())
            .append_pair("client_id", &id)
            .append_pair("client_secret", &secret)
            .finish();
        let empty = HeaderValue::from_static("Basic Og==");
        let answer = block_on(posted(client(), empty, &body));
        prop_assert_eq!(&answer.json["error"], told);
    }

    /// RFC 7617 §2: a raw id and secret with `%` and `+` in them are read as they are.
    #[test]
    fn every_raw_id_and_secret_authenticates_whatever_it_would_decode_to(
        id in "[a%+1B]{1,9}",
        secret in "[aé:%+&=1B ]{1,9}",
    ) {
        let field = HeaderValue::try_from(basic(&id, &secret)).unwrap();
        let answer = block_on(posted(confidential(&id, &secret), field, ""));
        prop_assert_eq!(&answer.json["error"], "unsupported_grant_type");
    }

    /// RFC 6749 Appendix A.1, RFC 7617 §2.
    #[test]
    fn no_text_panics_a_client_id(text in "\\PC{0,300}|[ -~]{0,300}") {
        let allowed = |c| matches!(c, ' '..='~') && c != ':';
        let good = (1..=255).contains(&text.len()) && text.chars().all(allowed);
        let id = tower_oauth2_password::model::ClientId::new(&text);
        prop_assert_eq!(id.is_ok(), good);
        if good {
            prop_assert_eq!(client_id(&text).to_string(), text);
        }
    }
}
