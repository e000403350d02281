use http::HeaderValue;

use super::Issued;
use crate::model::CookieName;

/// Makes the `Set-Cookie` fields for a cookie with an access token, which
/// [`BearerLayer::with_cookie`](crate::BearerLayer::with_cookie) then takes it from.
///
/// The cookie is `HttpOnly`, so no script reads it; `Secure`, so it is sent over TLS only (browsers
/// make an exception for `localhost`); for every path of one host; `SameSite=Strict` unless told
/// otherwise; and gone when the token expires.
///
/// The token endpoint leaves what it [`Issued`] in the extensions of its response: a login route
/// asks it, so that throttle, limits and events stay as they are, and puts the token into a cookie
/// where there is one. The guide's page on [browsers](crate::guide::browsers) has the whole of it.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::{MemoryTokens, model::{CookieName, Subject}, token::{Identity, Issuer, TokenCookie}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::new(MemoryTokens::new().into());
/// let issued = issuer.issue(Identity::new(Subject::new("meera")?)).await?;
///
/// let cookie = TokenCookie::new(CookieName::new("__Host-token")?);
/// let token = issued.token().expose();
/// assert_eq!(
///     cookie.set(&issued),
///     format!("__Host-token={token}; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Strict")
/// );
/// assert_eq!(
///     cookie.clear(),
///     "__Host-token=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokenCookie {
    name: CookieName,
    same_site: SameSite,
}

impl TokenCookie {
    /// Makes cookies of that name.
    pub fn new(name: CookieName) -> Self {
        let same_site = SameSite::default();
        Self { name, same_site }
    }

    /// Sets which requests of other sites come with the cookie. The default is
    /// [`SameSite::Strict`].
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// The name, for the layer.
    pub fn name(&self) -> &CookieName {
        &self.name
    }

    /// The value of a `Set-Cookie` field that has the browser keep the token for as long as it is
    /// good. It is marked as sensitive.
    pub fn set(&self, issued: &Issued) -> HeaderValue {
        self.field(issued.token().expose(), issued.lifetime().as_secs())
    }

    /// The value of a `Set-Cookie` field that has the browser forget the token. The token is good
    /// all the same until it is revoked.
    pub fn clear(&self) -> HeaderValue {
        self.field("", 0)
    }

    fn field(&self, value: &str, max_age: u32) -> HeaderValue {
        let (name, same_site) = (self.name.as_str(), self.same_site.as_str());
        let field = HeaderValue::try_from(format!(
            "{name}={value}; Max-Age={max_age}; Path=/; Secure; HttpOnly; SameSite={same_site}"
        ));
        // RFC 6750 §2.1: each character of a token is one of a cookie's value (RFC 6265 §4.1.1).
        let mut field = field.expect("a cookie's name and a token are printable ASCII");
        field.set_sensitive(true);
        field
    }
}

/// Which requests that other sites cause come with a cookie ([RFC 6265bis §5.6.7]). There is no
/// `None`, which would be all of them.
///
/// [RFC 6265bis §5.6.7]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6.7
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// None. Whoever follows a link from elsewhere arrives without the cookie, which does not
    /// matter if only scripts of the page ask what is guarded.
    #[default]
    Strict,
    /// Those in which the user goes to a page here by a link, that is `GET`.
    Lax,
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
        }
    }
}
