//! What can be read off the source.

use std::{fs, path::Path};

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    fs::read_to_string(path).unwrap()
}

/// The text between the braces after `start`.
fn block<'a>(text: &'a str, start: &str) -> &'a str {
    let at = text.find(start).unwrap_or_else(|| panic!("no {start}"));
    let mut depth = 0;
    for (end, character) in text[at..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return &text[at..at + end],
            '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("{start} has no end")
}

/// RFC 6819 §5.1.4.2.2, ASVS 11.2.4: what a client presents is compared in constant time.
#[test]
fn a_client_secret_is_compared_in_constant_time() {
    let text = source("model/client.rs");
    let compared = block(&text, "pub fn is_of(");
    assert!(
        compared.contains(".ct_eq(") && !compared.contains("=="),
        "{compared}"
    );
    let accepts = source("store/clients.rs");
    let accepts = block(&accepts, "pub fn accepts(");
    assert!(
        accepts.contains("own.is_of(presented)") && !accepts.contains("=="),
        "{accepts}"
    );
}

/// Tokens are found and compared by their SHA-256 only: whoever measures how far a comparison got,
/// learns about a digest that cannot be chosen.
#[test]
fn tokens_in_clear_are_not_compared() {
    for file in [
        "model/secret.rs",
        "model/refresh.rs",
        "model/client.rs",
        "model/chain.rs",
    ] {
        let text = source(file);
        for name in [
            "AccessToken",
            "BearerToken",
            "RefreshToken",
            "Password",
            "ClientSecret",
            "SecretDigest",
            "Salt",
        ] {
            let Some(at) = text.find(&format!("pub struct {name}")) else {
                continue;
            };
            let derived = text[..at]
                .lines()
                .rev()
                .find(|line| !line.starts_with("///"))
                .unwrap();
            let expected = ["#[derive(Clone)]", "#[derive(Clone, Copy)]"];
            assert!(expected.contains(&derived), "{name}: {derived}");
            for kept in ["PartialEq", "Display", "Hash"] {
                assert!(
                    !text.contains(&format!("{kept} for {name}")),
                    "{kept} of {name}"
                );
            }
        }
    }
}
