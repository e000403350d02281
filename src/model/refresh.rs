use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{AccessToken, BearerToken, FamilyId, RandomError, Salt, TokenDigest, TokenPrefix};

/// Random bytes that all refresh tokens of a family have in common.
const HANDLE_BYTES: usize = 16;
/// Random bytes that each has for itself.
const SECRET_BYTES: usize = 32;
const BYTES: usize = HANDLE_BYTES + SECRET_BYTES;
/// [`BYTES`] in base64url.
const CHARS: usize = BYTES / 3 * 4;

const ACCESS_LABEL: &[u8] = b"tower-oauth2-password access token";
const REFRESH_LABEL: &[u8] = b"tower-oauth2-password refresh token";

/// A refresh token in clear: 384 random bits, 64 **characters** after the prefix.
///
/// The first 128 bits stay the same through all refreshes of a login and lead to its
/// [`Family`](super::Family), so that a spent token is known as such for as long as the login
/// lasts, at no cost in memory. The other 256 bits are new each time.
///
/// `Debug` shows `(..)` and the memory is wiped on drop.
#[derive(Clone)]
pub struct RefreshToken {
    text: Zeroizing<String>,
    handle: Zeroizing<[u8; HANDLE_BYTES]>,
}

impl RefreshToken {
    /// Makes the first token of a new family.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate(prefix: &TokenPrefix) -> Result<Self, RandomError> {
        let mut random = Zeroizing::new([0; BYTES]);
        getrandom::fill(&mut *random).map_err(RandomError::new)?;
        Ok(Self::encode(prefix, &random))
    }

    /// Reads what a client presents. `None` if it is no refresh token of this crate, whatever its
    /// prefix.
    pub fn parse(text: &str) -> Option<Self> {
        BearerToken::parse(text)?;
        let start = text.len().checked_sub(CHARS)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        URL_SAFE_NO_PAD
            .decode_slice(text.get(start..)?, bytes.as_mut_slice())
            .ok()?;
        Some(Self {
            text: Zeroizing::new(text.to_owned()),
            handle: handle(&bytes),
        })
    }

    /// The token in clear, for the response that issues it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What a store keeps in place of the token.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.text.as_bytes())
    }

    /// Which family it points at.
    pub fn family(&self) -> FamilyId {
        FamilyId::of_handle(&*self.handle)
    }

    /// The access token and the refresh token that follow upon this one: HKDF-SHA256 (RFC 5869)
    /// of the token under `salt`, with a label for each. The same salt gives the same pair.
    ///
    /// Neither the salt nor the token alone says anything about the pair.
    pub fn successors(&self, prefix: &TokenPrefix, salt: &Salt) -> (AccessToken, Self) {
        let hkdf = Hkdf::<Sha256>::new(Some(salt.as_bytes()), self.text.as_bytes());
        let expand = |label: &[u8], output: &mut [u8]| {
            hkdf.expand(label, output)
                .expect("HKDF gives up to 255 times 32 bytes");
        };
        let mut access = Zeroizing::new([0; SECRET_BYTES]);
        expand(ACCESS_LABEL, &mut *access);
        let mut refresh = Zeroizing::new([0; BYTES]);
        let (handle, secret) = refresh.split_at_mut(HANDLE_BYTES);
        handle.copy_from_slice(&*self.handle);
        expand(REFRESH_LABEL, secret);
        (
            AccessToken::encode(prefix, &access),
            Self::encode(prefix, &refresh),
        )
    }

    fn encode(prefix: &TokenPrefix, bytes: &[u8; BYTES]) -> Self {
        Self {
            text: prefix.encode(bytes),
            handle: handle(bytes),
        }
    }
}

fn handle(bytes: &[u8; BYTES]) -> Zeroizing<[u8; HANDLE_BYTES]> {
    let mut handle = Zeroizing::new([0; HANDLE_BYTES]);
    handle.copy_from_slice(&bytes[..HANDLE_BYTES]);
    handle
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod wiped {
    use super::{RefreshToken, TokenPrefix};
    use crate::model::RandomError;
    use zeroize::ZeroizeOnDrop;

    fn wiped(_: &impl ZeroizeOnDrop) {}

    #[test]
    fn a_refresh_token_wipes_its_memory_when_dropped() -> Result<(), RandomError> {
        let RefreshToken { text, handle } = &RefreshToken::generate(&TokenPrefix::default())?;
        wiped(text);
        wiped(handle);
        Ok(())
    }
}
