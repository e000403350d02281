use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::{Zeroize, Zeroizing};

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

    /// The token in clear, for the response that issues it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a store keeps in place of the token.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }

    /// The token as a request would present it.
    pub fn as_bearer(&self) -> BearerToken<'_> {
        BearerToken(&self.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// A token that a request presents: well-formed, not yet judged. `Debug` shows `(..)`.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// Reads a `b64token` ([RFC 6750 §2.1]); `None` if the text is none.
    ///
    /// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    pub fn parse(text: &'a str) -> Option<Self> {
        is_b64token(text.as_bytes()).then_some(Self(text))
    }

    /// The token in clear, for a validator that must send it on or verify a signature.
    pub fn expose(self) -> &'a str {
        self.0
    }

    /// What a store keeps in place of the token.
    pub fn digest(self) -> TokenDigest {
        TokenDigest::of(self.0)
    }

    /// An owned copy, for work that outlives the request's headers.
    pub fn to_access_token(self) -> AccessToken {
        AccessToken(Zeroizing::new(self.0.to_owned()))
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// Whether `text` is 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1).
fn is_b64token(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &text[..text.len() - padding];
    // A good token is looked at to its end anyway, and that is quicker without asking at each byte.
    let all = body
        .iter()
        .fold(true, |all, byte| all & B64_BYTES[usize::from(*byte)]);
    all && !body.is_empty()
}

const fn is_b64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// [`is_b64_byte`] of every byte.
static B64_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        table[byte as usize] = is_b64_byte(byte);
        byte += 1;
    }
    table
};

/// The SHA-256 of a token: what stores are keyed by, so that a stolen database holds no usable
/// token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        let bytes = token.as_bytes();
        Self(digest_of_one_block(bytes).unwrap_or_else(|| Sha256::digest(bytes).into()))
    }

    /// A digest that a store read back.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as a store writes it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The SHA-256 of a message that fits into one block with its padding (FIPS 180-4 §5.1.1), as most
/// tokens do: a third quicker than a hasher that could take more.
fn digest_of_one_block(message: &[u8]) -> Option<[u8; 32]> {
    /// FIPS 180-4 §5.3.3.
    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    let mut block = [0; 64];
    let (text, bits) = block.split_at_mut(56);
    let (text, rest) = text.split_at_mut_checked(message.len())?;
    text.copy_from_slice(message);
    *rest.first_mut()? = 0x80;
    bits.copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());

    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    Some(digest)
}

/// The first four bytes: enough to follow one token through a log, too few to be of other use.
impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.0;
        write!(
            f,
            "TokenDigest({first:02x}{second:02x}{third:02x}{fourth:02x}..)"
        )
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
