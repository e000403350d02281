//! A Redis without memory that evicts nothing, as the documentation asks for.

use tower_oauth2_password::{
    MemoryUsers, PasswordFlow, model::RefreshToken, store::redis::RedisTokens, token::Refresh,
};

use super::connect;
use crate::support::{
    LOGIN, User, fast,
    refresh::{call_api, first_pair, meera, refresh},
    send,
    servers::{Engine, Redis},
    token_request, users,
};

fn flow_over(server: &Redis) -> PasswordFlow<MemoryUsers<User>, RedisTokens> {
    let tokens = RedisTokens::open(&server.url()).unwrap();
    PasswordFlow::new(users(), tokens)
        .with_hasher(fast())
        .with_refresh(Refresh::default())
}

fn set_memory(server: &Redis, bytes: &str) {
    let mut raw = connect(server);
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(bytes);
    set.arg("maxmemory-policy").arg("noeviction");
    set.exec(&mut raw).unwrap();
}

/// Whoever is logged in stays so; what would have to be saved is 503, and is not half saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_full_memory_ends_logins_and_nobody_is_logged_out() {
    let server = Redis::run();
    let flow = flow_over(&server);
    let pair = first_pair(&flow).await;
    set_memory(&server, "1");
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.expect_retry_later();
    refresh(&flow, &pair.refresh).await.expect_retry_later();
    call_api(&flow, &pair.access).await.expect_let_in();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);

    set_memory(&server, "0");
    let next = refresh(&flow, &pair.refresh).await.pair();
    call_api(&flow, &next.access).await.expect_let_in();
}

/// A logout frees memory, so it needs none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_full_memory_stops_no_logout() {
    let server = Redis::run();
    let flow = flow_over(&server);
    let (first, second) = (first_pair(&flow).await, first_pair(&flow).await);
    let third = first_pair(&flow).await;
    set_memory(&server, "1");
    let form = format!("token={}", first.access);
    let answer = send(flow.revocation_service(), token_request(form)).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    call_api(&flow, &first.access).await.expect_invalid_token();

    let id = RefreshToken::parse(&second.refresh).unwrap().family();
    assert!(flow.revoke_family(id).await.unwrap());
    call_api(&flow, &second.access).await.expect_invalid_token();
    refresh(&flow, &second.refresh).await.expect_dead();

    flow.revoke_subject(&meera()).await.unwrap();
    call_api(&flow, &third.access).await.expect_invalid_token();
    assert!(flow.families(&meera()).await.unwrap().is_empty());
}
