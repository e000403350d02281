use std::{fmt, time::Duration};

use futures_util::future::join_all;
use redis::{Client, aio::ConnectionLike};

use super::{
    Connection, KeyPrefix,
    ask::{Server, del},
    read::{self, SESSION},
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

/// Logins in Redis, through a [`Connection`] unless another one of the driver is given. A clone is
/// the same store.
#[derive(Clone)]
pub struct RedisTokens<C = Connection> {
    pub(super) server: Server<C>,
    pub(super) prefix: KeyPrefix,
}

impl RedisTokens {
    /// The Redis at `url`, such as `redis://:password@host:6379/0`. Nothing is asked yet: a server
    /// that is away now may be there later. The connection is made anew whenever it is lost.
    ///
    /// For `rediss://` the application enables a TLS feature of the `redis` crate.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(StoreError::new)?;
        Ok(Self::new(Connection::new(client)?))
    }
}

impl<C> RedisTokens<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// A connection that the application has already: to one server, to a cluster or through
    /// sentinels.
    pub fn new(connection: C) -> Self {
        Self {
            server: Server::new(connection),
            prefix: KeyPrefix::default(),
        }
    }

    /// Sets what the keys begin with. The default is `oauth:`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: KeyPrefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// Sets how long a call may take. The default is 2 **seconds**.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.server = self.server.with_timeout(timeout);
        self
    }

    /// Asks Redis whether it is there, for a health check.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it did not answer in time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server
            .in_time(self.server.ask(&redis::cmd("PING")))
            .await
    }
}

impl<C> TokenStore for RedisTokens<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.server
            .in_time(self.insert_both(&family, access, &session))
            .await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.access_key(access)).arg(&SESSION);
        let fields = self.server.in_time(self.server.ask(&command)).await?;
        read::session(fields)
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        let stored = self.server.in_time(self.find(id)).await?;
        Ok(stored.map(|stored| stored.family))
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.server
            .in_time(async {
                let ids = self.listed(subject).await?;
                let found = join_all(ids.into_iter().map(|id| self.find(id))).await;
                let families = found.into_iter().filter_map(Result::transpose);
                families.map(|stored| Ok(stored?.family)).collect()
            })
            .await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.server.in_time(self.try_to_rotate(id, &rotation)).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        let command = del(self.access_key(access));
        Ok(self
            .server
            .in_time(self.server.ask::<usize>(&command))
            .await?
            > 0)
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.server.in_time(self.revoke(id)).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.server
            .in_time(async {
                let ids = self.listed(subject).await?;
                let revoked = join_all(ids.into_iter().map(|id| self.revoke(id))).await;
                let revoked = revoked.into_iter().collect::<Result<Vec<_>, _>>()?;
                Ok(revoked.into_iter().filter(|revoked| *revoked).count())
            })
            .await
    }
}

impl<C> fmt::Debug for RedisTokens<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokens")
            .field("prefix", &self.prefix)
            .field("timeout", &self.server.timeout())
            .finish_non_exhaustive()
    }
}
