use http::HeaderValue;

use super::Rejection;
use crate::model::Protected;

/// The `WWW-Authenticate` field for `rejection` (RFC 6750 §3), where it needs one.
pub(super) fn challenge(protected: &Protected, rejection: &Rejection) -> Option<HeaderValue> {
    if let Rejection::Unchecked(_) | Rejection::Unguarded = rejection {
        return None;
    }
    let mut parameters = vec![format!(r#"Bearer realm="{}""#, protected.realm.as_str())];
    // RFC 6750 §3.1: without credentials there is no error to name, nor is there one for a token
    // that does not count.
    let code = rejection
        .code()
        .filter(|_| !matches!(rejection, Rejection::CrossSite));
    parameters.extend(code.map(|code| format!(r#"error="{code}""#)));
    if let Rejection::InsufficientScope { required } = rejection {
        parameters.push(format!(r#"scope="{required}""#));
    }
    if let Some(metadata) = &protected.metadata {
        parameters.push(format!(r#"resource_metadata="{metadata}""#));
    }
    let challenge = HeaderValue::try_from(parameters.join(", "));
    Some(challenge.expect("a realm, a scope and a URL are printable ASCII"))
}
