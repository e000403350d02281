use http::{
    HeaderMap, HeaderName, Method, Request, Uri,
    header::{HOST, ORIGIN, UPGRADE},
};

use crate::model::Origin;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Tells requests of one's own pages from those that other sites make a browser send.
///
/// A browser sends cookies with whatever request a page causes, whosever page that is: that is
/// cross-site request forgery. So [`BearerLayer::with_cookie`](crate::BearerLayer::with_cookie) asks
/// this, and a route that sets such a cookie should too: else another site logs its visitors in as
/// somebody else.
///
/// A request is allowed if the first of these that says anything says so:
///
/// 1. `GET`, `HEAD` and `OPTIONS` are allowed, as they change nothing (RFC 9110 §9.2.1), **but not
///    with `Upgrade`**: a WebSocket is opened by a `GET`, for any site that asks.
/// 2. An `Origin` that was named is allowed ([`with_allowed_origin`](Self::with_allowed_origin)).
/// 3. [`Sec-Fetch-Site`] has to be `same-origin`; or `none`, which is the user at the address bar,
///    and then an `Origin`, if there is one, has to be as in 4. A sister domain is `same-site` and
///    is refused.
/// 4. `Origin` has to be `https`, or `http` on the machine itself, and its host and port those that
///    the request is for: the authority of its target, or else `Host`. The scheme's own port is
///    the same as none.
/// 5. Without either the request is refused. Each browser of today sends one, and clients other
///    than browsers have no reason to send a cookie.
///
/// A field that is there twice is refused. A proxy has to leave `Origin` and `Sec-Fetch-Site` as they
/// are. If it changes `Host`, the public origin **must** be named: without `Sec-Fetch-Site`, which
/// some browsers leave out, there is nothing else to know it by.
///
/// # Example
///
/// ```
/// use http::Request;
/// use tower_oauth2_password::bearer::OriginCheck;
///
/// let check = OriginCheck::new().with_allowed_origin("https://app.example.com".parse()?);
/// let post = |origin| {
///     let request = Request::post("/login").header("host", "api.example.com");
///     request.header("origin", origin).body(())
/// };
/// assert!(check.allows(&post("https://api.example.com")?));
/// assert!(check.allows(&post("https://app.example.com")?));
/// assert!(!check.allows(&post("https://evil.example")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Sec-Fetch-Site`]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
#[derive(Clone, Debug, Default)]
pub struct OriginCheck {
    allowed: Vec<Origin>,
}

impl OriginCheck {
    /// Allows the pages of the service's own origin, and no others.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also allows the pages of `origin`.
    #[must_use]
    pub fn with_allowed_origin(mut self, origin: Origin) -> Self {
        self.allowed.push(origin);
        self
    }

    /// Whether `request` may act in the name of whoever its cookie stands for.
    pub fn allows<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        if is_safe(request.method(), headers) {
            return true;
        }
        let (Ok(origin), Ok(site)) = (one(headers, &ORIGIN), one(headers, &SEC_FETCH_SITE)) else {
            return false;
        };
        let named = |origin| self.allowed.iter().any(|own| own.as_str() == origin);
        if origin.is_some_and(named) {
            return true;
        }
        match (site, origin) {
            (Some("same-origin"), _) | (Some("none"), None) => true,
            (Some("none") | None, Some(origin)) => is_own(origin, request.uri(), headers),
            (Some(_), _) | (None, None) => false,
        }
    }
}

fn is_safe(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        && !headers.contains_key(UPGRADE)
}

/// The one field of that name, if there is one; `Err` if there are more, or it is no text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(None),
        (Some(field), None) => field.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Whether `origin` is where the request goes. RFC 9112 §3.2.2: of two hosts, the target's counts.
fn is_own(origin: &str, target: &Uri, headers: &HeaderMap) -> bool {
    let host = match target.authority() {
        Some(authority) => Some(authority.as_str()),
        None => one(headers, &HOST).unwrap_or_default(),
    };
    let origin = origin.parse::<Origin>();
    host.is_some_and(|host| origin.is_ok_and(|own| own.is_of(host)))
}
