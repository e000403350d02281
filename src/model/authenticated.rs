use std::{fmt, ops::Deref, sync::Arc};

use super::{Protected, Realm, Scope, Session};

/// Proof that a request came with a valid access token, and whose.
///
/// `BearerLayer` puts it into the request's extensions. It derefs to the application's own user;
/// a clone allocates nothing.
///
/// # Example
///
/// ```
/// use http::Request;
/// use tower_oauth2_password::Authenticated;
///
/// struct User {
///     name: String,
/// }
///
/// fn greet<B>(request: &Request<B>) -> Option<String> {
///     let user = request.extensions().get::<Authenticated<User>>()?;
///     Some(format!("hello {}, you may {}", user.name, user.scope()))
/// }
/// # assert_eq!(greet(&Request::new(())), None);
/// ```
pub struct Authenticated<U> {
    user: Arc<U>,
    session: Session,
}

impl<U> Authenticated<U> {
    /// Says that `session` is valid and belongs to `user`.
    ///
    /// For an implementation of `Validate`. Whoever can make this value can log in as anybody.
    pub fn new(user: Arc<U>, session: Session) -> Self {
        Self { user, session }
    }

    /// The application's user.
    pub fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// What the token allows.
    pub fn scope(&self) -> &Scope {
        self.session.scope()
    }

    /// What is known about the token: subject, scope, issue and expiry.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<U> Deref for Authenticated<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

impl<U> Clone for Authenticated<U> {
    fn clone(&self) -> Self {
        Self {
            user: Arc::clone(&self.user),
            session: self.session.clone(),
        }
    }
}

/// Leaves the user out, whose fields may not be for the log.
impl<U> fmt::Debug for Authenticated<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// Proof that an optional `BearerLayer` ran and the request had no credentials.
///
/// It tells "nobody" from "nobody asked": without it, an extractor that finds no
/// [`Authenticated`] answers 500 instead of taking the request for an anonymous one.
#[derive(Clone, Debug)]
pub struct Anonymous {
    pub(crate) protected: Protected,
}

impl Anonymous {
    /// Says that nobody is logged in, and to what.
    pub(crate) fn new(protected: Protected) -> Self {
        Self { protected }
    }

    /// The realm of the layer that let the request through, for the challenge of whoever then
    /// wants a login after all.
    pub fn realm(&self) -> &Realm {
        &self.protected.realm
    }
}
