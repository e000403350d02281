//! Clocks of nodes that are not those of the servers, and what servers say of rows that they refuse.

use tower_oauth2_password::{
    MemoryUsers, PasswordFlow,
    model::{Clock, PasswordHash, Timestamp},
    store::redis::RedisTokens,
};

use crate::support::{
    LOGIN, User,
    databases::{Database, scope},
    fast,
    refresh::{call_api, meera},
    secrets::Secrets,
    send,
    servers::{Engine, Redis},
    token_request, users,
};

type Flow = PasswordFlow<MemoryUsers<User>, RedisTokens>;

fn flow_at(server: &Redis, now: u64) -> Flow {
    PasswordFlow::new(users(), RedisTokens::open(&server.url()).unwrap())
        .with_hasher(fast())
        .with_clock(Clock::manual(Timestamp::from_secs(now)))
}

async fn first_login(flow: &Flow) -> String {
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.json["access_token"].as_str().unwrap().to_owned()
}

/// A node whose clock was a day ahead leaves no login behind that a revocation does not find: keys
/// go by the clock of Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_login_by_a_clock_that_is_ahead_hides_no_other() {
    let server = Redis::run();
    let now = Clock::system().now().as_secs();
    let (present, future) = (flow_at(&server, now), flow_at(&server, now + 86_400));
    let first = first_login(&present).await;
    let second = first_login(&future).await;
    call_api(&present, &first).await.expect_let_in();
    assert_eq!(present.families(&meera()).await.unwrap().len(), 2);
    assert_eq!(present.revoke_subject(&meera()).await.unwrap(), 2);
    for flow in [&present, &future] {
        for token in [&first, &second] {
            call_api(flow, token).await.expect_invalid_token();
        }
    }
}

/// OWASP ASVS 16.2.5: PostgreSQL says which row broke a constraint, with the hash in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL; tests/run.sh installs it and runs this"]
async fn a_row_that_postgres_refuses_is_not_shown() {
    let database = Database::postgres().await.migrated().await;
    let check = "ALTER TABLE oauth_users ADD CONSTRAINT never CHECK (length(hash) < 10)";
    database.raw.run(check).await;
    let hash = "$2b$04$saltsaltsaltsaltsaltsalthashhashhash";
    let created = database.sql.users();
    let created = created
        .create("meera", PasswordHash::new(hash), scope())
        .await;
    let error = created.unwrap_err();
    let mut secrets = Secrets::default();
    secrets.add("hash", hash);
    secrets.assert_hidden("error", &error);
    secrets.assert_absent("error", error.to_string());
    assert_eq!(
        error.to_string(),
        "the store could not be asked: error returned from database: new row for relation \
         \"oauth_users\" violates check constraint \"never\" (23514)"
    );
}
