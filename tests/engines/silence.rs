//! Servers that are away, and servers that say nothing: 503 in time and never a hang, and all is
//! well again when they are back.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor};
use tower_oauth2_password::{
    MemoryUsers, PasswordFlow,
    store::{ClientStore, TokenStore, UserStore, redis::RedisTokens, sql::Sql},
    token::Refresh,
};

use crate::support::{
    Answer, LOGIN, User,
    clients::{client_id, public},
    databases::{add_user, hash, scope},
    eventually, fast,
    refresh::{call_api, first_pair, meera, refresh},
    send,
    servers::{Engine, Postgres, Redis, free_port},
    silence::{Relay, TIMEOUT, every_verb_fails, fails, silent_port},
    token_request, users,
};

fn redis_at(port: u16) -> RedisTokens {
    let url = format!("redis://127.0.0.1:{port}/");
    RedisTokens::open(&url).unwrap().with_timeout(TIMEOUT)
}

fn postgres_at(port: u16) -> Sql {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Sql::postgres(&url).unwrap().with_timeout(TIMEOUT)
}

fn flow_over<T: TokenStore>(tokens: T) -> PasswordFlow<MemoryUsers<User>, T> {
    PasswordFlow::new(users(), tokens)
        .with_hasher(fast())
        .with_refresh(Refresh::default())
}

/// RFC 6750 §3.1, RFC 9110 §10.2.3: neither good nor bad, and when to ask again.
#[track_caller]
fn expect_unchecked(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
}

async fn every_endpoint_says_503<T: TokenStore>(tokens: T) {
    let flow = flow_over(tokens);
    let begun = Instant::now();
    expect_unchecked(&call_api(&flow, &"A".repeat(43)).await);
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.expect_retry_later();
    assert!(begun.elapsed() < 2 * Duration::from_millis(1500));
}

async fn every_account_fails(sql: &Sql) {
    let (users, clients) = (sql.users(), sql.clients());
    let hash = hash("secret123");
    fails("ping", sql.ping()).await;
    fails("migrate", sql.migrate()).await;
    fails("find_account", users.find_account("meera")).await;
    fails("find_user", users.find_user(&meera())).await;
    fails("create", users.create("meera", hash.clone(), scope())).await;
    fails("set_enabled", users.set_enabled(&meera(), false)).await;
    fails("set_hash", users.set_hash(&meera(), hash.clone())).await;
    fails(
        "replace_hash",
        users.replace_hash(&meera(), &hash, hash.clone()),
    )
    .await;
    let phone = client_id("phone");
    fails("find_client", clients.find_client(&phone)).await;
    fails("save", clients.save(&public("phone"))).await;
    fails("remove", clients.remove(&phone)).await;
}

