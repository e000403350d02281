use http::Extensions;

use crate::model::{Anonymous, Authenticated, Protected};

/// Puts the user where handlers, guards and extractors look.
pub(super) fn inject<U>(extensions: &mut Extensions, user: Authenticated<U>)
where
    U: Send + Sync + 'static,
{
    extensions.insert(user);
}

/// Says that nobody is logged in, whatever an earlier layer may have said.
pub(super) fn inject_nobody<U>(extensions: &mut Extensions, protected: &Protected)
where
    U: Send + Sync + 'static,
{
    extensions.remove::<Authenticated<U>>();
    extensions.insert(Anonymous::new(protected.clone()));
}
