use serde_json::{Map, Value, json};

use super::{Description, SCHEME};
use crate::model::Scope;

/// The scheme of clients that say who they are in `Authorization`.
pub(super) const CLIENT: &str = "oauth2_client";

impl Description {
    pub(super) fn security_schemes(&self) -> Value {
        let scopes = self.scopes.iter();
        let scopes: Map<_, _> = scopes
            .flat_map(|(scope, allows)| names(scope, allows))
            .collect();
        let mut flow = json!({ "tokenUrl": self.url_of(&self.token), "scopes": scopes });
        if self.refreshes {
            flow["refreshUrl"] = flow["tokenUrl"].clone();
        }
        let mut schemes = json!({ SCHEME: {
            "type": "oauth2",
            "description": "Log in with a username and a password; send the access token as \
                            `Authorization: Bearer`.",
            "flows": { "password": flow },
        } });
        if self.knows_clients {
            schemes[CLIENT] = json!({
                "type": "http",
                "scheme": "basic",
                "description": "The id and the secret of a client. A form may hold them instead, \
                                as `client_id` and `client_secret`.",
            });
        }
        schemes
    }

    pub(super) fn schemas(&self) -> Value {
        let mut schemas = json!({ "OAuth2Tokens": self.tokens(), "OAuth2Error": error() });
        if self.introspection.is_some() && self.knows_clients {
            schemas["OAuth2Introspection"] = introspection();
        }
        schemas
    }

    /// RFC 6749 §5.1.
    fn tokens(&self) -> Value {
        let mut tokens = json!({
            "type": "object",
            "required": ["access_token", "token_type", "expires_in"],
            "properties": {
                "access_token": { "type": "string" },
                "token_type": { "type": "string", "enum": ["Bearer"] },
                "expires_in": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "For how many seconds the access token is good.",
                },
                "scope": {
                    "type": "string",
                    "description": "What the tokens allow, unless that is nothing in particular.",
                },
            },
        });
        if self.refreshes {
            tokens["properties"]["refresh_token"] = json!({
                "type": "string",
                "description": "Gets the next tokens, once.",
            });
        }
        tokens
    }

    /// What several operations send.
    pub(super) fn responses(&self) -> Value {
        let late = error_response(
            "The body took too long.",
            &["invalid_request"],
            json!({ "Connection": text_header(&["close"], "On HTTP/1.") }),
        );
        let mut responses = json!({
            "OAuth2BodyTooSlow": not_stored(late),
            "OAuth2BodyTooLarge": not_stored(error_response(
                "The body is too large.",
                &["invalid_request"],
                json!({}),
            )),
            "OAuth2NotChecked": not_stored(error_response(
                "The request could not be checked; try again later.",
                &["temporarily_unavailable"],
                json!({ "Retry-After": retry_after() }),
            )),
            "BearerMalformed": error_response(
                "The bearer credentials are malformed.",
                &["invalid_request"],
                json!({ "WWW-Authenticate": challenge("Bearer") }),
            ),
            // OpenAPI has no word for content that is there or not, and a client that expects some
            // would stumble over RFC 6750 §3.1: without a token there is none.
            "BearerUnauthorized": {
                "description": "There is no access token; or it is unknown, expired or revoked, and \
                                the content is an `OAuth2Error` with `invalid_token`.",
                "headers": { "WWW-Authenticate": challenge("Bearer") },
            },
            "BearerForbidden": error_response(
                "The access token does not allow this.",
                &["insufficient_scope"],
                json!({ "WWW-Authenticate": challenge("Bearer") }),
            ),
            "BearerNotChecked": error_response(
                "The access token could not be checked; try again later.",
                &["temporarily_unavailable"],
                json!({ "Retry-After": retry_after() }),
            ),
        });
        if self.throttles {
            responses["OAuth2TooManyFailures"] = not_stored(error_response(
                "Too many attempts failed; try again later.",
                &["temporarily_unavailable"],
                json!({ "Retry-After": retry_after() }),
            ));
        }
        responses
    }
}

/// What each token of a scope is called and allows.
fn names<'a>(scope: &'a Scope, allows: &'a str) -> impl Iterator<Item = (String, Value)> + use<'a> {
    scope
        .iter()
        .map(move |token| (token.to_owned(), Value::from(allows)))
}

/// RFC 6749 §5.2.
fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": { "type": "string" },
            "error_description": { "type": "string" },
        },
    })
}

/// RFC 7662 §2.2.
fn introspection() -> Value {
    json!({
        "type": "object",
        "description": "An inactive token has no member but `active`.",
        "required": ["active"],
        "properties": {
            "active": { "type": "boolean" },
            "scope": { "type": "string", "description": "What the token allows." },
            "client_id": { "type": "string" },
            "token_type": { "type": "string", "enum": ["Bearer"] },
            "exp": { "type": "integer", "description": "When it expires, in seconds since 1970." },
            "iat": { "type": "integer", "description": "When it was issued, likewise." },
            "sub": { "type": "string", "description": "The user." },
        },
    })
}

/// An answer with an error of RFC 6749 §5.2 that is one of `codes`.
pub(super) fn error_response(description: &str, codes: &[&str], headers: Value) -> Value {
    let code = json!({ "error": { "type": "string", "enum": codes } });
    let schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/OAuth2Error" },
        { "type": "object", "properties": code },
    ] });
    let mut response = json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    });
    if headers
        .as_object()
        .is_some_and(|headers| !headers.is_empty())
    {
        response["headers"] = headers;
    }
    response
}

/// RFC 6749 §5.1: no answer of these endpoints may be stored.
pub(super) fn not_stored(mut response: Value) -> Value {
    response["headers"]["Cache-Control"] = text_header(&["no-store"], "");
    response["headers"]["Pragma"] = text_header(&["no-cache"], "");
    response
}

pub(super) fn challenge(scheme: &str) -> Value {
    json!({ "schema": { "type": "string", "pattern": format!("^{scheme} ") } })
}

pub(super) fn retry_after() -> Value {
    let seconds = json!({ "type": "integer", "minimum": 1 });
    json!({ "description": "For how many seconds to wait.", "schema": seconds })
}

fn text_header(values: &[&str], description: &str) -> Value {
    let mut header = json!({ "schema": { "type": "string", "enum": values } });
    if !description.is_empty() {
        header["description"] = Value::from(description);
    }
    header
}

/// A reference to one of the shared responses.
pub(super) fn shared(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}
