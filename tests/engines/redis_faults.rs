//! Connections to Redis that break at the worst moment: a store must be able to finish later what
//! it began, and to send again what may have arrived.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use redis::{
    Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Value,
    aio::{ConnectionLike, ConnectionManager},
};
use tower_oauth2_password::{
    PasswordFlow,
    model::{FamilyId, RefreshToken, Subject},
    store::{StoreError, TokenStore, conformance, redis::RedisTokens},
    token::{Identity, Issued, Refresh},
};

use crate::support::{
    send,
    servers::{Engine, Redis},
    users,
};

/// A connection that is cut before some command, or sends each one twice, as a cluster client does
/// when an answer was lost.
#[derive(Clone)]
struct Bad {
    inner: ConnectionManager,
    /// Commands until it is cut.
    left: Arc<AtomicUsize>,
    twice: bool,
}

impl Bad {
    async fn cut_after(redis: &Redis, commands: usize) -> Self {
        let client = Client::open(redis.url()).unwrap();
        Self {
            inner: ConnectionManager::new(client).await.unwrap(),
            left: Arc::new(AtomicUsize::new(commands)),
            twice: false,
        }
    }

    async fn stuttering(redis: &Redis) -> Self {
        let mut connection = Self::cut_after(redis, usize::MAX).await;
        connection.twice = true;
        connection
    }

    fn is_cut(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_err()
    }
}

/// No error that is tried again.
fn cut() -> RedisError {
    RedisError::from((ErrorKind::Client, "cut"))
}

impl ConnectionLike for Bad {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            if self.is_cut() {
                return Err(cut());
            }
            if self.twice {
                self.inner.req_packed_command(command).await?;
            }
            self.inner.req_packed_command(command).await
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            if self.is_cut() {
                return Err(cut());
            }
            self.inner
                .req_packed_commands(commands, offset, count)
                .await
        })
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}

/// A login with two access tokens, through a good connection.
async fn log_in(tokens: &RedisTokens) -> (Issued, Issued) {
    let flow = PasswordFlow::new(users(), tokens.clone()).with_refresh(Refresh::default());
    let meera = Subject::new("meera").unwrap();
    let first = flow.issuer().issue(Identity::new(meera)).await.unwrap();
    let form = format!(
        "grant_type=refresh_token&refresh_token={}",
        first.refresh_token().unwrap().expose()
    );
    let request = crate::support::token_request(form);
    let answer = send(flow.token_service(), request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let second = flow
        .issuer()
        .issue(Identity::new(Subject::new("meera").unwrap()))
        .await
        .unwrap();
    (first, second)
}

fn family(issued: &Issued) -> FamilyId {
    let token = issued.refresh_token().unwrap().expose();
    RefreshToken::parse(token).unwrap().family()
}

/// Cuts `revoke` after each number of commands until it goes through; after each cut, whoever looks
/// the login up again must find it, or find its tokens dead.
async fn cut_everywhere<F>(redis: &Redis, revoke: impl Fn(RedisTokens<Bad>, FamilyId) -> F)
where
    F: Future<Output = Result<(), StoreError>>,
{
    let good = RedisTokens::open(&redis.url()).unwrap();
    let mut cuts = 0;
    for commands in 0.. {
        let (login, other) = log_in(&good).await;
        let bad = RedisTokens::new(Bad::cut_after(redis, commands).await);
        let done = revoke(bad, family(&login)).await;
        let through = done.is_ok();
        cuts += usize::from(!through);

        // What the revocation endpoint does, and every list of logins.
        let found = good.find_family(family(&login)).await.unwrap();
        let access = login.token().digest();
        let alive = good.find_access(access).await.unwrap().is_some();
        assert_eq!(found.is_some(), alive, "cut after {commands} commands");
        if through {
            assert!(!alive);
            break;
        }
        if alive {
            assert!(good.revoke_family(family(&login)).await.unwrap());
            assert!(good.find_access(access).await.unwrap().is_none());
        }
        good.revoke_family(family(&other)).await.unwrap();
    }
    assert!(cuts >= 3, "only {cuts} places to cut");
    println!("cut in {cuts} places");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_revocation_that_was_cut_is_finished_by_whoever_looks_next() {
    let redis = Redis::run();
    cut_everywhere(&redis, async |tokens: RedisTokens<Bad>, id| {
        tokens.revoke_family(id).await.map(drop)
    })
    .await;
    cut_everywhere(&redis, async |tokens: RedisTokens<Bad>, _| {
        let meera = Subject::new("meera").unwrap();
        tokens.revoke_subject(&meera).await.map(drop)
    })
    .await;
}

/// RFC 7009 §2.2.1: whoever does not wait for the answer has revoked all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_revocation_that_nobody_waits_for_is_not_left_half_way() {
    let redis = Redis::run();
    let tokens = RedisTokens::open(&redis.url()).unwrap();
    for dropped in 0..100_u64 {
        let (login, other) = log_in(&tokens).await;
        let patience = std::time::Duration::from_micros(dropped * 10);
        let revocation = tokens.revoke_family(family(&login));
        let _ = tokio::time::timeout(patience, revocation).await;
        let found = tokens.find_family(family(&login)).await.unwrap();
        let access = login.token().digest();
        let alive = tokens.find_access(access).await.unwrap().is_some();
        // It may not have begun; a moment later it is through, or never was.
        if found.is_none() {
            assert!(!alive, "an unlisted login is alive");
        }
        tokens.revoke_family(family(&login)).await.unwrap();
        assert!(tokens.find_access(access).await.unwrap().is_none());
        tokens.revoke_family(family(&other)).await.unwrap();
    }
}

/// All promises hold if every command arrives twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_connection_that_sends_everything_twice_conforms() {
    let redis = Redis::run();
    let tokens = RedisTokens::new(Bad::stuttering(&redis).await);
    conformance::what_was_inserted_is_found(&tokens).await;
    conformance::nothing_is_overwritten(&tokens).await;
    conformance::a_rotation_saves_the_family_and_the_access_token(&tokens).await;
    conformance::of_many_rotations_in_a_window_all_learn_of_one_successor(&tokens).await;
    conformance::a_spent_token_revokes_the_family_when_its_window_is_closed(&tokens).await;
}

/// A Redis without room refuses logins and still revokes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_full_redis_revokes_all_the_same() {
    let redis = Redis::run();
    let tokens = RedisTokens::open(&redis.url()).unwrap();
    let (login, other) = log_in(&tokens).await;
    let client = Client::open(redis.url()).unwrap();
    let mut connection = ConnectionManager::new(client).await.unwrap();
    let mut full = redis::cmd("CONFIG");
    full.arg("SET").arg("maxmemory").arg("1");
    full.query_async::<()>(&mut connection).await.unwrap();

    let flow: PasswordFlow<_, _> = PasswordFlow::new(users(), tokens.clone());
    let meera = Subject::new("meera").unwrap();
    assert!(
        flow.issuer()
            .issue(Identity::new(meera.clone()))
            .await
            .is_err()
    );
    assert!(
        tokens
            .find_access(other.token().digest())
            .await
            .unwrap()
            .is_some()
    );
    assert!(tokens.revoke_family(family(&login)).await.unwrap());
    assert!(
        tokens
            .find_access(login.token().digest())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(tokens.revoke_subject(&meera).await.unwrap(), 1);
    assert!(
        tokens
            .find_access(other.token().digest())
            .await
            .unwrap()
            .is_none()
    );
}
