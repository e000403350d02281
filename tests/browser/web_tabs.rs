//! Many tabs of one browser. Refresh tokens are good once, and a spent one that comes back ends the
//! login, so they must not come with the same.

use serde_json::json;
use thirtyfour::{WebDriver, WindowHandle};

use super::{
    browse, command,
    page::{Page, REFRESH, REPLAY},
};
use crate::support::nodes::{Node, pause};

async fn switch(driver: &WebDriver, tab: &WindowHandle) {
    driver.switch_to_window(tab.clone()).await.unwrap();
}

/// A second tab with the page.
async fn new_tab(driver: &WebDriver, server: &Node) -> WindowHandle {
    let tab = driver.new_tab().await.unwrap();
    switch(driver, &tab).await;
    Page::open(driver, server).await;
    tab
}

/// All answers take so long in the tab that is in front.
async fn slow_down(driver: &WebDriver, millis: u32) {
    command(driver, "Network.enable", json!({})).await;
    let slow = json!({
        "offline": false, "latency": millis, "downloadThroughput": -1, "uploadThroughput": -1,
    });
    command(driver, "Network.emulateNetworkConditions", slow).await;
}

/// Renewing takes longer than the tabs are apart, so that without the lock they would collide.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn tabs_that_renew_at_the_same_time_stay_logged_in() {
    let server = Node::start("memory", &[], &["--access-ttl=3"]);
    browse("web_tabs_renew", async |driver| {
        let page = Page::logged_in(driver, &server, true).await;
        let mut tabs = vec![driver.window().await.unwrap()];
        slow_down(driver, 300).await;
        for _ in 0..2 {
            tabs.push(new_tab(driver, &server).await);
            slow_down(driver, 300).await;
            page.shows("hello", "Hello, meera").await;
        }
        pause(10_000).await;
        let mut renewals = 0;
        for tab in &tabs {
            switch(driver, tab).await;
            assert_eq!(page.count(REPLAY).await, 0);
            renewals += page.count(REFRESH).await;
            page.click("show-items").await;
            page.shows("items", "Lamp").await;
        }
        // The two later tabs began with one each. Since then there were at least three more, and one
        // tab renewed for all; if each did for itself, there would be three times as many.
        assert!((5..=9).contains(&renewals), "{renewals}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn tabs_log_in_and_out_together() {
    let server = Node::start("memory", &[], &[]);
    browse("web_tabs_log_out", async |driver| {
        let page = Page::open(driver, &server).await;
        let first = driver.window().await.unwrap();
        let second = new_tab(driver, &server).await;
        page.log_in("secret123", true).await;
        page.shows("logins", "(this login)").await;

        switch(driver, &first).await;
        page.shows("hello", "Hello, meera").await;
        // Its token is that of the second tab.
        assert_eq!(page.count(REFRESH).await, 0);
        page.click("log-out").await;
        page.shows("notice", "You are logged out.").await;

        switch(driver, &second).await;
        page.shows("notice", "You logged out in another tab.").await;
        assert!(page.is_visible("login").await);
        page.reload().await;
        assert!(page.is_visible("login").await);
    })
    .await;
}

/// Those that are not remembered have a login each, and end together all the same.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn tabs_with_logins_of_their_own_log_out_together() {
    let server = Node::start("memory", &[], &["--access-ttl=2"]);
    browse("web_tabs_alone", async |driver| {
        let page = Page::logged_in(driver, &server, false).await;
        let first = driver.window().await.unwrap();
        let second = new_tab(driver, &server).await;
        assert!(page.is_visible("login").await);
        page.log_in("secret123", false).await;
        page.asked(REFRESH, 2).await;
        page.click("log-out-everywhere").await;
        page.shows("notice", "You are logged out everywhere.").await;

        switch(driver, &first).await;
        page.shows("notice", "You are logged out everywhere.").await;
        page.asked("POST /revoke (log out) 200", 1).await;
        assert_eq!(page.count(REPLAY).await, 0);
        switch(driver, &second).await;
        page.log_in("secret123", true).await;
        page.shows("hello", "Hello, meera").await;
        switch(driver, &first).await;
        page.shows("hello", "Hello, meera").await;
    })
    .await;
}
