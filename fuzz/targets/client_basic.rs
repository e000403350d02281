//! Client credentials in HTTP Basic (RFC 6749 §2.3.1, RFC 7617 §2). The first byte says whether the
//! next line stands in the field as it is or in base64; what follows is more of the form.
#![no_main]

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::{
    MemoryClients, MemoryTokens, TokenService,
    model::{ClientId, ClientSecret},
    store::Client,
    token::{Issuer, TokenError},
};
use tower_oauth2_password_fuzz::{Witness, form, lines, send};

const ID: &str = "i";
const SECRET: &str = "a+";

/// Whether `field` is the credentials of the one client, read by the lenient readers of the field.
fn is_right(field: &[u8]) -> bool {
    let read = || {
        let (scheme, credentials) = field.split_at_checked(6)?;
        let credentials = std::str::from_utf8(credentials.trim_ascii()).ok()?;
        let bare = credentials.trim_end_matches('=');
        let whole = bare.len().next_multiple_of(4);
        if !scheme.eq_ignore_ascii_case(b"basic ") || credentials.len() > whole {
            return None;
        }
        let padding = "=".repeat(whole - bare.len());
        let pair = STANDARD.decode(format!("{bare}{padding}")).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    };
    let decoded = |text: &str| {
        let value = form_urlencoded::parse(format!("={text}").as_bytes())
            .into_owned()
            .next();
        match value {
            Some((_, value)) if !text.contains('&') => value,
            _ => text.to_owned(),
        }
    };
    read().is_some_and(|(id, secret)| {
        let encoded = (decoded(&id), decoded(&secret));
        [(id, secret), encoded].contains(&(ID.to_owned(), SECRET.to_owned()))
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let [first, more] = lines(rest);
    let field = match kind % 2 {
        0 => first.to_vec(),
        _ => format!("Basic {}", STANDARD.encode(first)).into_bytes(),
    };
    let Ok(value) = HeaderValue::from_bytes(&field) else {
        return;
    };
    let client = Client::confidential(
        ClientId::new(ID).unwrap(),
        ClientSecret::new(SECRET).digest(),
    );
    let issuer = Issuer::new(Arc::new(MemoryTokens::new()));
    let service = TokenService::new(Witness::new(TokenError::InvalidGrant), issuer)
        .with_clients(MemoryClients::new([client]));
    let mut body = b"grant_type=none".to_vec();
    if !more.is_empty() {
        body.push(b'&');
        body.extend(more);
    }
    let mut request = form(&body);
    request.headers_mut().insert(AUTHORIZATION, value);
    let answer = send(service, request);
    let json = answer.json();
    let code = json["error"].as_str().unwrap();
    let challenge = answer.headers.get("www-authenticate");
    assert_eq!(answer.status == 401, challenge.is_some());
    let names_a_client = form_urlencoded::parse(&body).any(|(name, _)| name.starts_with("client_"));
    // Whoever is told about the grant is the client; without more in the form, nobody else is.
    match code {
        "unsupported_grant_type" => assert!(is_right(&field) || names_a_client),
        "invalid_client" => assert!(!is_right(&field)),
        "invalid_request" => assert!(!more.is_empty()),
        other => panic!("{other}"),
    }
    if more.is_empty() {
        assert_eq!(code == "unsupported_grant_type", is_right(&field));
    }
});
