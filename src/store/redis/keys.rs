use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::RedisTokens;
use crate::model::{FamilyId, TokenDigest};

impl<C> RedisTokens<C> {
    pub(super) fn access_key(&self, access: TokenDigest) -> String {
        let digest = URL_SAFE_NO_PAD.encode(access.as_bytes());
        format!("{}a:{digest}", self.prefix.0)
    }

    pub(super) fn family_key(&self, id: FamilyId) -> String {
        format!("{}f:{{{id}}}", self.prefix.0)
    }

    pub(super) fn windows_key(&self, id: FamilyId) -> String {
        format!("{}w:{{{id}}}", self.prefix.0)
    }

    pub(super) fn subject_key(&self, subject: &str) -> String {
        format!("{}s:{subject}", self.prefix.0)
    }
}

/// What the keys begin with: visible ASCII without braces, which would choose the slot on a
/// cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// Takes `prefix`, such as `shop:login:`.
    ///
    /// # Errors
    ///
    /// [`KeyPrefixError`] if it is longer than 64 **bytes** or holds anything but visible ASCII
    /// without braces.
    pub fn new(prefix: impl Into<String>) -> Result<Self, KeyPrefixError> {
        let prefix = prefix.into();
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        if prefix.len() > 64 || !prefix.bytes().all(allowed) {
            return Err(KeyPrefixError);
        }
        Ok(Self(prefix))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// `oauth:`.
impl Default for KeyPrefix {
    fn default() -> Self {
        Self("oauth:".to_owned())
    }
}

/// The text is no [`KeyPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPrefixError;

impl fmt::Display for KeyPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key prefix is at most 64 visible ASCII characters without braces")
    }
}

impl std::error::Error for KeyPrefixError {}
