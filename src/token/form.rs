use zeroize::Zeroizing;

use super::RequestFault;

/// A form-encoded body (RFC 6749 Appendix B), read strictly.
///
/// The lenient readers of the field turn `%ff` into U+FFFD, so that two different wrong passwords
/// compare equal, and leave `%zz` as it stands.
pub(super) struct Form {
    pairs: Vec<(String, Zeroizing<String>)>,
}

impl Form {
    pub(super) fn parse(body: &[u8], most: usize) -> Result<Self, RequestFault> {
        let mut pairs: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let equals = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            let name = decode(name)?;
            let value = decode(value.get(1..).unwrap_or_default())?;
            // Each is compared with all before it; that is why there is a `most`.
            if pairs.iter().any(|(earlier, _)| *earlier == *name) {
                return Err(RequestFault::Repeated);
            }
            if pairs.len() >= most {
                return Err(RequestFault::TooMany);
            }
            pairs.push((name.to_string(), value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter. One without a value counts as left out (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &str) -> Option<&Zeroizing<String>> {
        let (_, value) = self.pairs.iter().find(|(own, _)| own == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// As [`get`](Self::get), where the parameter is required.
    pub(super) fn require(&self, name: &'static str) -> Result<&Zeroizing<String>, RequestFault> {
        self.get(name).ok_or(RequestFault::Missing(name))
    }
}

pub(super) fn decode(encoded: &[u8]) -> Result<Zeroizing<String>, RequestFault> {
    // Decoding never makes it longer, so this does not grow and leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', tail) => (b' ', tail),
            (b'%', [high, low, tail @ ..]) => (hex(*high)? << 4 | hex(*low)?, tail),
            (b'%', _) => return Err(RequestFault::Form),
            (plain, tail) => (*plain, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| RequestFault::Form)?;
    if !text.chars().all(is_unicode_char_no_crlf) {
        return Err(RequestFault::Form);
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Result<u8, RequestFault> {
    let digit = char::from(digit).to_digit(16).ok_or(RequestFault::Form)?;
    u8::try_from(digit).map_err(|_| RequestFault::Form)
}

/// UNICODECHARNOCRLF of RFC 6749 Appendix A: %x09 / %x20-7E / %x80-D7FF / %xE000-FFFD /
/// %x10000-10FFFF.
fn is_unicode_char_no_crlf(character: char) -> bool {
    matches!(character, '\t' | ' '..='~' | '\u{80}'..='\u{fffd}' | '\u{10000}'..)
}
