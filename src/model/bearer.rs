use std::fmt;

use super::{AccessToken, TokenDigest};

/// A token that a request presents: well-formed, not yet judged. `Debug` shows `(..)`.
// A `b64token`, so all of it is ASCII.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a [u8]);

impl<'a> BearerToken<'a> {
    /// Reads a `b64token` ([RFC 6750 §2.1]); `None` if the text is none.
    ///
    /// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    /// [`parse`](Self::parse) of what need not be text.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        is_b64token(bytes).then_some(Self(bytes))
    }

    /// A token that is known to be a `b64token`.
    pub(super) fn of(token: &'a AccessToken) -> Self {
        Self(token.expose().as_bytes())
    }

    /// The token in clear, for a validator that must send it on or verify a signature.
    pub fn expose(self) -> &'a str {
        std::str::from_utf8(self.0).expect("a b64token is ASCII")
    }

    /// What a store keeps in place of the token.
    pub fn digest(self) -> TokenDigest {
        TokenDigest::of(self.0)
    }

    /// An owned copy, for work that outlives the request's headers.
    pub fn to_access_token(self) -> AccessToken {
        AccessToken::copy(self)
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
    // A good token is looked at to its end anyway, and that is quicker by whole vectors. The last
    // one overlaps the one before.
    let Some(last) = body.last_chunk() else {
        return !body.is_empty() && body.iter().copied().all(is_b64_byte);
    };
    let vectors = body.chunks_exact(VECTOR).filter_map(<[u8]>::first_chunk);
    vectors.fold(are_b64_bytes(last), |all, vector| {
        all & are_b64_bytes(vector)
    })
}

/// The width of what nearly every processor can look at in one go.
const VECTOR: usize = 16;

#[inline]
fn are_b64_bytes(vector: &[u8; VECTOR]) -> bool {
    vector
        .iter()
        .fold(true, |all, byte| all & is_b64_byte(*byte))
}

/// Plain enough for the compiler to ask it of a whole vector.
pub(super) const fn is_b64_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits follow each other.
    let is_digit_or_sign = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter || is_digit_or_sign || byte == b'_' || byte == b'~' || byte == b'+'
}
