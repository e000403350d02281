//! JSON out (RFC 8259): whatever an application puts into an error or a document, `serde_json`
//! reads back. Lines: a code, a name, a value; then names and values by turns.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tower_oauth2_password::{
    MemoryTokens, TokenService,
    token::{Issuer, OAuthError, ResourceMetadata},
};
use tower_oauth2_password_fuzz::{Witness, form, send};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let code = lines.next().unwrap_or_default();
    let name = text.to_owned();
    let metadata = ResourceMetadata::new("https://api.example.com".parse().unwrap());
    let mut request = http::Request::new(());
    *request.method_mut() = http::Method::GET;
    let answer = send(metadata.with_name(&name).document(), request);
    assert_eq!(answer.json()["resource_name"], name);

    let printable = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let made = OAuthError::new(code);
    assert_eq!(
        made.is_ok(),
        !code.is_empty() && code.bytes().all(printable)
    );
    let Ok(mut error) = made else {
        return;
    };
    let mut expected = Map::new();
    expected.insert("error".to_owned(), Value::from(code));
    while let Some(name) = lines.next() {
        let value = lines.next().unwrap_or_default();
        let added = error.clone().with_member(name, value);
        let taken = expected.contains_key(name) || name == "error_description";
        assert_eq!(added.is_err(), taken);
        if let Ok(added) = added {
            error = added;
            expected.insert(name.to_owned(), Value::from(value));
        }
    }
    let issuer = Issuer::new(Arc::new(MemoryTokens::new()));
    let service = TokenService::new(Witness::new(error.into()), issuer);
    let answer = send(service, form(b"grant_type=password&username=a&password=b"));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), Value::Object(expected));
});
