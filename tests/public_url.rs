//! `PublicUrl`: what may stand in a metadata document and in a challenge.

use proptest::prelude::*;
use tower_oauth2_password::{
    model::{PublicUrl, PublicUrlError},
    token::{EndpointPath, ResourceMetadata, ServerMetadata},
};

/// RFC 8414 §2 and RFC 9728 §1.2: the `https` scheme, no query, no fragment; RFC 9110 §4.2.4: no
/// user information. Quotation marks and backslashes would break out of a challenge.
#[test]
fn a_public_url_is_https_with_a_host_and_nothing_behind_the_path() {
    for bad in [
        // Not of the web, or not safe on it.
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.2",
        "http://10.0.0.1",
        "http://[::2]",
        "http://0.0.0.0",
        "ftp://example.com",
        "ws://localhost",
        "file:///etc/passwd",
        "data:text/plain,x",
        "urn:example:orders",
        // Behind the path.
        "https://example.com?",
        "https://example.com?a=b",
        "https://example.com/?a=b",
        "https://example.com#",
        "https://example.com/#top",
        "https://example.com/a#top",
        // In front of the host.
        "https://meera@example.com",
        "https://meera:secret123@example.com",
        "https://@example.com",
        "http://localhost@example.com",
        "http://localhost:80@example.com",
        // No host.
        "",
        "https",
        "https:",
        "https://",
        "https:///orders",
        "https://:8443",
        "https:/example.com",
        "https:example.com",
        "example.com",
        "example.com/orders",
        "//example.com/orders",
        "/orders",
        "*",
        // Characters that a challenge cannot hold.
        "https://example.com/\"",
        "https://example.com/a\", error=\"x",
        "https://example.com/\\",
        "https://exam\"ple.com",
        "https://exam\\ple.com",
        "https://example.com\\@evil.example",
        // Whitespace and control characters.
        " https://example.com",
        "https://example.com ",
        "https://example.com/a b",
        "https://example.com\t",
        "https://example.com\n",
        "https://example.com/\r\nset-cookie: a=b",
        "https://exam ple.com",
        "https://example.com/\0",
        "https://example.com/\x7f",
        // Not ASCII.
        "https://exämple.com",
        "https://example.com/ä",
        "https://example.com/\u{ff0f}",
        // Brackets that do not match.
        "https://[::1",
        "https://::1]",
        "https://[]",
        "https://[",
        "https://[example.com]",
        "https://[127.0.0.1]",
        "https://[::1]x",
        "https://[::1]:",
        // Ports that are none.
        "https://example.com:",
        "https://example.com:/orders",
        "https://example.com:https",
        "https://example.com:65536",
        "https://example.com:-1",
        "https://example.com:+443",
        "https://example.com:443:443",
        "http://localhost:99999",
    ] {
        assert_eq!(bad.parse::<PublicUrl>(), Err(PublicUrlError), "{bad:?}");
    }
}

/// What is accepted is kept to the letter.
#[test]
fn a_public_url_is_kept_as_it_was_given() {
    for good in [
        "https://example.com",
        "https://example.com/",
        "https://example.com/orders",
        "https://example.com/orders/",
        "https://example.com/a//b",
        "https://example.com/a%20b",
        "https://example.com:8443",
        "https://example.com:8443/a/b",
        "https://xn--exmple-cua.com",
        "https://192.0.2.1",
        "https://localhost",
        "https://[2001:db8::1]",
        "https://[2001:db8::1]:8443/a",
        "http://localhost",
        "http://localhost:8000",
        "http://localhost:8000/a",
        "http://127.0.0.1",
        "http://127.0.0.1:8000/",
        "http://[::1]",
        "http://[::1]:8000",
    ] {
        let url: PublicUrl = good.parse().unwrap_or_else(|_| panic!("{good:?}"));
        assert_eq!(url.as_str(), good);
        assert_eq!(url.to_string(), good);
        assert_eq!(format!("{url:?}"), format!("PublicUrl({good:?})"));
    }
}

#[test]
fn the_error_says_what_a_public_url_is() {
    assert_eq!(
        PublicUrlError.to_string(),
        "a public URL begins with https:// and a host, has no user, query or fragment, and up to \
         2,000 bytes; http:// is for localhost, 127.0.0.1 and [::1] only"
    );
}

/// With a well-known path in it a URL still has to be a URI and to fit into a header field.
#[test]
fn a_public_url_has_up_to_2_000_bytes() {
    let url = |length: usize| format!("{:a<length$}", "https://example.com/");
    assert!(documents_of(&url(2_000)));
    for length in [2_001, 65_000, 65_500, 65_534, 65_535] {
        assert!(!documents_of(&url(length)), "{length}");
    }
}

/// Makes all that is made of a public URL, if `text` is one. Says whether it is.
fn documents_of(text: &str) -> bool {
    let Ok(url) = text.parse::<PublicUrl>() else {
        return false;
    };
    let resource = ResourceMetadata::new(url.clone());
    let (document, found) = (resource.document(), resource.url());
    assert!(found.as_str().ends_with(document.path().as_str()));
    assert!(!document.path().as_str().ends_with('/'));
    let origin = found
        .as_str()
        .strip_suffix(document.path().as_str())
        .unwrap();
    assert!(
        text.starts_with(origin),
        "{text:?} has the origin {origin:?}"
    );
    let token = EndpointPath::new("/token").unwrap();
    let server = ServerMetadata::new(url, token).document();
    assert!(server.path().as_str().starts_with("/.well-known/"));
    true
}

proptest! {
    /// Whatever comes in: no panic, and what is accepted has its documents.
    #[test]
    fn any_text_is_refused_or_has_documents(
        scheme in "(https?://)?", text in "\\PC{0,20}", path in "(/[!-~]{0,8}){0,3}",
    ) {
        documents_of(&format!("{scheme}{text}{path}"));
    }

    #[test]
    fn a_url_of_plain_parts_is_accepted(
        host in "[a-z0-9]{1,9}(\\.[a-z0-9]{1,9}){0,2}", port in 1_u16.., path in "(/[a-z0-9._~-]{0,8}){0,3}",
    ) {
        let url = format!("https://{host}:{port}{path}");
        prop_assert!(documents_of(&url), "{}", url);
    }
}
