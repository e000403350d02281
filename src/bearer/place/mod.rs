//! Where a token may be besides the `Authorization` field.

mod call;
mod cookie;
mod options;
mod origin;
mod query;

use http::{
    HeaderMap, HeaderValue, Request,
    header::{CACHE_CONTROL, REFERRER_POLICY},
};

use super::Rejection;
use crate::model::{AccessToken, BearerToken, CookieName};

pub use origin::OriginCheck;
pub(super) use query::{names_token, take_out};

/// Which places are looked at. By default none.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    cookie: Option<CookieName>,
    check: OriginCheck,
    query: bool,
}

/// A token that is in one of the places.
enum Found<'a> {
    Cookie(BearerToken<'a>),
    Query(AccessToken),
}

impl Places {
    /// Keeps what may be a token out of the `Debug` output of the headers.
    pub(super) fn hide(&self, headers: &mut HeaderMap) {
        if self.cookie.is_some() {
            cookie::hide(headers);
        }
    }

    /// The token of a request that has none in its header.
    fn find<'a, B>(
        &self,
        request: &'a Request<B>,
        max_token_bytes: usize,
    ) -> Result<Option<Found<'a>>, Rejection> {
        let in_cookie = match &self.cookie {
            Some(name) => cookie::find(request.headers(), name)?,
            None => None,
        };
        let query = request.uri().query().filter(|query| names_token(query));
        match (in_cookie, query) {
            // RFC 6750 §2. The cookie does not come first, as the header does: who makes a browser
            // follow a link chooses the query.
            (Some(_), Some(_)) => Err(Rejection::Malformed),
            (Some(_), None) if !self.check.allows(request) => Err(Rejection::CrossSite),
            (Some(token), None) => {
                let token = cookie::read(token, max_token_bytes)?;
                Ok(Some(Found::Cookie(token)))
            }
            (None, Some(_)) if self.query && query::is_followed(request.headers()) => {
                Err(Rejection::CrossSite)
            }
            (None, Some(query)) if self.query => {
                let token = query::read(query, max_token_bytes)?;
                Ok(Some(Found::Query(token)))
            }
            (None, _) => Ok(None),
        }
    }
}

impl Found<'_> {
    fn token(&self) -> BearerToken<'_> {
        match self {
            Self::Cookie(token) => *token,
            Self::Query(token) => token.as_bearer(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Cookie(_) => Place::Cookie,
            Self::Query(_) => Place::Query,
        }
    }
}

/// Where a token was, if not in the header.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Cookie,
    Query,
}

impl Place {
    fn clear<B>(self, request: &mut Request<B>) {
        if let Self::Query = self {
            take_out(request.uri_mut());
        }
    }

    /// Keeps the answer from shared caches, which know by themselves what `Authorization` means
    /// (RFC 9111 §3.5) and nothing of these places. What else the answer says of caches stays: of
    /// two directives the stricter counts (RFC 9111 §4.2.1).
    ///
    /// If the token was in the target, what a browser makes of the answer is not to name that in
    /// `Referer`.
    pub(super) fn seal(self, headers: &mut HeaderMap) {
        if let Self::Query = self {
            let policy = headers.entry(REFERRER_POLICY);
            policy.or_insert(HeaderValue::from_static("no-referrer"));
        }
        let directives = match self {
            // RFC 6750 §2.3.
            Self::Query => "private, no-store",
            Self::Cookie if is_for_all(headers) => return,
            Self::Cookie => "private",
        };
        headers.append(CACHE_CONTROL, HeaderValue::from_static(directives));
    }
}

/// Whether whoever made the answer says that it may be shared.
fn is_for_all(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .filter_map(|directive| directive.split('=').next());
    directives.any(|name| {
        let name = name.trim();
        name.eq_ignore_ascii_case("public") || name.eq_ignore_ascii_case("s-maxage")
    })
}
