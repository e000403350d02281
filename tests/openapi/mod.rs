//! What is told of a login in OpenAPI: what of the settings shows, what becomes of the application's
//! own document, and that utoipa gets the same. `truth` holds that it is true.

mod told;
mod truth;

use serde_json::{Value, json};
use tower_oauth2_password::{
    openapi::{Description, protect, protect_operation},
    token::EndpointPath,
};
use utoipa::{Modify, openapi::path::Operation};

use crate::support::{clients::flow_with_clients, flow};

fn path(text: &str) -> EndpointPath {
    EndpointPath::new(text).unwrap()
}

/// A description of `/token` alone.
fn bare() -> Description {
    Description::new(path("/token"))
}

/// All that can be set.
fn full() -> Description {
    let login = flow_with_clients().0.openapi("/token").unwrap();
    login
        .with_revocation(path("/revoke"))
        .with_introspection(path("/introspect"))
        .with_scope("items:read".parse().unwrap(), "See what is for sale")
        .with_scope("a b".parse().unwrap(), "All else")
        .with_public_url("https://example.com/shop".parse().unwrap())
}

/// An application's document with one operation whose `security` is this.
fn application(security: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1.0.0" },
        "paths": { "/items": { "get": {
            "responses": { "200": { "description": "All items." } },
            "security": security,
        } } },
    })
}

fn described(login: &Description, mut api: Value) -> Value {
    login.add_to(&mut api);
    api
}

fn alone(login: &Description) -> Value {
    described(login, json!({}))
}

/// The names of the members of an object, sorted.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(|k| &**k).collect();
    names.sort_unstable();
    names
}

fn statuses<'a>(api: &'a Value, path: &str, method: &str) -> Vec<&'a str> {
    names(&api["paths"][path][method]["responses"])
}

#[test]
fn the_scheme_says_where_tokens_come_from_and_what_they_may_allow() {
    let api = alone(&bare());
    let scheme = &api["components"]["securitySchemes"]["oauth2"];
    assert_eq!(scheme["type"], "oauth2");
    assert_eq!(
        scheme["flows"],
        json!({ "password": { "tokenUrl": "/token", "scopes": {} } })
    );
    assert_eq!(api.get("servers"), None);

    let api = alone(&full());
    let scopes = json!({ "items:read": "See what is for sale", "a": "All else", "b": "All else" });
    let url = "https://example.com/shop/token";
    assert_eq!(
        api["components"]["securitySchemes"]["oauth2"]["flows"],
        json!({ "password": { "tokenUrl": url, "refreshUrl": url, "scopes": scopes } })
    );
    assert_eq!(
        api["servers"],
        json!([{ "url": "https://example.com/shop" }])
    );
}

/// What a flow does not do is not told of it.
#[test]
fn the_settings_of_the_flow_show() {
    let api = alone(&bare());
    assert_eq!(names(&api["paths"]), ["/token"]);
    assert_eq!(names(&api["components"]["securitySchemes"]), ["oauth2"]);
    let told = ["200", "400", "408", "413", "500", "503"];
    assert_eq!(statuses(&api, "/token", "post"), told);
    let form = |api: &Value| {
        let body = &api["paths"]["/token"]["post"]["requestBody"];
        body["content"]["application/x-www-form-urlencoded"]["schema"].clone()
    };
    let form_of_bare = form(&api);
    assert_eq!(
        names(&form_of_bare["properties"]),
        ["grant_type", "password", "scope", "username"]
    );
    let needed = json!(["grant_type", "username", "password"]);
    assert_eq!(form_of_bare["required"], needed);

    let api = alone(&full());
    assert_eq!(names(&api["paths"]), ["/introspect", "/revoke", "/token"]);
    let told = ["200", "400", "401", "408", "413", "429", "500", "503"];
    assert_eq!(statuses(&api, "/token", "post"), told);
    let form = form(&api);
    for member in ["refresh_token", "client_id", "client_secret"] {
        assert!(form["properties"][member].is_object(), "{member}");
    }
    assert_eq!(form["required"], json!(["grant_type"]));

    let unthrottled = flow().0.with_insecure_no_throttle();
    let api = alone(&unthrottled.openapi("/token").unwrap());
    assert!(!statuses(&api, "/token", "post").contains(&"429"));
    assert!(flow().0.openapi("token").is_err());
}

/// A user interface fills in the example. Without one it makes up what the pattern allows.
#[test]
fn each_field_of_a_form_has_an_example_or_a_list_to_choose_from() {
    let api = alone(&full());
    for (path, operation) in api["paths"].as_object().unwrap() {
        let content = &operation["post"]["requestBody"]["content"];
        let form = &content["application/x-www-form-urlencoded"]["schema"];
        for (name, field) in form["properties"].as_object().unwrap() {
            let given = field.get("examples").or(field.get("enum"));
            let given = given.and_then(|given| given[0].as_str());
            let needed = field.get("minLength").is_some();
            assert!(
                given.is_some_and(|given| !needed || !given.is_empty()),
                "{path} {name}"
            );
        }
    }
}

/// Whoever logs in has no token yet, so what holds for the rest does not hold for the endpoints.
#[test]
fn the_endpoints_ask_for_no_access_token() {
    let everywhere = json!([{ "oauth2": [] }]);
    let api = described(&bare(), json!({ "security": everywhere }));
    assert_eq!(api["paths"]["/token"]["post"]["security"], json!([]));
    assert!(!statuses(&api, "/token", "post").contains(&"401"));
    let api = described(&full(), json!({ "security": everywhere }));
    let client = json!([{}, { "oauth2_client": [] }]);
    for endpoint in ["/token", "/revoke", "/introspect"] {
        assert_eq!(api["paths"][endpoint]["post"]["security"], client);
    }
}

