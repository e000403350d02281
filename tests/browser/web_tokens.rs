//! The tokens of the page: renewed in time, renewed once when refused, and kept where they should be.

use super::{
    browse,
    page::{LOGIN, Page, REFRESH, REPLAY},
    run,
};
use crate::support::nodes::{Caller, Node, pause};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_token_is_renewed_before_it_runs_out() {
    let server = Node::start("memory", &[], &["--access-ttl=2"]);
    for remember in [false, true] {
        browse("web_renewal", async |driver| {
            let page = Page::logged_in(driver, &server, remember).await;
            page.asked(REFRESH, 3).await;
            page.click("show-items").await;
            page.shows("items", "Lamp").await;
            let requests = page.requests().await.join("\n");
            assert!(!requests.contains(" 401"), "{requests}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_token_that_was_revoked_is_renewed_once() {
    let server = Node::start("memory", &[], &[]);
    browse("web_revoked_token", async |driver| {
        let page = Page::logged_in(driver, &server, false).await;
        page.tap("").await;
        page.click("show-items").await;
        page.shows("items", "Lamp").await;
        let caller = Caller::new(&server);
        let revoked = caller.revoke(&page.sent_token().await).await.unwrap();
        assert!(revoked.is(200));

        page.click("show-items").await;
        page.asked("GET /items 200", 2).await;
        let requests = page.requests().await;
        let last = &requests[requests.len() - 3..];
        assert_eq!(last, ["GET /items 401", REFRESH, "GET /items 200"]);
    })
    .await;
}

/// Somebody else has ended it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_login_that_was_ended_elsewhere_asks_for_the_password() {
    let server = Node::start("memory", &[], &[]);
    for remember in [false, true] {
        browse("web_ended", async |driver| {
            let page = Page::logged_in(driver, &server, remember).await;
            let caller = Caller::new(&server);
            let other = caller.log_in("meera").await.unwrap().pair();
            assert!(
                caller
                    .log_out_everywhere(&other.access)
                    .await
                    .unwrap()
                    .is(200)
            );

            page.click("show-items").await;
            page.shows("notice", "Your login has ended.").await;
            assert!(page.is_visible("login").await);
            let requests = page.requests().await;
            let last = &requests[requests.len() - 2..];
            assert_eq!(last, ["GET /items 401", REPLAY]);
            page.reload().await;
            assert!(page.is_visible("login").await);
            assert!(page.requests().await.is_empty());
        })
        .await;
    }
}

/// A server that refuses whatever it gives out is not asked again and again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn a_second_refusal_is_the_last() {
    let server = Node::start("memory", &[], &[]);
    browse("web_second_refusal", async |driver| {
        let page = Page::logged_in(driver, &server, true).await;
        page.tap("items").await;
        page.click("show-items").await;
        page.shows("notice", "Your login has ended.").await;
        assert_eq!(page.count("GET /items 401").await, 2);
        assert_eq!(page.count(REFRESH).await, 1);
        page.reload().await;
        assert!(page.is_visible("login").await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn without_refresh_tokens_the_login_ends_with_its_token() {
    let flags = ["--refresh-ttl=0", "--access-ttl=3"];
    let server = Node::start("memory", &[], &flags);
    browse("web_no_refresh", async |driver| {
        let page = Page::open(driver, &server).await;
        page.log_in("secret123", true).await;
        page.shows("kept", "in this tab").await;
        page.shows("notice", "Your login has ended.").await;
        assert!(page.is_visible("login").await);
    })
    .await;
}

/// What outlives the tab is the refresh token, in `IndexedDB`, if the user wants that; the access
/// token never is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn nothing_is_stored_unless_the_user_is_remembered() {
    const STORED: &str = "
        const all = { ...localStorage, ...sessionStorage, cookie: document.cookie };
        const values = Object.values(all).filter(Boolean);
        for (const { name } of await indexedDB.databases()) {
          const opening = indexedDB.open(name);
          await new Promise((resolve) => (opening.onsuccess = resolve));
          for (const store of opening.result.objectStoreNames) {
            const reading = opening.result.transaction(store).objectStore(store).getAll();
            await new Promise((resolve) => (reading.onsuccess = resolve));
            values.push(...reading.result);
          }
          opening.result.close();
        }
        return values;";
    let server = Node::start("memory", &[], &[]);
    browse("web_storage", async |driver| {
        let page = Page::logged_in(driver, &server, false).await;
        assert_eq!(run(driver, STORED).await, serde_json::json!([]));

        page.reload().await;
        page.log_in("secret123", true).await;
        page.shows("kept", "on this device").await;
        let stored = run(driver, STORED).await;
        let stored = stored.as_array().unwrap();
        assert_eq!(stored.len(), 1, "{stored:?}");
        let token = stored[0].as_str().unwrap();
        let told = Caller::new(&server).me(token).await.unwrap();
        assert!(told.is(401), "an access token is stored");
        assert_eq!(page.count(LOGIN).await, 1);

        page.click("log-out").await;
        page.shows("notice", "You are logged out.").await;
        assert_eq!(run(driver, STORED).await, serde_json::json!([]));
        pause(200).await;
        assert_eq!(run(driver, STORED).await, serde_json::json!([]));
    })
    .await;
}
