use std::fmt::Write;

use bytes::Bytes;

/// Writes one flat JSON object, which is all that OAuth answers are (RFC 8259).
pub(crate) struct JsonObject {
    text: String,
}

impl JsonObject {
    pub(crate) fn new() -> Self {
        Self {
            text: "{".to_owned(),
        }
    }

    pub(crate) fn string(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        push_string(&mut self.text, value);
        self
    }

    pub(crate) fn strings<'a>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.name(name);
        self.text.push('[');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            push_string(&mut self.text, value);
        }
        self.text.push(']');
        self
    }

    pub(crate) fn boolean(mut self, name: &str, value: bool) -> Self {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    pub(crate) fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        self.text.push_str(&value.to_string());
        self
    }

    pub(crate) fn finish(mut self) -> Bytes {
        self.text.push('}');
        Bytes::from(self.text)
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        push_string(&mut self.text, name);
        self.text.push(':');
    }
}

fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\0'..='\x1f' => {
                write!(text, "\\u{:04x}", u32::from(character)).expect("a String takes any text");
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}
