//! One refresh token, presented by many at once, on threads that really run at the same time.
//! The numbers are exact: one winner too many is a second login for a thief.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::{sync::Barrier, task::JoinSet};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::Clock,
    store::TokenStore,
    token::{Identity, Refresh},
};

use crate::support::{
    Answer, NOON, User, fast,
    refresh::{Pair, SCOPE, Script, ScriptedTokens, call_api, meera, refresh},
    users,
};

const ROUNDS: usize = 1_000;
const TASKS: usize = 64;

type Racing<T> = PasswordFlow<MemoryUsers<User>, T>;

fn racing<T: TokenStore>(tokens: T, grace: u64) -> Racing<T> {
    PasswordFlow::new(users(), tokens)
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default().with_grace(Duration::from_secs(grace)))
}

/// A login without the time that a password hash takes.
async fn issue<T: TokenStore>(flow: &Racing<T>) -> Pair {
    let identity = Identity::new(meera()).with_scope(SCOPE.parse().unwrap());
    let issued = flow.issuer().issue(identity).await.unwrap();
    Pair {
        access: issued.token().expose().to_owned(),
        refresh: issued.refresh_token().unwrap().expose().to_owned(),
    }
}

/// All answers of [`TASKS`] tasks that present one token; they start when all of them are there.
async fn race<T: TokenStore>(flow: &Racing<T>, token: &str) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(TASKS));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (flow, token, start) = (flow.clone(), token.to_owned(), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            refresh(&flow, &token).await
        });
    }
    tasks.join_all().await
}

/// The pairs of those who got one. Everybody else was told that the token is dead, to the byte.
fn winners(answers: &[Answer]) -> Vec<Pair> {
    assert_eq!(answers.len(), TASKS);
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::OK);
    lost.into_iter().for_each(Answer::expect_dead);
    let pair = |answer: &Answer| answer.expect_pair(3600, Some(SCOPE));
    won.into_iter().map(pair).collect()
}

/// One round without a window: one winner, whose login is over.
async fn one_wins_and_the_login_is_over<T: TokenStore>(flow: &Racing<T>) -> usize {
    let first = issue(flow).await;
    let winners = winners(&race(flow, &first.refresh).await);
    assert_eq!(winners.len(), 1);
    call_api(flow, &first.access).await.expect_invalid_token();
    let winner = &winners[0];
    call_api(flow, &winner.access).await.expect_invalid_token();
    refresh(flow, &winner.refresh).await.expect_dead();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
    winners.len()
}

/// One round with a window: everybody has the same pair, and it works.
async fn all_get_one_pair<T: TokenStore>(flow: &Racing<T>) -> (usize, usize) {
    let first = issue(flow).await;
    let winners = winners(&race(flow, &first.refresh).await);
    assert_eq!(winners.len(), TASKS);
    let successors: BTreeSet<&Pair> = winners.iter().collect();
    assert_eq!(successors.len(), 1);
    let second = winners[0].clone();
    call_api(flow, &first.access).await.expect_let_in();
    call_api(flow, &second.access).await.expect_let_in();
    let third = refresh(flow, &second.refresh).await.pair();
    call_api(flow, &third.access).await.expect_let_in();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);
    (winners.len(), successors.len())
}

/// RFC 9700 §4.14.2: of many who present one token at once one wins, the others are replays, and
/// the login is over: winner included.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_refreshes_at_once_one_wins_and_the_login_is_over() {
    let (flow, start) = (racing(MemoryTokens::new(), 0), Instant::now());
    let mut won = 0;
    for _ in 0..ROUNDS {
        won += one_wins_and_the_login_is_over(&flow).await;
    }
    println!(
        "no window: {ROUNDS} rounds of {TASKS}, {won} winners, {} losers, {:?}",
        ROUNDS * TASKS - won,
        start.elapsed(),
    );
    assert_eq!(won, ROUNDS);
}

/// RFC 6749 §6: inside the window all who present one token at once get one pair, and nobody is
/// logged out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_refreshes_at_once_inside_the_window_all_get_one_pair() {
    let (flow, start) = (racing(MemoryTokens::new(), 10), Instant::now());
    let (mut won, mut pairs) = (0, 0);
    for _ in 0..ROUNDS {
        let (winners, successors) = all_get_one_pair(&flow).await;
        won += winners;
        pairs += successors;
    }
    println!(
        "window: {ROUNDS} rounds of {TASKS}, {won} winners, {pairs} successors, {:?}",
        start.elapsed(),
    );
    assert_eq!((won, pairs), (ROUNDS * TASKS, ROUNDS));
}

/// The worst case of both: all 64 have found the token good before the first of them spends it,
/// so that the store alone decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_decides_among_64_that_have_all_found_the_token_good() {
    const ROUNDS: usize = 100;
    let meet = |tokens: &ScriptedTokens| {
        tokens.follow(Some(Script::MeetAfterFind(Arc::new(Barrier::new(TASKS)))));
    };
    for _ in 0..ROUNDS {
        let tokens = ScriptedTokens::default();
        let flow = racing(tokens.clone(), 0);
        let first = issue(&flow).await;
        meet(&tokens);
        let winners = winners(&race(&flow, &first.refresh).await);
        tokens.follow(None);
        assert_eq!((winners.len(), tokens.rotations()), (1, 1));
        let winner = &winners[0];
        call_api(&flow, &winner.access).await.expect_invalid_token();
        refresh(&flow, &winner.refresh).await.expect_dead();
    }
    for _ in 0..ROUNDS {
        let tokens = ScriptedTokens::default();
        let flow = racing(tokens.clone(), 10);
        let first = issue(&flow).await;
        meet(&tokens);
        let winners = winners(&race(&flow, &first.refresh).await);
        tokens.follow(None);
        assert_eq!((winners.len(), tokens.rotations()), (TASKS, 1));
        let successors: BTreeSet<&Pair> = winners.iter().collect();
        assert_eq!(successors.len(), 1);
        let second = &winners[0];
        call_api(&flow, &second.access).await.expect_let_in();
        refresh(&flow, &second.refresh).await.pair();
    }
    println!("met: 2 x {ROUNDS} rounds of {TASKS}, one rotation in each");
}
