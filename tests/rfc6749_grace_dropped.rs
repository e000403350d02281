//! RFC 6749 §6: a connection that breaks after the server has rotated and before the client has
//! the answer. Whoever tries again inside the grace window stays logged in.

use std::{pin::pin, time::Duration};

use axum::{Router, routing::get};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower_oauth2_password::{
    Authenticated, MemoryUsers, PasswordFlow, model::Clock, token::Refresh,
};

use crate::support::{
    NOON, User, fast,
    refresh::{Pair, SCOPE, Script, ScriptedTokens, call_api, first_pair, meera, refresh, seconds},
    users,
};

type Scripted = PasswordFlow<MemoryUsers<User>, ScriptedTokens>;

fn scripted(grace: u64) -> (Scripted, ScriptedTokens, Clock) {
    let (tokens, clock) = (ScriptedTokens::default(), Clock::manual(NOON));
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(clock.clone())
        .with_refresh(Refresh::default().with_grace(seconds(grace)));
    (flow, tokens, clock)
}

/// Lets the request get as far as the rotation, and drops it there, as a server does when the
/// client hangs up.
async fn refresh_and_hang_up(flow: &Scripted, tokens: &ScriptedTokens, token: &str) {
    tokens.follow(Some(Script::HangAfterRotate));
    {
        let mut request = pin!(refresh(flow, token));
        tokio::select! {
            answer = &mut request => panic!("answered: {answer:?}"),
            () = tokens.rotated() => {}
        }
    }
    tokens.follow(None);
}

/// Inside the window the retry gets what the first answer would have been, and the login goes on.
#[tokio::test]
async fn a_retry_after_a_dropped_connection_keeps_the_client_logged_in() {
    let (flow, tokens, clock) = scripted(10);
    let first = first_pair(&flow).await;
    refresh_and_hang_up(&flow, &tokens, &first.refresh).await;
    assert_eq!(tokens.rotations(), 1);
    clock.advance(seconds(9));

    let answer = refresh(&flow, &first.refresh).await;

    let second = answer.expect_pair(3591, Some(SCOPE));
    assert_eq!(tokens.rotations(), 1);
    call_api(&flow, &second.access).await.expect_let_in();
    let third = refresh(&flow, &second.refresh).await;
    let third = third.expect_pair(3600, Some(SCOPE));
    call_api(&flow, &third.access).await.expect_let_in();
}

/// A client that is cut off every time gets through in the end.
#[tokio::test]
async fn two_connections_in_a_row_may_drop() {
    let (flow, tokens, _) = scripted(10);
    let first = first_pair(&flow).await;
    refresh_and_hang_up(&flow, &tokens, &first.refresh).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    refresh_and_hang_up(&flow, &tokens, &second.refresh).await;
    let third = refresh(&flow, &second.refresh).await.pair();
    call_api(&flow, &third.access).await.expect_let_in();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// RFC 9700 §4.14.2: without a window, or after it, nobody can tell this retry from a thief's.
#[tokio::test]
async fn a_retry_after_a_dropped_connection_is_a_replay_without_a_window() {
    for (grace, passed) in [(0, 0), (10, 10)] {
        let (flow, tokens, clock) = scripted(grace);
        let first = first_pair(&flow).await;
        refresh_and_hang_up(&flow, &tokens, &first.refresh).await;
        clock.advance(seconds(passed));

        refresh(&flow, &first.refresh).await.expect_dead();

        call_api(&flow, &first.access).await.expect_invalid_token();
        assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
    }
}

async fn serve(flow: &Scripted) -> String {
    let app = Router::new()
        .route(
            "/me",
            get(async |user: Authenticated<User>| user.name.clone()),
        )
        .layer(flow.bearer_layer())
        .layer(flow.token_layer("/token").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A connection on which a request was sent, and nothing read.
async fn sent(address: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The status line and the body of the answer to a request with `connection: close`.
async fn exchange(address: &str, request: &str) -> (String, String) {
    let mut answer = String::new();
    let mut stream = sent(address, request).await;
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, body.to_owned())
}

fn post(form: &str) -> String {
    format!(
        "POST /token HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len(),
    )
}

fn get_me(access: &str) -> String {
    format!(
        "GET /me HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {access}\r\n\r\n"
    )
}

/// Over a real socket: the client sends the refresh, the server rotates, the client closes without
/// reading, and comes back on a new connection. Once with the server still at work when the client
/// goes, and once with the answer written to nobody.
#[tokio::test]
async fn a_client_that_hung_up_on_a_real_socket_gets_its_pair_on_the_next_connection() {
    for script in [Some(Script::HangAfterRotate), None] {
        let (flow, tokens, _) = scripted(10);
        let first = first_pair(&flow).await;
        let address = serve(&flow).await;
        let form = format!("grant_type=refresh_token&refresh_token={}", first.refresh);

        tokens.follow(script);
        let stream = sent(&address, &post(&form)).await;
        let rotated = timeout(Duration::from_secs(10), tokens.rotated()).await;
        rotated.expect("the server has not rotated");
        drop(stream);
        tokens.follow(None);

        let (status, body) = exchange(&address, &post(&form)).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        let json: Value = serde_json::from_str(&body).unwrap();
        let second = Pair {
            access: json["access_token"].as_str().unwrap().to_owned(),
            refresh: json["refresh_token"].as_str().unwrap().to_owned(),
        };
        assert_eq!(tokens.rotations(), 1);

        let (status, body) = exchange(&address, &get_me(&second.access)).await;
        assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", "Meera"));
        let next = format!("grant_type=refresh_token&refresh_token={}", second.refresh);
        let (status, body) = exchange(&address, &post(&next)).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        assert_eq!(tokens.rotations(), 2);
    }
}
