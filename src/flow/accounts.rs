use super::PasswordFlow;
use crate::{
    model::{Family, FamilyId, Subject},
    observe::{Event, RevocationReason, asked},
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
        let families = self.tokens.find_families(subject);
        let mut families = asked::<T, _, _>("find_families", families).await?;
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
        let revoked = self.tokens.revoke_family(id);
        let revoked = asked::<T, _, _>("revoke_family", revoked).await?;
        if revoked {
            self.report(Event::Revoked {
                subject: None,
                family: Some(id),
                logins: 1,
                reason: RevocationReason::Application,
            });
        }
        Ok(revoked)
    }

    /// Logs a user out everywhere and says how many logins that ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if some may not have been ended.
    pub async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.revoke_all(subject, RevocationReason::Application)
            .await
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
            return self
                .revoke_all(subject, RevocationReason::PasswordChanged)
                .await;
        };
        let families = self.tokens.find_families(subject);
        let mut ended = 0;
        for family in asked::<T, _, _>("find_families", families).await? {
            let id = family.id();
            if id == keep {
                continue;
            }
            let revoked = self.tokens.revoke_family(id);
            ended += usize::from(asked::<T, _, _>("revoke_family", revoked).await?);
        }
        self.report_ended(subject, ended, RevocationReason::PasswordChanged);
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
        self.revoke_all(subject, RevocationReason::AccountDisabled)
            .await
    }

    async fn revoke_all(
        &self,
        subject: &Subject,
        reason: RevocationReason,
    ) -> Result<usize, StoreError> {
        let ended = self.tokens.revoke_subject(subject);
        let ended = asked::<T, _, _>("revoke_subject", ended).await?;
        self.report_ended(subject, ended, reason);
        Ok(ended)
    }

    fn report_ended(&self, subject: &Subject, logins: usize, reason: RevocationReason) {
        if logins > 0 {
            self.report(Event::Revoked {
                subject: Some(subject.clone()),
                family: None,
                logins,
                reason,
            });
        }
    }
}
