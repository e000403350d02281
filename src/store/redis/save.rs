use futures_util::future::try_join;
use redis::aio::ConnectionLike;

use super::{
    RedisTokens,
    ask::del,
    read::{self, Stored},
    scripts::{INSERT, LIST, ROTATE},
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Timestamp, TokenDigest},
    store::{Inserted, StoreError},
};

/// How many **seconds** a key outlives what is in it, as the clock of Redis may be ahead of ours.
const SLACK: u64 = 60;
/// How often a rotation is tried that somebody else came before. The second look shows by whom.
const MAX_TRIES: usize = 8;

/// How logins and refreshes are saved.
impl<C> RedisTokens<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// Saves an access token, and the place of its family in the list of its subject, which is
    /// needed before anybody can know the token.
    async fn save_session(
        &self,
        family: &Family,
        access: TokenDigest,
        session: &Session,
    ) -> Result<bool, StoreError> {
        let mut insert = INSERT.key(self.access_key(access));
        insert.arg(expire_at(session.expires_at()));
        insert.arg("subject").arg(session.subject().as_str());
        if let Some(client) = session.client() {
            insert.arg("client").arg(client.as_str());
        }
        if !session.scope().is_empty() {
            insert.arg("scope").arg(session.scope().to_string());
        }
        if let Some(family) = session.family() {
            insert.arg("family").arg(&family.as_bytes()[..]);
        }
        insert.arg("issued_at").arg(session.issued_at().as_secs());
        insert.arg("expires_at").arg(session.expires_at().as_secs());

        let mut list = LIST.key(self.subject_key(family.subject().as_str()));
        list.arg(&family.id().as_bytes()[..])
            .arg(family.expires_at().as_secs())
            .arg(session.issued_at().as_secs().saturating_sub(SLACK))
            .arg(SLACK);
        let (saved, _) = try_join(
            self.server.run::<bool>(&insert),
            self.server.run::<bool>(&list),
        )
        .await?;
        Ok(saved)
    }

    pub(super) async fn insert_both(
        &self,
        family: &Family,
        access: TokenDigest,
        session: &Session,
    ) -> Result<Inserted, StoreError> {
        let mut insert = INSERT.key(self.family_key(family.id()));
        insert.arg(expire_at(family.expires_at()));
        insert.arg("subject").arg(family.subject().as_str());
        if let Some(client) = family.client() {
            insert.arg("client").arg(client.as_str());
        }
        if !family.scope().is_empty() {
            insert.arg("scope").arg(family.scope().to_string());
        }
        if let Some(label) = family.label() {
            insert.arg("label").arg(label);
        }
        if let Some(chain) = family.chain() {
            insert.arg("chain").arg(chain.to_bytes());
        }
        insert
            .arg("created_at")
            .arg(family.created_at().as_secs())
            .arg("order")
            .arg(family.order())
            .arg("refreshed_at")
            .arg(family.refreshed_at().as_secs())
            .arg("expires_at")
            .arg(family.expires_at().as_secs())
            .arg("access")
            .arg(read::write_access(&[access]));
        if !self.server.run::<bool>(&insert).await? {
            return Ok(Inserted::Taken);
        }
        if self.save_session(family, access, session).await? {
            return Ok(Inserted::Saved);
        }
        // The access token is another family's and stays: this one goes alone.
        self.drop_family(family.id(), Some(family.subject().as_str()))
            .await?;
        Ok(Inserted::Taken)
    }

    pub(super) async fn try_to_rotate(
        &self,
        id: FamilyId,
        rotation: &Rotation,
    ) -> Result<Rotated, StoreError> {
        for _ in 0..MAX_TRIES {
            let Some(mut stored) = self.find(id).await? else {
                return Ok(Rotated::Unknown);
            };
            let rotated = stored.family.rotate(rotation);
            match rotated {
                Rotated::Done => {}
                Rotated::Replay => {
                    self.revoke(id).await?;
                    return Ok(rotated);
                }
                Rotated::Again(_) | Rotated::Unknown => return Ok(rotated),
            }
            // Saved before the family says so, as nobody can know it before.
            let access = rotation.access();
            if !self
                .save_session(&stored.family, access, rotation.session())
                .await?
            {
                return Ok(Rotated::Unknown);
            }
            if self.save_rotation(&mut stored, rotation).await? {
                return Ok(rotated);
            }
            let undo = del(self.access_key(access));
            self.server.ask::<()>(&undo).await?;
        }
        Err(StoreError::new("a login is refreshed by too many at once"))
    }

    /// Says whether the family was still as it was read.
    async fn save_rotation(
        &self,
        stored: &mut Stored,
        rotation: &Rotation,
    ) -> Result<bool, StoreError> {
        let Stored {
            family,
            chain,
            access,
        } = stored;
        access.push(rotation.access());
        let too_many = access.len().saturating_sub(Family::MAX_ACCESS_TOKENS);
        // They go before they are forgotten, so that none is left that nobody knows of.
        for oldest in access.drain(..too_many) {
            self.server.ask::<()>(&del(self.access_key(oldest))).await?;
        }
        let Some(new) = family.chain() else {
            return Ok(false);
        };
        let mut script = ROTATE.key(self.family_key(family.id()));
        script
            .key(self.windows_key(family.id()))
            .arg(&**chain)
            .arg(new.to_bytes())
            .arg(&**new.windows_to_bytes())
            .arg(new.windows_end_at().map_or(0, Timestamp::as_secs))
            .arg(family.refreshed_at().as_secs())
            .arg(family.expires_at().as_secs())
            .arg(read::write_access(access))
            .arg(expire_at(family.expires_at()));
        self.server.run(&script).await
    }
}

fn expire_at(end: Timestamp) -> u64 {
    end.as_secs().saturating_add(SLACK)
}
