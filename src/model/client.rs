use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ecow::EcoString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::RandomError;

/// The most bytes of a [`ClientId`].
const MAX_ID_BYTES: usize = 255;

/// Names a client, as in `client_id` ([RFC 6749 §2.2]). It is no secret. A clone
/// allocates nothing.
///
/// [RFC 6749 §2.2]: https://www.rfc-editor.org/rfc/rfc6749#section-2.2
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(EcoString);

impl ClientId {
    /// Takes `id` as the identifier of a client.
    ///
    /// Letters, digits, `-`, `.` and `_` are best: half of the real clients do not encode others
    /// as RFC 6749 §2.3.1 demands.
    ///
    /// # Errors
    ///
    /// [`ClientIdError`] if `id` is empty, longer than 255 **bytes**, not printable ASCII
    /// (RFC 6749 Appendix A.1), or has a colon, which HTTP Basic could not send (RFC 7617 §2).
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::model::ClientId;
    /// assert_eq!(ClientId::new("web")?.as_str(), "web");
    /// assert!(ClientId::new("a:b").is_err());
    /// # Ok::<(), tower_oauth2_password::model::ClientIdError>(())
    /// ```
    pub fn new(id: impl AsRef<str>) -> Result<Self, ClientIdError> {
        let id = id.as_ref();
        let allowed = |byte| matches!(byte, b' '..=b'~') && byte != b':';
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(allowed) {
            return Err(ClientIdError);
        }
        Ok(Self(EcoString::from(id)))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:?})", self.as_str())
    }
}

/// The text is no [`ClientId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIdError;

impl fmt::Display for ClientIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a client id is 1 to {MAX_ID_BYTES} printable ASCII characters without a colon"
        )
    }
}

impl std::error::Error for ClientIdError {}

/// The secret of a confidential client in clear ([RFC 6749 §2.3.1]).
///
/// `Debug` shows `(..)` and the memory is wiped on drop.
///
/// [RFC 6749 §2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Makes a secret of 256 random bits: 43 **characters** that no client has to encode.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, RandomError> {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random).map_err(RandomError::new)?;
        let mut secret = Zeroizing::new(String::with_capacity(43));
        URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut secret);
        Ok(Self(secret))
    }

    /// Takes a secret that was made elsewhere. It has to be random, 128 bits or more: what is
    /// kept of it is a quick digest, which does not protect a secret that a person thought of.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret in clear, to be handed to the client once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept in place of the secret.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl From<Zeroizing<String>> for ClientSecret {
    fn from(secret: Zeroizing<String>) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// The SHA-256 of a [`ClientSecret`]. Compared in constant time, and shown as `(..)`.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// A digest that a store read back.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as a store writes it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the digest of `secret`.
    pub fn is_of(&self, secret: &ClientSecret) -> bool {
        self.0.ct_eq(&secret.digest().0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod wiped {
    use super::ClientSecret;

    fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}

    #[test]
    fn a_client_secret_wipes_its_memory_when_dropped() {
        wiped(&ClientSecret::new("s3cret").0);
    }
}
