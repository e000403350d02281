//! Counts in Redis, for all nodes together.

mod scripts;

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::{Client, Script, ScriptInvocation, aio::ConnectionLike};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    Admission, Attempt, AttemptKind, Limits, Outcome, Throttle,
    limits::{Limit, OPEN_PER_FAILURE, TRY_LASTS, TURN_LASTS},
};
use crate::{
    model::Clock,
    store::{
        StoreError,
        redis::{Connection, KeyPrefix, Server},
    },
};
use scripts::{ADMIT, SETTLE};

/// Counts failures in Redis, as [`Limits`] says, so that any number of nodes share one count. A clone
/// is the same throttle.
///
/// A try is one round trip before anything is hashed and one after it. When Redis does not answer,
/// nobody may try: the endpoint says 503. A connection that sends a script twice, because an answer
/// was lost, counts twice.
///
/// # What is kept
///
/// | key | what | for |
/// | --- | --- | --- |
/// | `oauth:{throttle}:p:DIGEST` | one name at one source | an hour after the last try |
/// | `oauth:{throttle}:n:DIGEST` | one name | 15 minutes |
/// | `oauth:{throttle}:s:DIGEST` | one source | 15 minutes |
/// | `oauth:{throttle}:k:DIGEST` | one source that presents tokens | 15 minutes |
/// | `oauth:{throttle}:t:DIGEST` | from when on a pair may try next | a minute after that |
///
/// Each holds numbers only: how many failed and when. The digests are 128 bits of SHA-256, without a
/// key: neither names nor addresses can be read, but whoever reads Redis and **guesses** one (and all
/// IPv4 addresses are soon guessed) learns whether it failed lately. What did not fail is gone at
/// once. A key takes some 200 bytes, so 10,000 guessers a second, each from another network, take a
/// few gigabytes at most; a Redis whose memory is full lets nobody try.
///
/// On a cluster all keys are in one slot, so that each step is atomic; a counter is little work
/// beside a password hash. Eviction (`maxmemory-policy`) other than `noeviction` forgets failures.
///
/// # Time
///
/// Redis tells it, so that the clocks of the nodes do not matter. When its clock jumps, nobody waits
/// for longer than the longest wait.
///
/// # Example
///
/// ```no_run
/// use tower_oauth2_password::{
///     MemoryUsers, PasswordFlow, store::redis::RedisTokens, throttle::RedisThrottle,
/// };
///
/// let url = "redis://127.0.0.1/";
/// let flow = PasswordFlow::new(MemoryUsers::<()>::new(), RedisTokens::open(url)?)
///     .with_throttle(RedisThrottle::open(url)?);
/// # let _ = flow;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RedisThrottle<C = Connection> {
    server: Server<C>,
    prefix: KeyPrefix,
    limits: Limits,
    clock: Option<Clock>,
}

impl RedisThrottle {
    /// The Redis at `url`, as [`RedisTokens::open`](crate::store::redis::RedisTokens::open) takes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(StoreError::new)?;
        Ok(Self::new(Connection::new(client)?))
    }
}

impl<C> RedisThrottle<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// A connection that the application has already.
    pub fn new(connection: C) -> Self {
        Self {
            server: Server::new(connection),
            prefix: KeyPrefix::default(),
            limits: Limits::default(),
            clock: None,
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

    /// Sets how much may fail. The default is that of [`Limits`]. All nodes need the same.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the clock, for tests. The default is that of Redis. Keys expire by the latter anyway.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    fn key(&self, letter: char, kind: AttemptKind, parts: [&[u8]; 2]) -> String {
        let mut digest = Sha256::new_with_prefix([kind_byte(kind)]);
        // The length tells where one part ends and the other begins.
        digest.update(
            u64::try_from(parts[0].len())
                .unwrap_or(u64::MAX)
                .to_be_bytes(),
        );
        for part in parts {
            digest.update(part);
        }
        let digest = digest.finalize();
        let digest = URL_SAFE_NO_PAD.encode(&digest[..16]);
        format!("{}{{throttle}}:{letter}:{digest}", self.prefix.as_str())
    }

    fn ask<'a>(&self, script: &'a Script, attempt: &Attempt) -> ScriptInvocation<'a> {
        let (kind, name) = (attempt.kind(), attempt.name().as_bytes());
        let source = attempt.source().map(|source| source.to_string());
        let from = source.as_deref().unwrap_or_default().as_bytes();
        let letter = if kind == AttemptKind::Token { 'k' } else { 's' };
        // A source has one count for passwords and client secrets.
        let any = AttemptKind::Password;
        let mut call = script.prepare_invoke();
        call.key(self.key(letter, any, [b"", from]))
            .key(self.key('p', kind, [name, from]))
            .key(self.key('n', kind, [name, b""]))
            .key(self.key('t', kind, [name, from]));
        let now = self.clock.as_ref().map(|clock| clock.now().as_secs());
        call.arg(now.map_or(String::new(), |now| now.to_string()))
            .arg(u8::from(source.is_some()))
            .arg(u8::from(kind.has_name()))
            .arg(u8::from(kind.is_guessed_everywhere()))
            .arg(TURN_LASTS)
            .arg(TRY_LASTS)
            .arg(OPEN_PER_FAILURE);
        let limits = &self.limits;
        for limit in [limits.of_source(kind), &limits.pair, &limits.name] {
            add(&mut call, limit);
        }
        call
    }
}

fn kind_byte(kind: AttemptKind) -> u8 {
    match kind {
        AttemptKind::Password => b'p',
        AttemptKind::Client => b'c',
        AttemptKind::Token => b't',
    }
}

fn add(call: &mut ScriptInvocation<'_>, limit: &Limit) {
    call.arg(limit.free)
        .arg(limit.longest)
        .arg(limit.memory)
        .arg(limit.every)
        .arg(limit.most());
}

impl<C> Throttle for RedisThrottle<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        let call = self.ask(&ADMIT, attempt);
        let wait: u64 = self.server.in_time(self.server.run(&call)).await?;
        Ok(match wait {
            0 => Admission::Go,
            wait => Admission::Wait(Duration::from_secs(wait)),
        })
    }

    /// Goes on when the caller does not wait for it.
    async fn settle(&self, attempt: &Attempt, outcome: Outcome) -> Result<(), StoreError> {
        let mut call = self.ask(&SETTLE, attempt);
        call.arg(match outcome {
            Outcome::Right => "right",
            Outcome::Wrong => "wrong",
            Outcome::Unknown => "unknown",
        });
        let server = self.server.clone();
        let runtime = Handle::try_current().map_err(StoreError::new)?;
        let settled = runtime.spawn(async move {
            let done: Result<u64, _> = server.in_time(server.run(&call)).await;
            done.map(drop)
        });
        settled.await.map_err(StoreError::new)?
    }
}

impl<C> fmt::Debug for RedisThrottle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisThrottle")
            .field("prefix", &self.prefix)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
