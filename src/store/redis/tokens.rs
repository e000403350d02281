use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{join_all, try_join};
use redis::{
    Client, Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation, aio::ConnectionLike,
};

use super::{
    Connection,
    read::{self, FAMILY, Fields, Found, SESSION, Stored},
    scripts::{INSERT, LIST, MARK, ROTATE},
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, Timestamp, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

/// How many **seconds** a key outlives what is in it, as the clock of Redis may be ahead of ours.
const SLACK: u64 = 60;
/// How often a rotation is tried that somebody else came before. The second look shows by whom.
const MAX_TRIES: usize = 8;

/// Logins in Redis, through a [`Connection`] unless another one of the driver is given. A clone is
/// the same store.
#[derive(Clone)]
pub struct RedisTokens<C = Connection> {
    connection: C,
    prefix: KeyPrefix,
    timeout: Duration,
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
            connection,
            prefix: KeyPrefix::default(),
            timeout: Duration::from_secs(2),
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
        self.timeout = timeout;
        self
    }

    /// Asks Redis whether it is there, for a health check.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it did not answer in time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.in_time(self.ask(&redis::cmd("PING"))).await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::new(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// Asks something that may be asked twice. A connection that was lost while nobody looked
    /// fails the first time only.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match command.query_async(&mut connection).await {
            Err(error) if is_lost(&error) => command.query_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }

    /// As [`ask`](Self::ask), for several commands at once.
    async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match commands.query_async(&mut connection).await {
            Err(error) if is_lost(&error) => commands.query_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }

    /// Runs a script, all of which may be sent twice.
    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match script.invoke_async(&mut connection).await {
            Err(error) if is_lost(&error) => script.invoke_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }

    /// Looks a family up. A revocation that was left half-way is finished first: until then "not
    /// found" would not be true of its tokens.
    async fn find(&self, id: FamilyId) -> Result<Option<Stored>, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("HMGET").arg(self.family_key(id)).arg(&FAMILY);
        commands.cmd("GET").arg(self.windows_key(id));
        let (fields, windows): (Fields, Option<Vec<u8>>) = self.ask_all(&commands).await?;
        match read::family(id, fields, &windows.unwrap_or_default())? {
            Found::Nothing => Ok(None),
            Found::HalfRevoked => self.revoke(id).await.map(|_| None),
            Found::Family(stored) => Ok(Some(*stored)),
        }
    }

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

        let mut list = LIST.key(self.subject_key(family.subject()));
        list.arg(&family.id().as_bytes()[..])
            .arg(family.expires_at().as_secs())
            .arg(session.issued_at().as_secs().saturating_sub(SLACK))
            .arg(SLACK);
        let (saved, _) = try_join(self.run::<bool>(&insert), self.run::<bool>(&list)).await?;
        Ok(saved)
    }

    async fn insert_both(
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
        if !self.run::<bool>(&insert).await? {
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

    async fn try_to_rotate(
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
            self.ask::<()>(&undo).await?;
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
            self.ask::<()>(&del(self.access_key(oldest))).await?;
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
        self.run(&script).await
    }

    /// Revokes a family to the end, even if nobody waits for it any more.
    async fn revoke(&self, id: FamilyId) -> Result<bool, StoreError> {
        let store = self.clone();
        let work = tokio::spawn(async move { store.revoke_in_steps(id).await });
        work.await.map_err(StoreError::new)?
    }

    /// The access tokens go first. A failure half-way leaves the mark, and with it what is left to
    /// do, to whoever looks the family up next.
    async fn revoke_in_steps(&self, id: FamilyId) -> Result<bool, StoreError> {
        let mut mark = MARK.key(self.family_key(id));
        mark.key(self.windows_key(id));
        let marked: Option<(Option<Vec<u8>>, Option<String>)> = self.run(&mark).await?;
        let Some((access, subject)) = marked else {
            return Ok(false);
        };
        let access = read::read_access(&access.unwrap_or_default())?;
        let deletions = access.into_iter().map(|access| async move {
            let command = del(self.access_key(access));
            self.ask::<()>(&command).await
        });
        join_all(deletions)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        self.drop_family(id, subject.as_deref()).await
    }

    async fn drop_family(&self, id: FamilyId, subject: Option<&str>) -> Result<bool, StoreError> {
        if let Some(subject) = subject {
            let mut unlist = redis::cmd("ZREM");
            unlist.arg(format!("{}s:{subject}", self.prefix.0));
            unlist.arg(&id.as_bytes()[..]);
            self.ask::<()>(&unlist).await?;
        }
        let mut del = del(self.family_key(id));
        del.arg(self.windows_key(id));
        Ok(self.ask::<usize>(&del).await? > 0)
    }

    async fn listed(&self, subject: &Subject) -> Result<Vec<FamilyId>, StoreError> {
        let mut list = redis::cmd("ZRANGE");
        list.arg(self.subject_key(subject)).arg(0).arg(-1);
        let ids: Vec<Vec<u8>> = self.ask(&list).await?;
        let read = |id: Vec<u8>| id.try_into().map(FamilyId::from_bytes).ok();
        Ok(ids.into_iter().filter_map(read).collect())
    }

    fn access_key(&self, access: TokenDigest) -> String {
        let digest = URL_SAFE_NO_PAD.encode(access.as_bytes());
        format!("{}a:{digest}", self.prefix.0)
    }

    fn family_key(&self, id: FamilyId) -> String {
        format!("{}f:{{{id}}}", self.prefix.0)
    }

    fn windows_key(&self, id: FamilyId) -> String {
        format!("{}w:{{{id}}}", self.prefix.0)
    }

    fn subject_key(&self, subject: &Subject) -> String {
        format!("{}s:{}", self.prefix.0, subject.as_str())
    }
}

fn del(key: String) -> Cmd {
    let mut command = redis::cmd("DEL");
    command.arg(key);
    command
}

fn expire_at(end: Timestamp) -> u64 {
    end.as_secs().saturating_add(SLACK)
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() && !error.is_timeout()
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
        self.in_time(self.insert_both(&family, access, &session))
            .await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.access_key(access)).arg(&SESSION);
        let fields = self.in_time(self.ask(&command)).await?;
        read::session(fields)
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        let stored = self.in_time(self.find(id)).await?;
        Ok(stored.map(|stored| stored.family))
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.in_time(async {
            let ids = self.listed(subject).await?;
            let found = join_all(ids.into_iter().map(|id| self.find(id))).await;
            let families = found.into_iter().filter_map(Result::transpose);
            families.map(|stored| Ok(stored?.family)).collect()
        })
        .await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.in_time(self.try_to_rotate(id, &rotation)).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        let command = del(self.access_key(access));
        Ok(self.in_time(self.ask::<usize>(&command)).await? > 0)
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.in_time(self.revoke(id)).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.in_time(async {
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
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What the keys begin with: visible ASCII without braces, which would choose the slot on a
/// cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// Takes `prefix`, such as `shop:login:`.
    ///
    /// # Errors
    ///
    /// [`KeyPrefixError`] if it is longer than 64 **bytes** or holds anything but visible ASCII
    /// without braces.
    pub fn new(prefix: impl Into<String>) -> Result<Self, KeyPrefixError> {
        let prefix = prefix.into();
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        if prefix.len() > 64 || !prefix.bytes().all(allowed) {
            return Err(KeyPrefixError);
        }
        Ok(Self(prefix))
    }
}

/// `oauth:`.
impl Default for KeyPrefix {
    fn default() -> Self {
        Self("oauth:".to_owned())
    }
}

/// The text is no [`KeyPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPrefixError;

impl fmt::Display for KeyPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key prefix is at most 64 visible ASCII characters without braces")
    }
}

impl std::error::Error for KeyPrefixError {}
