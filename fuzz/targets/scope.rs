//! Two scopes, a line each (RFC 6749 §3.3): which are accepted, and the laws of sets.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::Scope;
use tower_oauth2_password_fuzz::lines;

fn tokens(text: &str) -> Option<BTreeSet<&str>> {
    let allowed = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(allowed);
    text.split(' ')
        .all(is_token)
        .then(|| text.split(' ').collect())
}

fuzz_target!(|data: &[u8]| {
    let [left, right] = lines(data).map(std::str::from_utf8);
    let (Ok(left), Ok(right)) = (left, right) else {
        return;
    };
    let parsed = [left, right].map(|text| text.parse::<Scope>().ok());
    let sets = [left, right].map(tokens);
    for (scope, set) in parsed.iter().zip(&sets) {
        let read = scope
            .as_ref()
            .map(|scope| scope.iter().collect::<BTreeSet<_>>());
        assert_eq!(&read, set);
        if let Some(scope) = scope {
            assert_eq!(scope.to_string().parse::<Scope>().as_ref(), Ok(scope));
            assert_eq!(scope.iter().count(), set.as_ref().unwrap().len());
        }
    }
    let ([Some(a), Some(b)], [Some(left), Some(right)]) = (&parsed, &sets) else {
        return;
    };
    assert_eq!(a.covers(b), right.is_subset(left));
    assert_eq!(a == b, left == right);
    let common = a.common(b);
    assert_eq!(common.iter().collect::<BTreeSet<_>>(), left & right);
    assert_eq!(common, b.common(a));
});
