//! Every store keeps every promise of [`TokenStore`](tower_oauth2_password::store::TokenStore).

use tower_oauth2_password::{
    MemoryTokens,
    store::{
        cached::Cached,
        conformance,
        redis::{KeyPrefix, RedisTokens},
        sql::{Sql, TablePrefix},
    },
};

use crate::support::servers::{Engine, Folder, Postgres, Redis};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conformance::all(&MemoryTokens::new()).await;
}

/// A cache keeps the promises of the store behind it, as long as it is the only one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_in_front_conforms() {
    conformance::all_of_a_cache(&Cached::new(MemoryTokens::new())).await;
    let folder = Folder::new();
    let sql = Sql::sqlite(folder.join("logins.db")).await.unwrap();
    sql.migrate().await.unwrap();
    conformance::all_of_a_cache(&Cached::new(sql.tokens())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    let folder = Folder::new();
    let sql = Sql::sqlite(folder.join("logins.db")).await.unwrap();
    sql.migrate().await.unwrap();
    conformance::all(&sql.tokens()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn redis_conforms() {
    let redis = Redis::run();
    let tokens = RedisTokens::open(&redis.url()).unwrap();
    conformance::all(&tokens).await;
    let prefix = KeyPrefix::new("shop:").unwrap();
    conformance::all(&tokens.with_prefix(prefix)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn postgres_conforms() {
    let postgres = Postgres::run();
    let sql = Sql::postgres(&postgres.url()).unwrap();
    sql.migrate().await.unwrap();
    conformance::all(&sql.tokens()).await;
    let sql = sql.with_prefix(TablePrefix::new("shop_").unwrap());
    sql.migrate().await.unwrap();
    conformance::all(&sql.tokens()).await;
}