#[test]
fn operations_that_need_a_token_are_told_how_they_refuse() {
    let guarded = ["200", "400", "401", "503"];
    let scoped = ["200", "400", "401", "403", "503"];
    for (security, told) in [
        (json!([{ "oauth2": [] }]), &guarded[..]),
        (json!([{ "oauth2": ["items:read"] }]), &scoped[..]),
        (json!([{}, { "oauth2": [] }]), &guarded[..]),
        (json!([{ "oauth2": [] }, { "oauth2": ["a"] }]), &scoped[..]),
        (json!([]), &["200"][..]),
        (json!([{ "key": [] }]), &["200"][..]),
    ] {
        let api = described(&bare(), application(&security));
        assert_eq!(statuses(&api, "/items", "get"), told, "{security}");
    }

    // What the document says, holds for an operation that says nothing.
    let mut api = application(&Value::Null);
    api["paths"]["/items"]["get"]
        .as_object_mut()
        .unwrap()
        .remove("security");
    api["security"] = json!([{ "oauth2": ["items:read"] }]);
    api["paths"]["/items"]["additionalOperations"] = json!({ "LINK": { "responses": {} } });
    api["paths"]["/items"]["x-note"] = json!({ "responses": {} });
    let api = described(&bare(), api);
    assert_eq!(statuses(&api, "/items", "get"), scoped);
    let others = &api["paths"]["/items"]["additionalOperations"];
    assert_eq!(names(&others["LINK"]["responses"]), scoped[1..]);
    assert_eq!(
        api["paths"]["/items"]["x-note"],
        json!({ "responses": {} }),
        "an extension is no operation"
    );
}

#[test]
fn what_is_there_already_stays() {
    let own = json!({ "description": "mine" });
    let api = described(
        &full(),
        json!({
            "servers": [own],
            "paths": {
                "/token": { "get": own, "post": own },
                "/items": { "get": {
                    "security": [{ "oauth2": ["a"] }],
                    "responses": { "401": own },
                } },
            },
            "components": { "schemas": { "OAuth2Error": own, "Mine": own } },
        }),
    );
    assert_eq!(api["servers"], json!([own]));
    assert_eq!(api["paths"]["/token"], json!({ "get": own, "post": own }));
    assert_eq!(api["paths"]["/items"]["get"]["responses"]["401"], own);
    assert_eq!(
        statuses(&api, "/items", "get"),
        ["400", "401", "403", "503"]
    );
    let schemas = &api["components"]["schemas"];
    assert_eq!((&schemas["OAuth2Error"], &schemas["Mine"]), (&own, &own));
    assert!(schemas["OAuth2Tokens"].is_object());

    let nonsense = json!({ "paths": 1, "components": { "schemas": [] } });
    assert_eq!(described(&full(), nonsense), alone(&full()));
    assert_eq!(described(&full(), json!("nonsense")), alone(&full()));
}

/// To the last member, whatever is set: nothing gets lost on the way through utoipa's types.
#[test]
fn utoipa_gets_the_same() {
    let refreshing = bare().with_refresh(true).with_throttle(true);
    let knows_nobody = bare().with_introspection(path("/introspect"));
    for login in [bare(), refreshing, knows_nobody, full()] {
        let mut everywhere = application(&json!([]));
        everywhere["security"] = json!([{ "oauth2": [] }]);
        everywhere["servers"] = json!([{ "url": "/mine" }]);
        let own = json!({ "responses": { "200": { "description": "mine" } } });
        everywhere["paths"]["/mine"] = json!({ "patch": own, "query": own });
        everywhere["paths"]["/mine"]["additionalOperations"] = json!({ "LINK": own });
        everywhere["paths"]["/token"] = json!({ "get": own, "post": own });
        let mixed = application(&json!([{}, { "oauth2": ["a"] }, { "key": [] }]));
        for application in [application(&json!([])), mixed, everywhere] {
            let mut api: utoipa::openapi::OpenApi =
                serde_json::from_value(application.clone()).unwrap();
            login.modify(&mut api);
            let expected = described(&login, application);
            assert_eq!(serde_json::to_value(&api).unwrap(), expected);
            // Once more changes nothing.
            login.modify(&mut api);
            assert_eq!(serde_json::to_value(&api).unwrap(), expected);
        }
    }
}

#[test]
fn an_operation_is_protected_by_hand() {
    for (scope, told) in [
        ("items:read", &["200", "400", "401", "403", "503"][..]),
        ("", &["200", "400", "401", "503"]),
    ] {
        let scope = scope.parse().unwrap_or_default();
        let mut operation = json!({ "responses": { "200": { "description": "All items." } } });
        let mut typed: Operation = serde_json::from_value(operation.clone()).unwrap();
        protect(&mut operation, &scope);
        let asked: Vec<_> = scope.iter().collect();
        assert_eq!(operation["security"], json!([{ "oauth2": asked }]));
        assert_eq!(names(&operation["responses"]), told);
        protect_operation(&mut typed, &scope);
        assert_eq!(serde_json::to_value(&typed).unwrap(), operation);
    }
}
