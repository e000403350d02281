use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use super::{BearerToken, TokenDigest, bearer::is_b64_byte};

/// Random bytes in an issued token: 256 bits, where RFC 6749 §10.10 asks for 160.
const TOKEN_BYTES: usize = 32;
/// The most bytes of a [`TokenPrefix`].
const MAX_PREFIX_BYTES: usize = 32;

/// An access token in clear: made here, handed to the client once, never stored.
///
/// `Debug` shows `(..)` and the memory is wiped on drop.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Makes a token of 256 random bits in base64url: 43 **characters** after `prefix`.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate(prefix: &TokenPrefix) -> Result<Self, RandomError> {
        let mut random = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(&mut *random).map_err(RandomError::new)?;
        Ok(Self::encode(prefix, &random))
    }

    pub(super) fn encode(prefix: &TokenPrefix, bytes: &[u8; TOKEN_BYTES]) -> Self {
        Self(prefix.encode(bytes))
    }

    pub(super) fn copy(token: BearerToken<'_>) -> Self {
        Self(Zeroizing::new(token.expose().to_owned()))
    }

    /// The token in clear, for the response that issues it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a store keeps in place of the token.
    pub fn digest(&self) -> TokenDigest {
        self.as_bearer().digest()
    }

    /// The token as a request would present it.
    pub fn as_bearer(&self) -> BearerToken<'_> {
        BearerToken::of(self)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// What issued tokens begin with, as in `acme_`: lets secret scanners find a leaked one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPrefix(String);

impl TokenPrefix {
    /// Takes `prefix` as the beginning of every token. The default is no prefix.
    ///
    /// # Errors
    ///
    /// [`TokenPrefixError`] if it is longer than 32 **bytes** or holds a character that a
    /// `b64token` may not (RFC 6750 §2.1).
    pub fn new(prefix: impl Into<String>) -> Result<Self, TokenPrefixError> {
        let prefix = prefix.into();
        if prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(is_b64_byte) {
            return Err(TokenPrefixError);
        }
        Ok(Self(prefix))
    }

    /// This prefix, and `bytes` in base64url behind it.
    pub(super) fn encode(&self, bytes: &[u8]) -> Zeroizing<String> {
        // Sized in advance: growing would leave a copy behind that nobody wipes.
        let chars = bytes.len().div_ceil(3) * 4;
        let mut token = Zeroizing::new(String::with_capacity(self.0.len() + chars));
        token.push_str(&self.0);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
        token
    }
}

/// The text is no [`TokenPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrefixError;

impl fmt::Display for TokenPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a token prefix is at most {MAX_PREFIX_BYTES} of A-Z a-z 0-9 - . _ ~ + /"
        )
    }
}

impl std::error::Error for TokenPrefixError {}

/// A password in clear, exactly as received: not trimmed, not normalised, not cut
/// (OWASP ASVS 6.2.8). `Debug` shows `(..)` and the memory is wiped on drop.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    /// The password in clear, for a hasher or a directory that must be asked.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Password {
    fn from(password: Zeroizing<String>) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A stored password hash in its text form, such as `$2b$12$...`.
///
/// It is not parsed here: a store may hold anything, and a hash that no hasher can read makes
/// a login fail like a wrong password does. `Debug` shows `(..)`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash as a store holds it.
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    /// The hash as text, for a hasher to verify or a store to write.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for PasswordHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug)]
pub struct RandomError(getrandom::Error);

impl RandomError {
    pub(super) fn new(error: getrandom::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operating system gave no random bytes: {}", self.0)
    }
}

impl std::error::Error for RandomError {}

#[cfg(not(loom))]
#[cfg(test)]
mod wiped {
    use super::{AccessToken, Password, PasswordHash, RandomError, TokenPrefix};
    use zeroize::ZeroizeOnDrop;

    /// Takes what wipes itself and nothing else.
    fn wiped(_: &impl ZeroizeOnDrop) {}

    #[test]
    fn tokens_and_passwords_wipe_their_memory_when_dropped() -> Result<(), RandomError> {
        wiped(&AccessToken::generate(&TokenPrefix::default())?.0);
        wiped(&Password::new("secret123").0);
        assert!(std::mem::needs_drop::<PasswordHash>());
        Ok(())
    }
}
