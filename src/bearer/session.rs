use std::{fmt, sync::Arc};

use super::{Rejection, Validate};
use crate::{
    model::{Authenticated, BearerToken, Clock, Session},
    observe::{Validation, asked, called},
    store::{StoreError, TokenStore, UserStore},
};

/// Validates tokens that were issued here: digest, session, clock, user.
pub struct SessionValidator<U, T> {
    users: Arc<U>,
    tokens: Arc<T>,
    clock: Clock,
}

impl<U, T> SessionValidator<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    /// Looks tokens up in `tokens` and their users in `users`. They expire by the system's clock,
    /// on Linux as of the last tick of the kernel's timer: 1 to 10 milliseconds ago, or longer where a
    /// virtual machine was held up.
    pub fn new(users: Arc<U>, tokens: Arc<T>) -> Self {
        let clock = Clock::system();
        Self {
            users,
            tokens,
            clock,
        }
    }

    /// Sets the clock by which tokens expire. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    fn live(&self, found: Result<Option<Session>, StoreError>) -> Result<Session, Rejection> {
        found
            .map_err(Rejection::Unchecked)?
            .filter(|session| !session.is_expired_at(self.clock.lately()))
            .ok_or(Rejection::Invalid)
    }
}

impl<U, T> Validate for SessionValidator<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    type User = U::User;

    async fn validate(&self, token: BearerToken<'_>) -> Result<Authenticated<U::User>, Rejection> {
        let _measured = Validation::of::<T>();
        let found = self.tokens.find_access(token.digest());
        let session = self.live(asked::<T, _, _>("find_access", found).await)?;
        let user = self.users.find_user(session.subject());
        let user = asked::<U, _, _>("find_user", user).await;
        authenticated(user, session)
    }

    fn validate_now(
        &self,
        token: BearerToken<'_>,
    ) -> Option<Result<Authenticated<U::User>, Rejection>> {
        let found = self.tokens.find_access_now(token.digest())?;
        let session = match self.live(called::<T, _, _>("find_access", found)) {
            Ok(session) => session,
            Err(rejection) => return Some(Err(rejection)),
        };
        let user = self.users.find_user_now(session.subject())?;
        let user = called::<U, _, _>("find_user", user);
        Some(authenticated(user, session))
    }
}

fn authenticated<U>(
    user: Result<Option<Arc<U>>, StoreError>,
    session: Session,
) -> Result<Authenticated<U>, Rejection> {
    let user = user
        .map_err(Rejection::Unchecked)?
        .ok_or(Rejection::Invalid)?;
    Ok(Authenticated::new(user, session))
}

impl<U, T> Clone for SessionValidator<U, T> {
    fn clone(&self) -> Self {
        Self {
            users: Arc::clone(&self.users),
            tokens: Arc::clone(&self.tokens),
            clock: self.clock.clone(),
        }
    }
}

impl<U, T> fmt::Debug for SessionValidator<U, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionValidator")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
