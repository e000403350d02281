use http::Extensions;

use crate::model::{Anonymous, Authenticated, Realm};

/// Puts the user where handlers, guards and extractors look.
pub(super) fn inject<U>(extensions: &mut Extensions, user: Authenticated<U>)
where
    U: Send + Sync + 'static,
{
    extensions.insert(user);
}

/// Says that nobody is logged in, whatever an earlier layer may have said.
pub(super) fn inject_nobody<U>(extensions: &mut Extensions, realm: &Realm)
where
    U: Send + Sync + 'static,
{
    extensions.remove::<Authenticated<U>>();
    extensions.insert(Anonymous::new(realm.clone()));
}
