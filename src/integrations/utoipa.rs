use serde_json::{Value, json};
use utoipa::{
    Modify,
    openapi::{
        OpenApi, Ref,
        path::{Operation, PathItem},
        security::SecurityRequirement,
    },
};

use super::openapi::{Description, SCHEME, is_guarded, refusals};
use crate::model::Scope;

/// As [`Description::add_to`].
impl Modify for Description {
    fn modify(&self, api: &mut OpenApi) {
        let mut own = self.parts();
        own.insert("openapi".to_owned(), Value::from("3.1.0"));
        own.insert("info".to_owned(), json!({ "title": "", "version": "" }));
        let own = serde_json::from_value::<OpenApi>(Value::Object(own));
        let mut own = own.expect("the members of a description are those of OpenAPI 3.1");
        if api.servers.is_some() {
            own.servers = None;
        }
        api.merge(own);

        let everywhere = api.security.as_deref().and_then(needs);
        for path in api.paths.paths.values_mut() {
            for operation in operations(path) {
                let own = operation.security.as_deref();
                if let Some(needs_scope) = own.map_or(everywhere, needs) {
                    add_refusals(operation, needs_scope);
                }
            }
        }
    }
}

/// As [`protect`](super::openapi::protect), for utoipa. [`Description::modify`] does that where
/// `security` is set; this is for an operation that is made by hand.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::openapi::protect_operation;
/// use utoipa::openapi::path::Operation;
///
/// let mut operation = Operation::new();
/// protect_operation(&mut operation, &"items:read".parse()?);
/// assert!(operation.responses.responses.contains_key("403"));
/// # Ok::<(), tower_oauth2_password::model::ScopeError>(())
/// ```
///
/// [`Description::modify`]: utoipa::Modify::modify
pub fn protect_operation(operation: &mut Operation, scope: &Scope) {
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, scope.iter())]);
    add_refusals(operation, !scope.is_empty());
}

fn add_refusals(operation: &mut Operation, needs_scope: bool) {
    let responses = &mut operation.responses.responses;
    for (status, name) in refusals(needs_scope) {
        let shared = || Ref::from_response_name(name).into();
        responses.entry(status.to_owned()).or_insert_with(shared);
    }
}

/// Whether an access token is needed, and whether scopes too. What a requirement asks for, utoipa
/// tells in JSON only.
fn needs(security: &[SecurityRequirement]) -> Option<bool> {
    is_guarded(&serde_json::to_value(security).ok()?)
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut path.get,
        &mut path.put,
        &mut path.post,
        &mut path.delete,
        &mut path.options,
        &mut path.head,
        &mut path.patch,
        &mut path.trace,
        &mut path.query,
    ];
    let others = path.additional_operations.values_mut();
    methods.into_iter().flatten().chain(others)
}
