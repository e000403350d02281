use std::time::Duration;

/// How much a request to a form endpoint may take, before anything in it is believed.
///
/// | limit | default | set by | answer beyond it |
/// | --- | --- | --- | --- |
/// | bytes of a body | 16 KiB | [`with_body_bytes`](Self::with_body_bytes) | 413 `invalid_request` |
/// | time for a body | 10 s | [`with_body_time`](Self::with_body_time) | 408 `invalid_request`, and the connection is closed |
/// | parameters of a form | 64 | [`with_parameters`](Self::with_parameters) | 400 `invalid_request` |
/// | bytes of client credentials | 8 KiB | [`with_credential_bytes`](Self::with_credential_bytes) | 400 `invalid_request` |
/// | logins at work | one for each core | [`HashingPool::new`] | they wait |
/// | waiting logins | 16 for each core | [`HashingPool::new`] | 503 `temporarily_unavailable` |
/// | bytes of an access token | 4 KiB | [`BearerLayer::with_max_token_bytes`] | 400 `invalid_request` |
///
/// All of these are checked before a store is asked or anything is hashed. An endpoint holds no more
/// for a client than the bytes of its body, and for no longer than the time for it.
///
/// What comes before a request is there, the HTTP server has to limit: how long its header may take
/// (hyper's `header_read_timeout`, which needs a timer and which `axum::serve` does not set), how
/// long it may be, and how many connections there are. The example `server` shows that.
///
/// [`HashingPool::new`]: crate::password::HashingPool::new
/// [`BearerLayer::with_max_token_bytes`]: crate::BearerLayer::with_max_token_bytes
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, token::Limits};
///
/// # let users = MemoryUsers::<()>::new();
/// let limits = Limits::default()
///     .with_body_bytes(4 * 1024)
///     .with_body_time(Duration::from_secs(5));
/// let flow = PasswordFlow::new(users, MemoryTokens::new()).with_limits(limits);
/// # let _ = flow;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "limits do nothing until an endpoint has them"]
pub struct Limits {
    pub(super) body_bytes: usize,
    pub(super) body_time: Duration,
    pub(super) parameters: usize,
    pub(super) credential_bytes: usize,
}

impl Limits {
    /// Sets how many bytes a body may have. The default is 16 KiB; a password grant has a few
    /// hundred. So much memory is taken for a body that does not say how long it is.
    pub fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Sets how long a body may take from the moment the header is there to its last byte. The
    /// default is 10 seconds, whatever comes meanwhile. `Duration::MAX` is no limit.
    pub fn with_body_time(mut self, time: Duration) -> Self {
        self.body_time = time;
        self
    }

    /// Sets how many parameters a form may have. The default is 64. Each is compared with all before
    /// it, so more than a few hundred would cost time.
    pub fn with_parameters(mut self, parameters: usize) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets how many bytes an `Authorization` field may have in which a client says who it is. The
    /// default is 8 KiB. Where no clients are known, the field is not looked at.
    pub fn with_credential_bytes(mut self, bytes: usize) -> Self {
        self.credential_bytes = bytes;
        self
    }
}

/// The defaults of the table above.
impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024,
            body_time: Duration::from_secs(10),
            parameters: 64,
            credential_bytes: 8 * 1024,
        }
    }
}