/// The default time-outs of the driver are longer than ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_says_nothing_is_given_up_in_time() {
    let (_listener, port) = silent_port();
    let tokens = redis_at(port);
    every_verb_fails(&tokens).await;
    fails("ping", tokens.ping()).await;
    every_endpoint_says_503(tokens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_not_there_is_given_up_in_time() {
    let tokens = redis_at(free_port());
    every_verb_fails(&tokens).await;
    fails("ping", tokens.ping()).await;
    every_endpoint_says_503(tokens).await;
}

/// Waiting for a connection included, of which there are ten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_says_nothing_is_given_up_in_time() {
    let (_listener, port) = silent_port();
    let sql = postgres_at(port);
    every_verb_fails(&sql.tokens()).await;
    every_account_fails(&sql).await;
    every_endpoint_says_503(sql.tokens()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_not_there_is_given_up_in_time() {
    let sql = postgres_at(free_port());
    every_verb_fails(&sql.tokens()).await;
    every_account_fails(&sql).await;
    every_endpoint_says_503(sql.tokens()).await;
}

/// "A server that is away now may be there later", and killed in between; nothing is made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_redis_that_comes_back_is_used_again() {
    let port = free_port();
    let tokens = redis_at(port);
    let flow = flow_over(tokens.clone());
    every_verb_fails(&tokens).await;
    let mut redis = Redis::on(port, &[]);
    eventually(async || tokens.ping().await.is_ok()).await;
    let pair = first_pair(&flow).await;
    redis.kill();
    every_verb_fails(&tokens).await;
    expect_unchecked(&call_api(&flow, &pair.access).await);
    refresh(&flow, &pair.refresh).await.expect_retry_later();
    redis.start();
    eventually(async || tokens.ping().await.is_ok()).await;
    call_api(&flow, &pair.access).await.expect_let_in();
    refresh(&flow, &pair.refresh).await.pair();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_postgres_that_comes_back_is_used_again() {
    let port = free_port();
    let sql = postgres_at(port);
    let flow = flow_over(sql.tokens());
    every_verb_fails(&sql.tokens()).await;
    let mut postgres = Postgres::on(port);
    eventually(async || sql.migrate().await.is_ok()).await;
    let pair = first_pair(&flow).await;
    postgres.kill();
    every_verb_fails(&sql.tokens()).await;
    expect_unchecked(&call_api(&flow, &pair.access).await);
    refresh(&flow, &pair.refresh).await.expect_retry_later();
    postgres.start();
    eventually(async || sql.ping().await.is_ok()).await;
    call_api(&flow, &pair.access).await.expect_let_in();
    refresh(&flow, &pair.refresh).await.pair();
}

/// Connections that went dead without a word are given up for new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_dead_connection_to_redis_is_replaced() {
    let port = free_port();
    let _redis = Redis::on(port, &[]);
    let relay = Relay::before(port).await;
    for timeout in [TIMEOUT, Duration::from_secs(2)] {
        let tokens = redis_at(relay.port).with_timeout(timeout);
        let flow = flow_over(tokens.clone());
        let pair = first_pair(&flow).await;
        relay.silence();
        if timeout == TIMEOUT {
            every_verb_fails(&tokens).await;
        }
        tokens.ping().await.unwrap_err();
        relay.let_new_ones_through();
        eventually(async || tokens.ping().await.is_ok()).await;
        call_api(&flow, &pair.access).await.expect_let_in();
    }
}

/// Of ten connections none is left that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn dead_connections_to_postgres_are_replaced() {
    let port = free_port();
    let _postgres = Postgres::on(port);
    let relay = Relay::before(port).await;
    let sql = postgres_at(relay.port);
    sql.migrate().await.unwrap();
    let (tokens, flow) = (sql.tokens(), flow_over(sql.tokens()));
    let pair = first_pair(&flow).await;
    let crowd = (0..20).map(|_| sql.ping());
    for ping in futures_util::future::join_all(crowd).await {
        ping.unwrap();
    }
    relay.silence();
    for _ in 0..2 {
        every_verb_fails(&tokens).await;
    }
    relay.let_new_ones_through();
    eventually(async || sql.ping().await.is_ok()).await;
    call_api(&flow, &pair.access).await.expect_let_in();
    refresh(&flow, &pair.refresh).await.pair();
}

/// Nor are those given back to the pool whose question was under way when the server went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn connections_to_postgres_that_died_at_work_are_replaced() {
    let port = free_port();
    let postgres = Postgres::on(port);
    let relay = Relay::before(port).await;
    let sql = postgres_at(relay.port);
    sql.migrate().await.unwrap();
    let users = sql.users();
    add_user(&users, "meera", "secret123").await;

    // Somebody else holds the row that all of them want.
    let mut other = sqlx::PgConnection::connect(&postgres.url()).await.unwrap();
    let mut held = other.begin().await.unwrap();
    held.execute("SELECT 1 FROM oauth_users FOR UPDATE")
        .await
        .unwrap();
    let subject = meera();
    let crowd = (0..20).map(|_| users.set_enabled(&subject, true));
    let crowd = futures_util::future::join_all(crowd);
    let silence = async {
        tokio::time::sleep(TIMEOUT / 2).await;
        relay.silence();
    };
    let (outcomes, ()) = futures_util::future::join(crowd, silence).await;
    assert!(outcomes.iter().all(Result::is_err));
    held.rollback().await.unwrap();

    relay.let_new_ones_through();
    eventually(async || sql.ping().await.is_ok()).await;
    assert!(users.set_enabled(&subject, true).await.unwrap());
}
