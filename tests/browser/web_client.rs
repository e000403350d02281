//! The page at `/` of the server example: what its user can do, and what it says when that fails.

use std::time::Duration;

use thirtyfour::By;

use super::{
    browse,
    page::{LOGIN, Page, REFRESH},
};
use crate::support::{
    nodes::{Caller, Node},
    servers::Folder,
};

fn server() -> Node {
    Node::start("memory", &[], &[])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_user_logs_in_calls_the_api_and_logs_out() {
    let server = server();
    browse("web_log_in", async |driver| {
        let page = Page::logged_in(driver, &server, false).await;
        assert_eq!(page.text("hello").await, "Hello, meera");
        assert_eq!(page.text("scope").await, "items:read me");
        assert_eq!(page.text("kept").await, "in this tab");
        assert_eq!(page.text("renewal").await, "in 59 min");
        assert!(
            page.text("logins")
                .await
                .starts_with("Chrome on Linux (this login)")
        );
        assert!(!page.is_visible("login").await);

        page.click("show-items").await;
        page.shows("items", "Lamp\nChair").await;

        page.tap("").await;
        page.click("show-items").await;
        page.asked("GET /items 200", 2).await;
        let token = page.sent_token().await;
        page.click("log-out").await;
        page.shows("notice", "You are logged out.").await;
        assert!(!page.is_visible("account").await);
        page.asked("POST /revoke (log out) 200", 1).await;
        assert_eq!(status_of(&server, &token).await, 401);
        // Nothing of the user is left behind.
        let text = driver.source().await.unwrap();
        assert!(!text.contains("meera") && !text.contains("Lamp"), "{text}");
    })
    .await;
}

/// What `/me` answers to a token.
async fn status_of(server: &Node, token: &str) -> u16 {
    let caller = Caller::new(server);
    let told = caller.me(token).await.unwrap();
    told.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn logging_out_everywhere_ends_the_other_logins() {
    let server = server();
    browse("web_log_out_everywhere", async |driver| {
        let caller = Caller::new(&server);
        let other = caller.log_in("meera").await.unwrap().pair();
        let page = Page::logged_in(driver, &server, false).await;
        let logins = driver.find_all(By::Css("#logins li")).await.unwrap();
        assert_eq!(logins.len(), 2);
        assert_eq!(status_of(&server, &other.access).await, 200);

        page.click("log-out-everywhere").await;
        page.shows("notice", "You are logged out everywhere.").await;
        assert_eq!(status_of(&server, &other.access).await, 401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_wrong_password_is_said_and_can_be_mended() {
    let server = server();
    browse("web_wrong_password", async |driver| {
        let page = Page::open(driver, &server).await;
        page.log_in("guess", false).await;
        page.shows("problem", "Wrong name or password.").await;
        assert_eq!(page.focused().await, "password");
        let password = page.element("password").await;
        let invalid = password.attr("aria-invalid").await.unwrap();
        assert_eq!(invalid.as_deref(), Some("true"));
        assert_eq!(
            page.element("username")
                .await
                .value()
                .await
                .unwrap()
                .unwrap(),
            "meera"
        );

        page.log_in("secret123", false).await;
        page.shows("hello", "Hello, meera").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn whoever_guessed_too_often_sees_how_long_to_wait() {
    let server = server();
    browse("web_throttled", async |driver| {
        let page = Page::open(driver, &server).await;
        guess_until_it_takes(&server, 4).await;

        page.log_in("secret123", false).await;
        page.shows("problem", "Too many tries. You can try again in ")
            .await;
        let at_first = seconds(&page.text("problem-left").await);
        assert!((2..=4).contains(&at_first), "{at_first}");
        let button = page.element("submit").await;
        let disabled = button.attr("aria-disabled").await.unwrap();
        assert_eq!(disabled.as_deref(), Some("true"));
        // It counts down, and asks nothing meanwhile, whatever is pressed.
        button.click().await.unwrap();
        page.shows("problem-left", "1 s").await;
        assert_eq!(page.count("POST /token (password) 429").await, 1);

        page.shows("problem", "You can try again now.").await;
        page.click("submit").await;
        page.shows("hello", "Hello, meera").await;
    })
    .await;
}

fn seconds(text: &str) -> u64 {
    let number = text.strip_suffix(" s");
    number
        .unwrap_or_else(|| panic!("{text:?}"))
        .parse()
        .unwrap()
}

/// Fails to log in until the next try has to wait so many seconds.
async fn guess_until_it_takes(server: &Node, wait: u64) {
    let caller = Caller::new(server);
    loop {
        let told = caller.log_in_with("meera", "guess").await.unwrap();
        let Some(after) = told.retry_after else {
            assert!(told.is(400), "{told:?}");
            continue;
        };
        let after = after.parse().unwrap();
        if after >= wait {
            return;
        }
        tokio::time::sleep(Duration::from_secs(after)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_reload_asks_for_the_password_again_unless_the_user_is_remembered() {
    let server = server();
    browse("web_reload", async |driver| {
        let page = Page::logged_in(driver, &server, false).await;
        page.reload().await;
        assert!(page.is_visible("login").await);
        assert!(page.requests().await.is_empty());

        page.log_in("secret123", true).await;
        page.shows("kept", "on this device").await;
        // Each reload spends a refresh token, so the next one needs the one that came for it.
        for _ in 0..2 {
            page.reload().await;
            page.shows("hello", "Hello, meera").await;
            let requests = page.requests().await;
            assert_eq!(requests[..2], [REFRESH, "GET /me 200"]);
        }

        page.click("log-out").await;
        page.shows("notice", "You are logged out.").await;
        page.reload().await;
        assert!(page.is_visible("login").await);
    })
    .await;
}

/// The page goes on by itself when the server comes back, with the login that it had.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_server_that_goes_away_and_comes_back_costs_only_patience() {
    let folder = Folder::new();
    let store = format!("sqlite:{}", folder.join("logins.db").display());
    let mut server = Node::start(&store, &[], &[]);
    browse("web_server_away", async |driver| {
        let page = Page::logged_in(driver, &server, true).await;
        server.kill();
        page.click("show-items").await;
        page.shows("away-text", "The server does not answer.").await;
        page.shows("away-left", " s").await;
        assert!(page.is_visible("account").await);
        server.restart();
        page.shows("items", "Lamp").await;
        assert!(!page.is_visible("away").await);

        // And a login that finds nobody there.
        page.click("log-out").await;
        page.shows("notice", "You are logged out.").await;
        server.kill();
        page.log_in("secret123", true).await;
        page.shows("away-text", "The server does not answer.").await;
        server.restart();
        page.click("try-now").await;
        page.shows("hello", "Hello, meera").await;
        assert_eq!(page.count(LOGIN).await, 2);

        // A reload while it is away asks for no password.
        server.kill();
        driver.refresh().await.ok();
        server.restart();
        page.reload().await;
        page.shows("hello", "Hello, meera").await;
    })
    .await;
}

/// A client id is demanded of everybody, so the page has one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn the_page_is_a_public_client_where_the_server_asks_for_one() {
    let flags = ["--client=api:s3cret", "--client=a\"b&lt;"];
    let server = Node::start("memory", &[], &flags);
    browse("web_client_id", async |driver| {
        let page = Page::logged_in(driver, &server, true).await;
        page.reload().await;
        page.shows("hello", "Hello, meera").await;
        page.click("log-out").await;
        page.asked("POST /revoke (log out) 200", 1).await;
    })
    .await;
    let server = Node::start("memory", &[], &["--client=api:s3cret"]);
    browse("web_no_client_id", async |driver| {
        let page = Page::open(driver, &server).await;
        page.log_in("secret123", false).await;
        page.shows("problem", "The server gives no login").await;
    })
    .await;
}
