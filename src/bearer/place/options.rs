use crate::{
    bearer::BearerLayer,
    model::{CookieName, Origin},
};

impl<V> BearerLayer<V> {
    /// Also takes the token from the cookie of that name, for browsers, in which no script is to
    /// hold it. The default is not to. [`TokenCookie`](crate::token::TokenCookie) sets the cookie,
    /// and the guide's page on [browsers](crate::guide::browsers) shows the whole.
    ///
    /// - A request that could change something, or that opens a WebSocket, has to come from a page
    ///   of the service's own origin, as [`OriginCheck`](super::OriginCheck) finds out. Others get
    ///   403, [`Rejection::CrossSite`](super::Rejection::CrossSite).
    /// - `Authorization: Bearer` comes first, and the cookie is then not looked at, whatever
    ///   becomes of the header: a browser sends the cookie by itself, a header is meant. Another
    ///   scheme is none.
    /// - A cookie that is there twice, or is no token to the last character, gets 400. An empty one
    ///   is none.
    /// - Cookies are marked as sensitive, so that `Debug` of the headers does not show them to the
    ///   service inside.
    /// - Answers get `Cache-Control: private` unless they are `public` or have `s-maxage`. Shared
    ///   caches know by themselves what `Authorization` means (RFC 9111 §3.5), but not a cookie.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
    /// use tower_oauth2_password::model::CookieName;
    ///
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    /// let layer = flow
    ///     .bearer_layer()
    ///     .with_cookie(CookieName::new("__Host-token")?);
    /// # let _ = layer;
    /// # Ok::<(), tower_oauth2_password::model::CookieNameError>(())
    /// ```
    pub fn with_cookie(self, name: CookieName) -> Self {
        self.with(|options| options.places.cookie = Some(name))
    }

    /// Lets the pages of `origin` use the cookie too, beside those of the service's own origin. The
    /// default is no other. Such a page needs CORS with credentials as well. Behind a proxy that
    /// changes `Host`, the service's own public origin has to be named.
    pub fn with_allowed_origin(self, origin: Origin) -> Self {
        self.with(|options| {
            let check = std::mem::take(&mut options.places.check);
            options.places.check = check.with_allowed_origin(origin);
        })
    }

    /// Also takes the token from the query, as `?access_token=...` ([RFC 6750 §2.3]). The default
    /// is not to.
    ///
    /// URLs end up in logs, histories and `Referer` fields, which is why [RFC 9700 §4.3.2] says
    /// that clients **must not** do this. It is for WebSockets of a browser, whose script can set
    /// no header. Use short-lived tokens, and keep queries out of the logs of what is in front: of a
    /// proxy, and of `tower_http::trace::TraceLayer` outside of this layer, whose span has the whole
    /// target.
    ///
    /// - A browser that goes to the target, by a link, a form or its address bar
    ///   (`Sec-Fetch-Mode: navigate`), gets 403, [`Rejection::CrossSite`](super::Rejection::CrossSite):
    ///   another site would log its visitors in as somebody else. Browsers say so over TLS and to
    ///   `localhost`; one that is old, or over plain HTTP, does not, and gets through. Scripts and
    ///   WebSockets are not asked where they come from, as another site has only tokens of its own:
    ///   set no cookie for the user of such a token.
    /// - A token in the query and another in the header or in a cookie get 400 (RFC 6750 §2).
    /// - So does a parameter that is there twice, or is no token when its percent-encoding is
    ///   undone.
    /// - The service inside, and whoever is asked about a refusal, see the target without the
    ///   parameter. What a router has saved before this layer, such as axum's `OriginalUri`, still
    ///   has it.
    /// - Answers of the service inside get `Cache-Control: private, no-store`, and `Referrer-Policy: no-referrer` unless they
    ///   have one.
    ///
    /// [RFC 6750 §2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3
    /// [RFC 9700 §4.3.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.3.2
    pub fn with_insecure_query(self) -> Self {
        self.with(|options| options.places.query = true)
    }
}
