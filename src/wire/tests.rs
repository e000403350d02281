use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JsonObject, essence_is};

proptest! {
    /// RFC 8259: any name and any value, read back by another implementation.
    #[test]
    fn another_reader_reads_what_was_written(
        name in "\\PC{0,9}", value in any::<String>(), number: u64, flag: bool, list: Vec<String>,
    ) {
        let json = JsonObject::new().string(&name, &value).number("n!", number);
        let json = json.boolean("b!", flag).strings("l!", list.iter().map(String::as_str));
        let text = json.finish();
        let read: Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(&read["n!"], &json!(number));
        prop_assert_eq!(&read["b!"], &json!(flag));
        prop_assert_eq!(&read["l!"], &json!(list));
        prop_assert_eq!(&read[&*name], &json!(value));
    }
}

#[test]
fn an_object_without_members_is_an_object() {
    assert_eq!(&*JsonObject::new().finish(), b"{}");
}

/// RFC 9110 §8.3.1: case does not matter, parameters follow a semicolon.
#[test]
fn a_media_type_is_recognized_in_any_case_and_with_parameters() {
    let is_form = |fields: &[&str]| {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(CONTENT_TYPE, HeaderValue::from_str(field).unwrap());
        }
        essence_is(&headers, "application/x-form")
    };
    assert!(is_form(&["application/x-form"]));
    assert!(is_form(&["Application/X-Form; charset=UTF-8"]));
    assert!(is_form(&["application/x-form ;charset=UTF-8"]));
    assert!(!is_form(&["application/x-forms"]));
    assert!(!is_form(&["application/json; x=application/x-form"]));
    assert!(
        !is_form(&["application/x-form", "application/x-form"]),
        "which of the two?"
    );
    assert!(!is_form(&[]));
}
