use futures_util::future::join_all;
use redis::aio::ConnectionLike;

use super::{
    RedisTokens,
    ask::del,
    read::{self, FAMILY, Fields, Found, Stored},
    scripts::MARK,
};
use crate::{
    model::{FamilyId, Subject},
    store::StoreError,
};

/// How logins are found and revoked.
impl<C> RedisTokens<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// Looks a family up. A revocation that was left half-way is finished first: until then "not
    /// found" would not be true of its tokens.
    pub(super) async fn find(&self, id: FamilyId) -> Result<Option<Stored>, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("HMGET").arg(self.family_key(id)).arg(&FAMILY);
        commands.cmd("GET").arg(self.windows_key(id));
        let (fields, windows): (Fields, Option<Vec<u8>>) = self.server.ask_all(&commands).await?;
        match read::family(id, fields, &windows.unwrap_or_default())? {
            Found::Nothing => Ok(None),
            Found::HalfRevoked => self.revoke(id).await.map(|_| None),
            Found::Family(stored) => Ok(Some(*stored)),
        }
    }

    pub(super) async fn listed(&self, subject: &Subject) -> Result<Vec<FamilyId>, StoreError> {
        let mut list = redis::cmd("ZRANGE");
        list.arg(self.subject_key(subject.as_str())).arg(0).arg(-1);
        let ids: Vec<Vec<u8>> = self.server.ask(&list).await?;
        let read = |id: Vec<u8>| id.try_into().map(FamilyId::from_bytes).ok();
        Ok(ids.into_iter().filter_map(read).collect())
    }

    /// Revokes a family to the end, even if nobody waits for it any more.
    pub(super) async fn revoke(&self, id: FamilyId) -> Result<bool, StoreError> {
        let store = self.clone();
        let work = tokio::spawn(async move { store.revoke_in_steps(id).await });
        work.await.map_err(StoreError::new)?
    }

    /// The access tokens go first. A failure half-way leaves the mark, and with it what is left to
    /// do, to whoever looks the family up next.
    async fn revoke_in_steps(&self, id: FamilyId) -> Result<bool, StoreError> {
        let mut mark = MARK.key(self.family_key(id));
        mark.key(self.windows_key(id));
        let marked: Option<(Option<Vec<u8>>, Option<String>)> = self.server.run(&mark).await?;
        let Some((access, subject)) = marked else {
            return Ok(false);
        };
        let access = read::read_access(&access.unwrap_or_default())?;
        let deletions = access.into_iter().map(|access| async move {
            let command = del(self.access_key(access));
            self.server.ask::<()>(&command).await
        });
        join_all(deletions)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        self.drop_family(id, subject.as_deref()).await
    }

    pub(super) async fn drop_family(
        &self,
        id: FamilyId,
        subject: Option<&str>,
    ) -> Result<bool, StoreError> {
        if let Some(subject) = subject {
            let mut unlist = redis::cmd("ZREM");
            unlist.arg(self.subject_key(subject));
            unlist.arg(&id.as_bytes()[..]);
            self.server.ask::<()>(&unlist).await?;
        }
        let mut del = del(self.family_key(id));
        del.arg(self.windows_key(id));
        Ok(self.server.ask::<usize>(&del).await? > 0)
    }
}
