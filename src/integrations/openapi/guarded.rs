use serde_json::{Map, Value, json};

use super::{SCHEME, components::shared, object};
use crate::model::Scope;

/// Says of `operation` that it needs an access token that allows `scope`, and how it refuses
/// others. [`Description::add_to`](super::Description::add_to) does that where `security` is set;
/// this is for an operation that is made by hand.
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use tower_oauth2_password::openapi::protect;
///
/// let mut operation = json!({ "responses": { "200": { "description": "All items." } } });
/// protect(&mut operation, &"items:read".parse()?);
/// assert_eq!(operation["security"], json!([{ "oauth2": ["items:read"] }]));
/// # Ok::<(), tower_oauth2_password::model::ScopeError>(())
/// ```
pub fn protect(operation: &mut Value, scope: &Scope) {
    let scopes: Vec<_> = scope.iter().collect();
    let operation = object(operation);
    operation.insert("security".to_owned(), json!([{ SCHEME: scopes }]));
    add_refusals(operation, !scopes.is_empty());
}

/// Says of every operation in `api` that needs an access token how it refuses.
pub(super) fn describe(api: &mut Map<String, Value>) {
    let everywhere = api.get("security").cloned().unwrap_or_default();
    let paths = api.get_mut("paths").and_then(Value::as_object_mut);
    for path in paths.into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(operations) {
            let security = operation.get("security").unwrap_or(&everywhere);
            if let Some(needs_scope) = is_guarded(security) {
                add_refusals(operation, needs_scope);
            }
        }
    }
}

fn operations(path: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    const METHODS: [&str; 9] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
    ];
    path.iter_mut()
        .flat_map(|(name, member)| match (&**name, member) {
            ("additionalOperations", Value::Object(others)) => others.values_mut().collect(),
            (name, member) if METHODS.contains(&name) => vec![member],
            _ => Vec::new(),
        })
        .filter_map(Value::as_object_mut)
}

fn add_refusals(operation: &mut Map<String, Value>, needs_scope: bool) {
    let responses = object(operation.entry("responses").or_insert_with(|| json!({})));
    for (status, name) in refusals(needs_scope) {
        responses.entry(status).or_insert_with(|| shared(name));
    }
}

/// The status of every refusal and the response that describes it.
pub(in crate::integrations) fn refusals(
    needs_scope: bool,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let always = [
        ("400", "BearerMalformed"),
        ("401", "BearerUnauthorized"),
        ("503", "BearerNotChecked"),
    ];
    let forbidden = needs_scope.then_some(("403", "BearerForbidden"));
    always.into_iter().chain(forbidden)
}

/// Whether `security` asks for an access token, and whether for scopes too.
pub(in crate::integrations) fn is_guarded(security: &Value) -> Option<bool> {
    let requirements = security.as_array().into_iter().flatten();
    let scopes = requirements.filter_map(|requirement| requirement.get(SCHEME)?.as_array());
    scopes
        .map(|scopes| !scopes.is_empty())
        .reduce(|a, b| a || b)
}
