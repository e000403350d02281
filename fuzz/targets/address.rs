//! What an operator sets: public URLs and paths, and the documents that are made of them.
#![no_main]

use http::{Request, Uri};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::{
    model::PublicUrl,
    token::{EndpointPath, ResourceMetadata, ServerMetadata},
};
use tower_oauth2_password_fuzz::{lines, send};

/// A `GET` of a document's path.
fn fetched(document: tower_oauth2_password::token::Document) -> serde_json::Value {
    let uri: Uri = document.path().as_str().parse().unwrap();
    assert_eq!(uri.path(), document.path().as_str());
    let answer = send(document, Request::new(()));
    assert_eq!(answer.status, 200);
    answer.json()
}

fn check_url(url: &PublicUrl, path: &EndpointPath) {
    let uri: Uri = url.as_str().parse().unwrap();
    assert!(uri.query().is_none() && !uri.host().unwrap().is_empty());
    let secure = uri.scheme_str() == Some("https");
    assert!(secure || ["localhost", "127.0.0.1", "[::1]"].contains(&uri.host().unwrap()));
    let resource = ResourceMetadata::new(url.clone()).with_authorization_server(url.clone());
    let place: Uri = resource.url().as_str().parse().unwrap();
    assert_eq!(
        (place.authority(), place.scheme()),
        (uri.authority(), uri.scheme())
    );
    assert_eq!(place.path(), resource.document().path().as_str());
    assert!(http::HeaderValue::from_str(resource.url().as_str()).is_ok());
    assert_eq!(fetched(resource.document())["resource"], url.as_str());
    let server = ServerMetadata::new(url.clone(), path.clone());
    let json = fetched(server.document());
    assert_eq!(json["issuer"], url.as_str());
    let token: Uri = json["token_endpoint"].as_str().unwrap().parse().unwrap();
    assert_eq!(token.authority(), uri.authority());
    assert!(token.path().ends_with(path.as_str()));
}

fuzz_target!(|data: &[u8]| {
    let [url, path] = lines(data).map(std::str::from_utf8);
    let (Ok(url), Ok(path)) = (url, path) else {
        return;
    };
    let path = EndpointPath::new(path).inspect(|parsed| {
        assert_eq!(parsed.as_str(), path);
        assert!(path.starts_with('/') && !path.contains(['?', '#']));
        assert_eq!(path.parse::<Uri>().unwrap().path(), path);
    });
    if let Ok(parsed) = url.parse::<PublicUrl>() {
        assert_eq!(parsed.as_str(), url);
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['?', '#', '@']));
        check_url(
            &parsed,
            &path.unwrap_or(EndpointPath::new("/token").unwrap()),
        );
    }
});
