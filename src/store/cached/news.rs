use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{
    model::{FamilyId, Subject, TokenDigest},
    store::StoreError,
};

/// What one node has revoked, and the caches of the others should know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoked {
    /// One access token.
    Access(TokenDigest),
    /// A login.
    Family(FamilyId),
    /// All logins of a user.
    Subject(Subject),
}

impl Revoked {
    /// The message as text: a letter, a colon, and digits or the subject.
    pub fn to_message(&self) -> String {
        match self {
            Self::Access(digest) => {
                let digits = digest.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                format!("a:{}", digits.collect::<String>())
            }
            Self::Family(id) => format!("f:{id}"),
            Self::Subject(subject) => format!("s:{}", subject.as_str()),
        }
    }

    /// Reads what [`to_message`](Self::to_message) wrote; `None` for anything else.
    pub fn from_message(message: &str) -> Option<Self> {
        let (kind, rest) = message.split_once(':')?;
        match kind {
            "a" => Some(Self::Access(TokenDigest::from_bytes(from_hex(rest)?))),
            "f" => Some(Self::Family(FamilyId::from_bytes(from_hex(rest)?))),
            "s" => Subject::new(rest).ok().map(Self::Subject),
            _ => None,
        }
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // `from_str_radix` takes a sign too.
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(is_digit) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Carries what is revoked from node to node. [`RedisNews`] and [`PostgresNews`] do.
///
/// Losing a message is no harm beyond the staleness of the caches.
///
/// [`RedisNews`]: super::RedisNews
/// [`PostgresNews`]: super::PostgresNews
pub trait News: Send + Sync + 'static {
    /// Tells the other nodes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they may not have been told. It is logged.
    fn tell(&self, revoked: Revoked) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Listens for as long as the future is polled, and calls `heard` for each message, be it from
    /// another node or from this one.
    ///
    /// It goes on after a lost connection, one that was lost in silence too, and calls `missed` when
    /// it listens again: what was revoked in between it did not hear.
    fn listen(
        &self,
        heard: Arc<dyn Fn(Revoked) + Send + Sync>,
        missed: Arc<dyn Fn() + Send + Sync>,
    ) -> BoxFuture<'static, ()>;
}
