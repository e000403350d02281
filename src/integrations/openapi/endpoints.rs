use serde_json::{Map, Value, json};

use super::{
    Description,
    components::{CLIENT, challenge, error_response, not_stored, shared},
};
use crate::token::EndpointPath;

/// RFC 6749 Appendix A, UNICODECHARNOCRLF. A text that can be no token is taken for an unknown one.
const TEXT: &str = r"^[^\x00-\x08\x0A-\x1F\x7F\uFFFE\uFFFF]*$";
/// RFC 6749 §3.3, or nothing (§3.2).
const SCOPE: &str = r"^([\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*)?$";

impl Description {
    /// The path items of the endpoints.
    pub(super) fn paths(&self) -> Map<String, Value> {
        let mut paths = Map::new();
        let mut add = |path: &EndpointPath, post: Value| {
            paths.insert(path.as_str().to_owned(), json!({ "post": post }));
        };
        add(&self.token, self.token_operation());
        if let Some(path) = &self.revocation {
            add(path, self.revocation_operation());
        }
        if let Some(path) = &self.introspection {
            add(path, self.introspection_operation());
        }
        paths
    }

    fn token_operation(&self) -> Value {
        let mut codes = vec!["invalid_request", "invalid_grant", "invalid_scope"];
        codes.push("unsupported_grant_type");
        if self.knows_clients {
            codes.extend(["invalid_client", "unauthorized_client"]);
        }
        let mut responses = self.common_responses(&codes);
        let tokens = "#/components/schemas/OAuth2Tokens";
        responses["200"] = not_stored(json!({
            "description": "The tokens.",
            "content": { "application/json": { "schema": { "$ref": tokens } } },
        }));
        let failed = "The request failed on the server.";
        responses["500"] = not_stored(error_response(failed, &["server_error"], json!({})));
        let summary = if self.refreshes {
            "Log in with a password, or carry a login on with a refresh token"
        } else {
            "Log in with a password"
        };
        self.operation("oauth2_token", summary, self.token_form(), &responses)
    }

    /// One flat object, as user interfaces make an input of each property.
    fn token_form(&self) -> Value {
        let grants: &[&str] = if self.refreshes {
            &["password", "refresh_token"]
        } else {
            &["password"]
        };
        let mut form = json!({
            "type": "object",
            "required": ["grant_type", "username", "password"],
            "properties": {
                "grant_type": { "type": "string", "enum": grants },
                "username": required("user"),
                "password": hidden(required("password")),
                "scope": {
                    "type": "string",
                    "pattern": SCOPE,
                    "description": "What the tokens are to allow; all that the user may, if left \
                                    out.",
                    "examples": [""],
                },
            },
        });
        if self.refreshes {
            form["required"] = json!(["grant_type"]);
            form["description"] = Value::from(
                "The grant type `password` needs `username` and `password`, `refresh_token` needs \
                 `refresh_token`.",
            );
            form["properties"]["refresh_token"] = optional();
        }
        form
    }

    fn revocation_operation(&self) -> Value {
        let codes: &[&str] = if self.knows_clients {
            &["invalid_request", "invalid_client", "invalid_grant"]
        } else {
            &["invalid_request"]
        };
        let mut responses = self.common_responses(codes);
        let done = "The token is good no more, if it was one.";
        responses["200"] = not_stored(json!({ "description": done }));
        let summary = "End a login, or one access token of it";
        self.operation("oauth2_revoke", summary, token_alone(), &responses)
    }

    /// Whoever is no client gets no answer but that.
    fn introspection_operation(&self) -> Value {
        let codes: &[&str] = if self.knows_clients {
            &["invalid_request", "unauthorized_client"]
        } else {
            &["invalid_request"]
        };
        let mut responses = self.common_responses(codes);
        responses["401"] = client_unauthorized();
        if self.knows_clients {
            let schema = json!({ "$ref": "#/components/schemas/OAuth2Introspection" });
            responses["200"] = not_stored(json!({
                "description": "What the token is good for.",
                "content": { "application/json": { "schema": schema } },
            }));
        } else if let Some(responses) = responses.as_object_mut() {
            // Nothing is looked up, and so nothing guessed at.
            responses.remove("429");
            responses.remove("503");
        }
        let summary = "Ask what a token is good for";
        self.operation("oauth2_introspect", summary, token_alone(), &responses)
    }

    /// What every endpoint may answer, with the error codes that it has for 400.
    fn common_responses(&self, codes: &[&str]) -> Value {
        let refused = error_response("The request was refused.", codes, json!({}));
        let mut responses = json!({
            "400": not_stored(refused),
            "408": shared("OAuth2BodyTooSlow"),
            "413": shared("OAuth2BodyTooLarge"),
            "503": shared("OAuth2NotChecked"),
        });
        if self.knows_clients {
            responses["401"] = client_unauthorized();
        }
        if self.throttles {
            responses["429"] = shared("OAuth2TooManyFailures");
        }
        responses
    }

    fn operation(&self, id: &str, summary: &str, mut form: Value, responses: &Value) -> Value {
        // RFC 6749 §3.2: what is not known is ignored, but each parameter comes once.
        form["propertyNames"] = json!({ "type": "string", "pattern": TEXT });
        form["additionalProperties"] = json!({ "type": "string", "pattern": TEXT });
        // A token endpoint needs no access token, whatever the rest of the document does.
        let mut security = json!([]);
        if self.knows_clients {
            security = json!([{}, { CLIENT: [] }]);
            form["properties"]["client_id"] = optional();
            form["properties"]["client_secret"] = hidden(optional());
        }
        let content = json!({ "application/x-www-form-urlencoded": { "schema": form } });
        json!({
            "tags": ["OAuth2"],
            "operationId": id,
            "summary": summary,
            "requestBody": { "required": true, "content": content },
            "responses": responses,
            "security": security,
        })
    }
}

fn token_alone() -> Value {
    json!({
        "type": "object",
        "required": ["token"],
        "properties": {
            "token": required("token"),
            // It is not looked at.
            "token_type_hint": optional(),
        },
    })
}

/// A parameter with a value. User interfaces fill in the example, and without one a text that the
/// pattern allows, at random.
fn required(example: &str) -> Value {
    json!({ "type": "string", "pattern": TEXT, "minLength": 1, "examples": [example] })
}

/// A parameter that may be left out, or have no value, which is the same (RFC 6749 §3.2).
fn optional() -> Value {
    json!({ "type": "string", "pattern": TEXT, "examples": [""] })
}

/// A parameter that is not shown while it is typed.
fn hidden(mut parameter: Value) -> Value {
    parameter["format"] = Value::from("password");
    parameter
}

fn client_unauthorized() -> Value {
    let wrong = "The client is unknown or its credentials are wrong.";
    let headers = json!({ "WWW-Authenticate": challenge("Basic") });
    not_stored(error_response(wrong, &["invalid_client"], headers))
}
