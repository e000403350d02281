//! How a refresh token is spent, and its successors made.

use super::{Issued, Issuer};
use crate::{
    model::{Family, RefreshToken, Rotated, Rotation, Salt, Scope, Session},
    observe::asked,
    store::TokenStore,
    token::{IssueFault, TokenError},
};

impl<T: TokenStore> Issuer<T> {
    /// Spends `presented`, which belongs to `family`, for tokens whose access token allows
    /// `scope`.
    pub(in crate::token) async fn refresh(
        &self,
        presented: &RefreshToken,
        family: &Family,
        scope: Scope,
    ) -> Result<Issued, TokenError> {
        let (Some(policy), Some(chain)) = (&self.refresh, family.chain()) else {
            return Err(TokenError::InvalidToken);
        };
        let now = self.clock.now();
        let salt = Salt::generate().map_err(IssueFault::Random)?;
        let (access, refresh) = presented.successors(&self.prefix, &salt);
        let session = Session::new(
            family.subject().clone(),
            now,
            (now + self.lifetime).min(chain.ends_at()),
        )
        .with_client(family.client().cloned())
        .with_scope(scope)
        .with_family(family.id());
        let rotation = Rotation::new(
            presented.digest(),
            refresh.digest(),
            policy.expires_at(now),
            access.digest(),
            session.clone(),
            salt,
        )
        .with_window_until(policy.window_until(now));
        let rotated = self.tokens.rotate(family.id(), rotation);
        match asked::<T, _, _>("rotate", rotated).await? {
            Rotated::Done => self.issued(access, Some(refresh), &session),
            Rotated::Again(salt) => self.issue_again(presented, &salt).await,
            Rotated::Replay => Err(TokenError::Replayed),
            Rotated::Unknown => Err(TokenError::InvalidToken),
        }
    }

    /// The tokens that `presented` was spent for, once more.
    pub(in crate::token) async fn issue_again(
        &self,
        presented: &RefreshToken,
        salt: &Salt,
    ) -> Result<Issued, TokenError> {
        let (access, refresh) = presented.successors(&self.prefix, salt);
        let session = self.tokens.find_access(access.digest());
        let session = asked::<T, _, _>("find_access", session).await?;
        let session = session.ok_or(TokenError::InvalidToken)?;
        self.issued(access, Some(refresh), &session)
    }

    /// Revokes `family`, of which a spent token was presented.
    pub(in crate::token) async fn revoke_replayed(&self, family: &Family) -> TokenError {
        match self.revoke(family.id()).await {
            Ok(_) => TokenError::Replayed,
            Err(error) => error.into(),
        }
    }
}
