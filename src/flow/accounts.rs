use super::PasswordFlow;
use crate::{
    model::{Family, FamilyId, Subject},
    store::{StoreError, TokenStore, UserStore},
};

/// What happens to logins because of what happens to accounts.
impl<U, T> PasswordFlow<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    /// The logins of a user that are not over, the newest first: what "where you are logged in"
    /// shows.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, model::Subject};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    /// for login in flow.families(&Subject::new("meera")?).await? {
    ///     println!("{} since {:?}", login.label().unwrap_or("?"), login.created_at());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        let now = self.clock.now();
        let mut families = self.tokens.find_families(subject).await?;
        families.retain(|family| !family.is_expired_at(now));
        families.sort_by_key(Family::age);
        families.reverse();
        Ok(families)
    }

    /// Ends one login: all its tokens stop working. Says whether there was one.
    ///
    /// The login of a request is [`Session::family`](crate::model::Session::family) of its
    /// `Authenticated` user. Make sure that a family named by a client is one of its user's.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been ended.
    pub async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.tokens.revoke_family(id).await
    }

    /// Logs a user out everywhere and says how many logins that ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if some may not have been ended.
    pub async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.tokens.revoke_subject(subject).await
    }

    /// To be called **after** a new password was saved: ends all logins of the user, but the one
    /// in which the password was changed, if that is given as `keep` (OWASP ASVS 7.4.3). Says how
    /// many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if some may not have been ended.
    pub async fn password_changed(
        &self,
        subject: &Subject,
        keep: Option<FamilyId>,
    ) -> Result<usize, StoreError> {
        let Some(keep) = keep else {
            return self.revoke_subject(subject).await;
        };
        let mut ended = 0;
        for family in self.tokens.find_families(subject).await? {
            if family.id() != keep && self.tokens.revoke_family(family.id()).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// To be called **after** an account was disabled or deleted: ends all its logins (OWASP ASVS
    /// 7.4.2) and says how many. Its tokens are refused without this too, for as long as the user
    /// store does not find the user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if some may not have been ended.
    pub async fn account_disabled(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.revoke_subject(subject).await
    }
}
