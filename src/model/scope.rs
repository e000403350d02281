use std::{fmt, str::FromStr};

use ecow::EcoString;

/// A set of scope-tokens, as in `items:read me`.
///
/// Tokens are case-sensitive and have no order ([RFC 6749 §3.3]); they are kept sorted, each
/// once. A clone allocates nothing.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::Scope;
///
/// let granted: Scope = "me items:read".parse()?;
/// assert!(granted.covers(&"items:read".parse()?));
/// assert_eq!(granted.to_string(), "items:read me");
/// assert!("two  spaces".parse::<Scope>().is_err());
/// # Ok::<(), tower_oauth2_password::model::ScopeError>(())
/// ```
///
/// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    text: EcoString,
}

impl Scope {
    /// The set that allows nothing.
    pub const EMPTY: Self = Self {
        text: EcoString::new(),
    };

    /// Whether no token is in the set.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The tokens, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // Without a terminator there is no token in the empty text.
        self.text.split_terminator(' ')
    }

    /// Whether `token` is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// The tokens that are in this set and in `other`.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        if other.covers(self) {
            return self.clone();
        }
        let common: Vec<_> = self.iter().filter(|token| other.contains(token)).collect();
        let text = EcoString::from(common.join(" "));
        Self { text }
    }

    /// Whether every token of `asked` is in this set. The empty set is covered by every set.
    pub fn covers(&self, asked: &Self) -> bool {
        asked.iter().all(|token| self.contains(token))
    }
}

/// `scope-token *( SP scope-token )`, with scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let mut tokens: Vec<&str> = text.split(' ').collect();
        if !tokens.iter().all(|token| is_scope_token(token)) {
            return Err(ScopeError);
        }
        tokens.sort_unstable();
        tokens.dedup();
        let text = EcoString::from(tokens.join(" "));
        Ok(Self { text })
    }
}

fn is_scope_token(token: &str) -> bool {
    let allowed = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    !token.is_empty() && token.bytes().all(allowed)
}

/// The tokens, sorted and separated by one space each; nothing for the empty set.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The text is no scope: empty, a space too many, or a character outside RFC 6749 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeError;

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a scope is one or more tokens with one space between them; \
             a token is visible ASCII without quotation mark and backslash",
        )
    }
}

impl std::error::Error for ScopeError {}
