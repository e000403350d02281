//! All integration tests in one binary, as each binary costs a link.

#![expect(
    unreachable_pub,
    reason = "what the modules share is public within this binary"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod accounts_cap;
mod architecture;
mod browser;
mod cached;
mod clients;
mod clients_confidential;
mod cross_site;
mod engines;
mod examples;
mod extractors;
mod grpc;
mod guessing;
mod limits;
mod mistakes;
mod observe;
mod observe_backends;
mod openapi;
mod password_change;
mod properties;
mod properties_clients;
mod properties_places;
mod public_url;
mod readiness;
mod refresh_race;
mod rfc6749;
mod rfc6749_answers;
mod rfc6749_body;
mod rfc6749_client_grants;
mod rfc6749_client_types;
mod rfc6749_clients;
mod rfc6749_grace;
mod rfc6749_grace_dropped;
mod rfc6749_refresh;
mod rfc6749_refresh_lifetime;
mod rfc6749_replay;
mod rfc6749_scope;
mod rfc6750;
mod rfc6750_cookie;
mod rfc6750_query;
mod rfc7009;
mod rfc7009_clients;
mod rfc7662;
mod rfc7662_callers;
mod rfc7662_requests;
mod rfc8414;
mod rfc9728;
mod rfc9728_challenge;
mod screenshots;
mod secrets;
mod support;
mod threats;
mod throttle;
mod throttle_attacks;
mod time_travel;
mod timing;
mod token_authenticate;
mod token_cookie;
mod token_debug;
mod token_layer;
mod token_layer_stack;
mod token_rehash;
