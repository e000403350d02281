//! This crate, in the ways that take no server.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use tokio::runtime::Builder;
use tower::{Layer, ServiceExt};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    bearer::{Bearer, SessionValidator},
    store::cached::Cached,
};

use crate::{
    field::{Batch, Inner, requests},
    site::{SCOPE, Site, USERS, User, bearers, identity},
};

type Guard = Bearer<Inner<Body>, SessionValidator<MemoryUsers<User>, MemoryTokens>>;

pub fn bearer(site: &Site) -> Guard {
    site.flow.bearer_layer().layer(Inner::new())
}

pub fn hits(site: &Site) -> Batch {
    requests(bearer(site), StatusCode::OK, bearers::<Body>(&site.tokens))
}

pub fn scoped_hits(site: &Site) -> Batch {
    let guard = site.flow.require_scope(SCOPE.parse().unwrap());
    let guard = site
        .flow
        .bearer_layer()
        .layer(guard.layer(Inner::<Body>::new()));
    requests(guard, StatusCode::OK, bearers::<Body>(&site.tokens))
}

/// Hits of a cache, in front of a store that is never asked.
pub fn cached_hits(site: &Site) -> Batch {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    // So that nothing becomes stale while it is measured. A hit is the same hit.
    let cached = Cached::new(MemoryTokens::new()).with_staleness(Duration::from_hours(1));
    let flow = PasswordFlow::new(site.users.clone(), cached);
    let issue = async |number| {
        let issued = flow.issuer().issue(identity(number)).await.unwrap();
        issued.token().expose().to_owned()
    };
    let mut tokens = Vec::new();
    for number in 0..USERS {
        tokens.push(runtime.block_on(issue(number)));
    }
    let guard = flow.bearer_layer().layer(Inner::<Body>::new());
    let tokens = tokens.into();
    let mut warm = bearers::<Body>(&tokens);
    for _ in 0..USERS {
        runtime.block_on(guard.clone().oneshot(warm())).unwrap();
    }
    requests(guard, StatusCode::OK, bearers::<Body>(&tokens))
}
