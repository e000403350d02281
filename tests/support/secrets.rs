//! Finds secrets where none should be: in all that this process logs, and in what it shows.

use std::{
    fmt::Debug,
    io::Write,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use tracing_subscriber::fmt::format::FmtSpan;

use super::Answer;

/// Known secrets, by name, in all that they may be written as.
#[derive(Clone, Default)]
pub struct Secrets(Vec<(&'static str, &'static str, String)>);

impl Secrets {
    pub fn add(&mut self, name: &'static str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(
            secret.len() >= 6,
            "too short to be told from chance: {name}"
        );
        for (way, written) in ways(secret) {
            self.0.push((name, way, characters(&written)));
        }
    }

    /// Which of them `text` holds, and how written.
    pub fn found_in(&self, text: &[u8]) -> Vec<String> {
        let text = characters(text);
        // A list of numbers may stand on many lines.
        let dense: String = text.split_ascii_whitespace().collect();
        let mut found = Vec::new();
        for (name, way, written) in &self.0 {
            let place = if *way == "numbers" { &dense } else { &text };
            if place.contains(written) {
                found.push(format!("{name}, {way}"));
            }
        }
        found
    }

    #[track_caller]
    pub fn assert_absent(&self, place: &str, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let found = self.found_in(text);
        let shown = String::from_utf8_lossy(&text[..text.len().min(2_000)]);
        assert!(found.is_empty(), "{place}: {found:?} in\n{shown}");
    }

    #[track_caller]
    pub fn assert_hidden(&self, place: &str, shown: &dyn Debug) {
        self.assert_absent(place, format!("{shown:?}\n{shown:#?}"));
    }
}

/// A character for each byte, whatever it is.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// All that a secret may be written as.
pub fn ways(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: &dyn Fn(&u8) -> String| secret.iter().map(write).collect::<String>();
    let numbers: Vec<_> = secret.iter().map(u8::to_string).collect();
    let mut ways = vec![
        ("raw", secret.to_vec()),
        (
            "form-encoded",
            form_urlencoded::byte_serialize(secret)
                .collect::<String>()
                .into_bytes(),
        ),
        (
            "percent-encoded",
            each(&|byte| format!("%{byte:02X}")).into_bytes(),
        ),
        (
            "percent-encoded, small",
            each(&|byte| format!("%{byte:02x}")).into_bytes(),
        ),
        (
            "hexadecimal",
            each(&|byte| format!("{byte:02x}")).into_bytes(),
        ),
        (
            "hexadecimal, large",
            each(&|byte| format!("{byte:02X}")).into_bytes(),
        ),
        ("numbers", numbers.join(",").into_bytes()),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = format!("{text:?}");
        ways.push(("quoted", quoted[1..quoted.len() - 1].into()));
        let json = serde_json::to_string(text).unwrap();
        ways.push(("JSON", json[1..json.len() - 1].into()));
    }
    // In base64 it depends on what stands before, as in `id:secret`.
    for before in 0..3_usize {
        let bytes = [&vec![0; before][..], secret].concat();
        let text = STANDARD_NO_PAD.encode(&bytes);
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        let base64 = &text[first..last];
        ways.push(("base64", base64.into()));
        ways.push((
            "base64url",
            base64.replace('+', "-").replace('/', "_").into(),
        ));
    }
    ways
}

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

fn lines() -> MutexGuard<'static, Vec<u8>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every line that any thread logs at whatever level, through `tracing` or `log`, for as long as
/// this lives.
pub struct Log {
    start: usize,
}

impl Log {
    pub fn watch() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_span_events(FmtSpan::FULL)
                .with_ansi(false)
                .with_writer(|| Writer)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log::set_logger(&Writer).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
        });
        WATCHERS.fetch_add(1, Ordering::SeqCst);
        let start = lines().len();
        Self { start }
    }

    pub fn lines(&self) -> Vec<u8> {
        lines()[self.start..].to_vec()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        WATCHERS.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if WATCHERS.load(Ordering::SeqCst) > 0 {
            lines().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl log::Log for Writer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let (level, target, line) = (record.level(), record.target(), record.args());
        writeln!(Writer, "{level} {target} {line}").unwrap();
    }

    fn flush(&self) {}
}

/// What was answered and shown, to be searched when all secrets are known.
#[derive(Default)]
pub struct Trail(Vec<(String, String)>);

impl Trail {
    pub fn show(&mut self, place: &str, shown: &dyn Debug) {
        self.0
            .push((place.to_owned(), format!("{shown:?}\n{shown:#?}")));
    }

    /// An error, and all that it says about its causes.
    pub fn error(&mut self, place: &str, error: &(dyn std::error::Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.show(place, &error);
            self.0.push((place.to_owned(), error.to_string()));
            next = error.source();
        }
    }

    /// All of an answer, but the body if it holds what was asked for.
    pub fn answer(&mut self, place: &str, answer: &Answer) {
        self.show(place, &answer.headers);
        self.show(place, &answer.extensions);
        if answer.json["access_token"].is_null() {
            self.0.push((
                place.to_owned(),
                String::from_utf8_lossy(&answer.body).into_owned(),
            ));
        }
        if let Some(error) = answer
            .extensions
            .get::<tower_oauth2_password::token::TokenError>()
        {
            self.error(place, error);
        }
        if let Some(error) = answer
            .extensions
            .get::<tower_oauth2_password::bearer::Rejection>()
        {
            self.error(place, error);
        }
    }

    #[track_caller]
    pub fn assert_clean(&self, secrets: &Secrets) {
        for (place, text) in &self.0 {
            secrets.assert_absent(place, text);
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
