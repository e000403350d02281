use std::any::type_name;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    bearer::{Rejection, refuse},
    model::{Anonymous, Authenticated, Protected},
    observe,
};

/// The user of the request. Behind an optional `BearerLayer` an anonymous request gets 401;
/// without any, 500 and a line in the log.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::Authenticated;
/// # struct User { name: String }
///
/// async fn me(user: Authenticated<User>) -> String {
///     user.name.clone()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(me));
/// ```
impl<S, U> FromRequestParts<S> for Authenticated<U>
where
    S: Sync,
    U: Send + Sync + 'static,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        find(parts)
            .and_then(|user| user.ok_or(Rejection::Missing))
            .map_err(|rejection| answer(rejection, parts))
    }
}

/// The user of the request, or `None` for an anonymous one behind an optional `BearerLayer`.
/// Without any `BearerLayer` nobody is taken for anonymous: 500 and a line in the log.
impl<S, U> OptionalFromRequestParts<S> for Authenticated<U>
where
    S: Sync,
    U: Send + Sync + 'static,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Response> {
        find(parts).map_err(|rejection| answer(rejection, parts))
    }
}

fn find<U: Send + Sync + 'static>(parts: &Parts) -> Result<Option<Authenticated<U>>, Rejection> {
    if let Some(user) = parts.extensions.get::<Authenticated<U>>() {
        return Ok(Some(user.clone()));
    }
    if parts.extensions.get::<Anonymous>().is_some() {
        return Ok(None);
    }
    observe::unguarded("the Authenticated extractor", type_name::<U>());
    Err(Rejection::Unguarded)
}

fn answer(rejection: Rejection, parts: &Parts) -> Response {
    let nobody = parts.extensions.get::<Anonymous>();
    let protected = nobody.map_or_else(Protected::default, |nobody| nobody.protected.clone());
    refuse(rejection, &protected, &parts.headers)
        .map(Body::from)
        .into_response()
}
