//! The address that proxies of one's own append. The first byte is how many there are, the second
//! where what the client wrote itself ends; each line is a field.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::throttle::{Source, forwarded_for};

const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");

fn headers<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(NAME, HeaderValue::from_bytes(field).ok()?);
    }
    Some(headers)
}

fuzz_target!(|data: &[u8]| {
    let [proxies, split, rest @ ..] = data else {
        return;
    };
    let proxies = usize::from(proxies % 8);
    let fields = || rest.split(|byte| *byte == b'\n');
    if let Some(headers) = headers(fields()) {
        let found = forwarded_for(&headers, &NAME, proxies);
        let mut entries = fields()
            .flat_map(|field| field.split(|byte| *byte == b','))
            .rev();
        let entry = entries.nth(proxies.max(1) - 1).map(<[u8]>::trim_ascii);
        let entry = entry.and_then(|entry| std::str::from_utf8(entry).ok()?.parse().ok());
        assert_eq!(found, entry);
        if let Some(address) = found {
            let source = Source::from(address);
            assert_eq!(
                source.to_string().ends_with("/64"),
                address.to_canonical().is_ipv6()
            );
        }
    }

    // Whatever a client writes itself, an honest proxy behind it decides.
    let written = &rest[..rest.len().min(usize::from(*split))];
    if !written.contains(&b'\n') {
        let appended = [written, b", 192.0.2.7"].concat();
        let same = headers([appended.as_slice()]).map(|headers| forwarded_for(&headers, &NAME, 1));
        let own = headers([written, b"192.0.2.7"]).map(|headers| forwarded_for(&headers, &NAME, 1));
        let seen = "192.0.2.7".parse().ok();
        assert!(same.is_none_or(|found| found == seen));
        assert!(own.is_none_or(|found| found == seen));
    }
});
