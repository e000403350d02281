//! The token in the query (RFC 6750 §2.3): the target is the input.
#![no_main]

use http::{Request, Uri, header};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::BearerToken;
use tower_oauth2_password_fuzz::{any_token, echo};

fn is_token(pair: &&str) -> bool {
    pair.split('=').next() == Some("access_token")
}

/// `Ok(None)` without the parameter, `Err` if it is malformed.
fn expected(query: &str) -> Result<Option<String>, ()> {
    let mut pairs = query.split('&').filter(is_token);
    let Some(pair) = pairs.next() else {
        return Ok(None);
    };
    let encoded = pair.split_once('=').unwrap_or_default().1;
    let token = percent_encoding::percent_decode_str(encoded).decode_utf8();
    let token = token.map_err(drop)?.into_owned();
    let good = BearerToken::parse(&token).is_some() && token.len() <= 4096;
    (good && pairs.next().is_none())
        .then_some(Some(token))
        .ok_or(())
}

fuzz_target!(|data: &[u8]| {
    let Ok(target) = Uri::try_from(data) else {
        return;
    };
    let mut request = Request::new(());
    *request.uri_mut() = target.clone();
    let answer = echo(&any_token().with_insecure_query(), request);
    match expected(target.query().unwrap_or_default()) {
        Ok(Some(token)) => {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers[header::CACHE_CONTROL], "private, no-store");
            let seen = String::from_utf8(answer.body.to_vec()).unwrap();
            let (got, left) = seen.split_once(' ').unwrap();
            assert_eq!(got, token);
            let left = Uri::try_from(left).unwrap();
            let rest = target.query().unwrap().split('&');
            let rest: Vec<_> = rest.filter(|pair| !is_token(pair)).collect();
            assert_eq!(left.query().unwrap_or_default(), rest.join("&"));
            assert_eq!(
                (left.scheme(), left.authority(), left.path()),
                (target.scheme(), target.authority(), target.path())
            );
        }
        Ok(None) => assert_eq!(answer.status, 401),
        Err(()) => assert_eq!(answer.status, 400),
    }
});
