use std::{fmt, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Response, request::Parts};
use tower_layer::Layer;

use super::{Bearer, Rejection, place::Places, reject::BodyHook};
use crate::{
    model::{Protected, PublicUrl, Realm},
    observe::{Observer, Record},
};

/// Room for a signed token with a good many claims; ours have 43 characters.
const MAX_TOKEN_BYTES: usize = 4096;

/// Lets a request through only if it carries a valid access token.
///
/// The user is then in the request's extensions, as
/// [`Authenticated<User>`](crate::model::Authenticated).
///
/// # Example
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// struct User;
///
/// let flow = PasswordFlow::new(MemoryUsers::<User>::new(), MemoryTokens::new());
/// let service = flow.bearer_layer().layer(service_fn(async |_: Request<String>| {
///     Ok::<_, std::convert::Infallible>(Response::new(String::from("secret")))
/// }));
///
/// let response = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="api""#);
/// # Ok(())
/// # }
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
pub struct BearerLayer<V> {
    pub(super) validator: Arc<V>,
    pub(super) options: Arc<Options>,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) protected: Protected,
    pub(super) optional: bool,
    pub(super) preflight_passes: bool,
    pub(super) max_token_bytes: usize,
    pub(super) places: Places,
    pub(super) hook: Option<Arc<BodyHook>>,
    pub(super) observer: Observer,
}

impl<V> BearerLayer<V> {
    /// Creates a layer that asks `validator` about every token.
    pub fn new(validator: V) -> Self {
        let options = Options {
            protected: Protected::default(),
            optional: false,
            preflight_passes: false,
            max_token_bytes: MAX_TOKEN_BYTES,
            places: Places::default(),
            hook: None,
            observer: Observer::default(),
        };
        Self {
            validator: Arc::new(validator),
            options: Arc::new(options),
        }
    }

    /// Sets the realm that challenges name. The default is `api`.
    pub fn with_realm(self, realm: Realm) -> Self {
        self.with(|options| options.protected.realm = realm)
    }

    /// Names the protected resource's metadata in challenges ([RFC 9728 §5.1]), where a client
    /// finds out by itself how to get a token. The default is not to.
    ///
    /// [RFC 9728 §5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    pub fn with_resource_metadata(self, url: PublicUrl) -> Self {
        self.with(|options| options.protected.metadata = Some(url))
    }

    /// Also lets requests **without** bearer credentials through, as anonymous ones. The default
    /// is to refuse them.
    ///
    /// A bad token is refused all the same: a client that believes it is logged in must learn
    /// that it is not. An `Authenticated` that an earlier layer left is taken out.
    pub fn with_optional(self) -> Self {
        self.with(|options| options.optional = true)
    }

    /// Lets CORS preflights through as anonymous requests. The default is to refuse them.
    ///
    /// A browser sends a preflight (`OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`) without credentials. Better than this option is a CORS
    /// layer outside of this one, which then answers it before it comes here.
    pub fn with_preflight(self) -> Self {
        self.with(|options| options.preflight_passes = true)
    }

    /// Sets the length above which a token is refused as malformed. The default is 4,096
    /// **bytes**.
    pub fn with_max_token_bytes(self, bytes: usize) -> Self {
        self.with(|options| options.max_token_bytes = bytes)
    }

    /// Rewrites the body of rejections, say into the application's own error format.
    ///
    /// `hook` is handed the finished default response. Whatever it does, status,
    /// `WWW-Authenticate` and `Retry-After` stay as they were. gRPC rejections have no body and do
    /// not come by.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    /// let layer = flow.bearer_layer().with_body(|rejection, response| {
    ///     *response.body_mut() = format!(r#"{{"detail":"{rejection}"}}"#).into();
    /// });
    /// # let _ = layer;
    /// ```
    pub fn with_body<F>(self, hook: F) -> Self
    where
        F: Fn(&Rejection, &mut Response<Bytes>) + Send + Sync + 'static,
    {
        self.with(|options| options.hook = Some(Arc::new(hook)))
    }

    /// Tells `hook` of every token that was refused
    /// ([`TokenRefused`](crate::observe::Event::TokenRefused)), dated by the system's clock; see
    /// `PasswordFlow::with_event_hook`. The default is to tell nobody.
    pub fn with_event_hook(self, hook: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.with(|options| options.observer.hook = Some(Arc::new(hook)))
    }

    /// Sets where a request comes from, for whoever watches; see `PasswordFlow::with_source`.
    /// Asked only if a token is refused.
    pub fn with_source<F>(self, source: F) -> Self
    where
        F: Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.with(|options| options.observer.source_of = Some(Arc::new(source)))
    }

    pub(crate) fn with_observer(self, observer: Observer) -> Self {
        self.with(|options| options.observer = observer)
    }

    pub(super) fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(Arc::make_mut(&mut self.options));
        self
    }
}

impl<S, V> Layer<S> for BearerLayer<V> {
    type Service = Bearer<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = Arc::new(self.clone());
        Bearer { inner, layer }
    }
}

impl<V> Clone for BearerLayer<V> {
    fn clone(&self) -> Self {
        Self {
            validator: Arc::clone(&self.validator),
            options: Arc::clone(&self.options),
        }
    }
}

impl<V> fmt::Debug for BearerLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerLayer")
            .field("protected", &self.options.protected)
            .field("optional", &self.options.optional)
            .field("preflight_passes", &self.options.preflight_passes)
            .field("max_token_bytes", &self.options.max_token_bytes)
            .field("places", &self.options.places)
            .finish_non_exhaustive()
    }
}
