use std::fmt::Display;

pub(super) fn error(message: &str, fields: &[(&str, &dyn Display)]) {
    tracing::error!(target: "tower_oauth2_password", "{}", Line(message, fields));
}

pub(super) fn warn(message: &str, fields: &[(&str, &dyn Display)]) {
    tracing::warn!(target: "tower_oauth2_password", "{}", Line(message, fields));
}

struct Line<'a>(&'a str, &'a [(&'a str, &'a dyn Display)]);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)?;
        self.1
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
