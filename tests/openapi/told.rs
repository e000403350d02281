//! A document, what was sent of it, and that the one is like the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tower_oauth2_password::{openapi::Description, token::EndpointPath};

use crate::support::Answer;

/// A document, and what was sent of it.
pub struct Told {
    api: Value,
    /// By path: the status, and the error code if there is one.
    seen: BTreeMap<String, BTreeSet<(String, Option<String>)>>,
}

impl Told {
    pub fn of(login: &Description) -> Self {
        let path = |path| EndpointPath::new(path).unwrap();
        let login = login
            .clone()
            .with_revocation(path("/revoke"))
            .with_introspection(path("/introspect"));
        let guarded = |scopes: &[&str]| json!({ "post": { "security": [{ "oauth2": scopes }] } });
        let mut api = json!({
            "paths": { "/me": guarded(&[]), "/items": guarded(&["admin"]) },
        });
        login.add_to(&mut api);
        Self {
            api,
            seen: BTreeMap::new(),
        }
    }

    /// What `value` refers to, if it is a reference.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else {
            return value;
        };
        let pointer = reference.strip_prefix('#').unwrap();
        self.api.pointer(pointer).expect(reference)
    }

    /// Asserts that `answer` is as it is described, and remembers it.
    #[track_caller]
    pub fn saw(&mut self, path: &str, answer: &Answer) {
        let status = answer.status.as_str().to_owned();
        let told = &self.api["paths"][path]["post"]["responses"][&status];
        assert!(!told.is_null(), "{path}: {answer:?} is not described");
        let told = self.resolve(told);
        self.check_headers(told, answer);

        let mut schema = &told["content"]["application/json"]["schema"];
        let mut code = None;
        if answer.body.is_empty() {
            assert!(schema.is_null(), "{path}: {answer:?}");
        } else {
            if is_guarded(path) && status == "401" {
                // RFC 6750 §3.1 has content for a bad token and none for no token. What the former
                // gets is told in words.
                let words = told["description"].as_str().unwrap();
                assert!(
                    words.contains("`OAuth2Error` with `invalid_token`"),
                    "{words}"
                );
                assert_eq!(answer.json["error"], "invalid_token");
                schema = &self.api["components"]["schemas"]["OAuth2Error"];
            }
            self.check(schema, &answer.json);
            let names = self.properties(schema);
            for name in answer.json.as_object().unwrap().keys() {
                assert!(names.contains(&**name), "{path}: {name} is not described");
            }
            code = answer.json["error"].as_str().map(str::to_owned);
        }
        let seen = self.seen.entry(path.to_owned()).or_default();
        seen.insert((status, code));
    }

    #[track_caller]
    fn check_headers(&self, told: &Value, answer: &Answer) {
        let no_headers = json!({});
        let headers = told.get("headers").unwrap_or(&no_headers);
        let headers = headers.as_object().unwrap();
        let content = (!answer.body.is_empty()).then_some("content-type");
        let described = headers.keys().map(|name| name.to_lowercase());
        let mut described: Vec<_> = described.chain(content.map(str::to_owned)).collect();
        described.sort_unstable();
        let sent: Vec<_> = answer.fields().iter().map(|(name, _)| *name).collect();
        assert_eq!(sent, described, "{answer:?}");
        for (name, header) in headers {
            let text = answer.header(name).unwrap();
            let number = text.parse::<u64>().map(Value::from);
            let value = number.unwrap_or_else(|_| Value::from(text));
            self.check(&header["schema"], &value);
        }
        if content.is_some() {
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
    }

    /// As much of JSON Schema as the document uses. What a pattern says, `tests/openapi.sh` holds.
    #[track_caller]
    fn check(&self, schema: &Value, value: &Value) {
        let schema = self.resolve(schema);
        for (keyword, told) in schema.as_object().unwrap() {
            let holds = match (&**keyword, told.as_str()) {
                ("type", Some("object")) => value.is_object(),
                ("type", Some("string")) => value.is_string(),
                ("type", Some("integer")) => value.is_u64(),
                ("type", Some("boolean")) => value.is_boolean(),
                ("enum", _) => told.as_array().unwrap().contains(value),
                ("minimum", _) => value.as_u64() >= told.as_u64(),
                ("required", _) => {
                    let mut names = told.as_array().unwrap().iter();
                    names.all(|name| value.get(name.as_str().unwrap()).is_some())
                }
                ("properties", _) => {
                    for (name, schema) in told.as_object().unwrap() {
                        value.get(name).inspect(|value| self.check(schema, value));
                    }
                    true
                }
                ("allOf", _) => {
                    told.as_array()
                        .unwrap()
                        .iter()
                        .for_each(|one| self.check(one, value));
                    true
                }
                ("description" | "pattern", _) => true,
                other => panic!("this test does not know {other:?}"),
            };
            assert!(holds, "{keyword} {told}: {value}");
        }
    }

    /// The members that an object may have.
    fn properties<'a>(&'a self, schema: &'a Value) -> BTreeSet<&'a str> {
        let schema = self.resolve(schema);
        let own = schema["properties"].as_object().into_iter().flatten();
        let own = own.map(|(name, _)| &**name);
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let others = parts.flat_map(|part| self.properties(part));
        own.chain(others).collect()
    }

    /// Asserts that each status, and each error code of it, was seen.
    pub fn expect_all_seen(&self) {
        for (path, operation) in self.api["paths"].as_object().unwrap() {
            let mut told = BTreeSet::new();
            for (status, response) in operation["post"]["responses"].as_object().unwrap() {
                let schema = &self.resolve(response)["content"]["application/json"]["schema"];
                let codes = &schema["allOf"][1]["properties"]["error"]["enum"];
                let codes = codes.as_array().into_iter().flatten();
                let codes: Vec<_> = codes.map(|code| code.as_str().unwrap()).collect();
                if codes.is_empty() {
                    told.insert((status.clone(), None));
                }
                told.extend(
                    codes
                        .iter()
                        .map(|code| (status.clone(), Some((*code).to_owned()))),
                );
            }
            let mut seen = self.seen[path].clone();
            if is_guarded(path) {
                let in_words = ("401".to_owned(), Some("invalid_token".to_owned()));
                assert!(seen.remove(&in_words), "{path}");
            }
            assert_eq!(seen, told, "{path}");
        }
    }
}

fn is_guarded(path: &str) -> bool {
    matches!(path, "/me" | "/items")
}
