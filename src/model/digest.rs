use std::fmt;

use sha2::{Digest, Sha256, block_api::compress256};

/// The SHA-256 of a token: what stores are keyed by, so that a stolen database holds no usable
/// token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &[u8]) -> Self {
        Self(digest_of_one_block(token).unwrap_or_else(|| Sha256::digest(token).into()))
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
    let mut blocks = [[0; 64]];
    let (mut room, bits) = blocks[0].split_at_mut(56);
    bits.copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    // By whole vectors, which is how it is read back: the processor need not piece them together.
    let mut rest = message;
    while let Some((vector, tail)) = rest.split_first_chunk::<16>() {
        let (place, left) = room.split_first_chunk_mut()?;
        *place = *vector;
        (rest, room) = (tail, left);
    }
    let (place, room) = room.split_at_mut_checked(rest.len())?;
    place.copy_from_slice(rest);
    *room.first_mut()? = 0x80;

    let mut state = INITIAL;
    compress256(&mut state, &blocks);
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
