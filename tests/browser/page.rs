//! The web client as its user sees it.

use thirtyfour::prelude::*;

use super::run;
use crate::support::{eventually, nodes::Node};

pub struct Page<'a> {
    pub driver: &'a WebDriver,
}

impl<'a> Page<'a> {
    /// Opens the page of `server` and waits until it shows something.
    pub async fn open(driver: &'a WebDriver, server: &Node) -> Self {
        driver.goto(format!("{}/", server.url())).await.unwrap();
        let page = Self { driver };
        page.settled().await;
        page
    }

    /// Opens it, logs in as meera and waits until all is there.
    pub async fn logged_in(driver: &'a WebDriver, server: &Node, remember: bool) -> Self {
        let page = Self::open(driver, server).await;
        page.log_in("secret123", remember).await;
        page.shows("logins", "(this login)").await;
        page
    }

    /// Waits until it is known whether somebody is logged in.
    pub async fn settled(&self) {
        let visible = "return document.querySelectorAll('#login:not([hidden]), #account:not([hidden])').length == 1";
        eventually(async || run(self.driver, visible).await == true).await;
    }

    pub async fn reload(&self) {
        self.driver.refresh().await.unwrap();
        self.settled().await;
    }

    pub async fn element(&self, id: &str) -> WebElement {
        self.driver.find(By::Id(id)).await.unwrap()
    }

    pub async fn text(&self, id: &str) -> String {
        self.element(id).await.text().await.unwrap()
    }

    pub async fn is_visible(&self, id: &str) -> bool {
        self.element(id).await.is_displayed().await.unwrap()
    }

    /// Waits until that element has such a text in it.
    #[track_caller]
    pub fn shows(&self, id: &str, text: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
            loop {
                let found = self.text(id).await;
                if found.contains(text) {
                    return;
                }
                let late = std::time::Instant::now() > deadline;
                assert!(!late, "{caller}: #{id} is {found:?}, not {text:?}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    pub async fn fill(&self, id: &str, text: &str) {
        let input = self.element(id).await;
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    pub async fn click(&self, id: &str) {
        self.element(id).await.click().await.unwrap();
    }

    /// Fills the form in and sends it, as meera.
    pub async fn log_in(&self, password: &str, remember: bool) {
        self.fill("username", "meera").await;
        self.fill("password", password).await;
        if self.element("remember").await.is_selected().await.unwrap() != remember {
            self.click("remember").await;
        }
        self.click("submit").await;
    }

    /// What the page asked the server, the first one first: `GET /me 200`.
    pub async fn requests(&self) -> Vec<String> {
        let script = "return Array.from(document.querySelectorAll('#requests li'),
            (item) => Array.from(item.children, (span) => span.textContent).join(' '))";
        let list: Vec<String> = serde_json::from_value(run(self.driver, script).await).unwrap();
        list.into_iter().rev().collect()
    }

    /// How often it has asked that.
    pub async fn count(&self, request: &str) -> usize {
        let requests = self.requests().await;
        requests.iter().filter(|asked| *asked == request).count()
    }

    /// Waits until it has asked that so often.
    pub async fn asked(&self, request: &str, times: usize) {
        eventually(async || self.count(request).await >= times).await;
    }

    /// The id of the element that has the focus.
    pub async fn focused(&self) -> String {
        let id = run(self.driver, "return document.activeElement.id").await;
        id.as_str().unwrap().to_owned()
    }

    /// Keeps the access tokens that the page sends, for [`sent_token`](Self::sent_token), and answers
    /// requests for `refused` with 401 in place of the server.
    pub async fn tap(&self, refused: &str) {
        let script = format!(
            "const real = window.fetch;
             window.fetch = (path, init) => {{
               if (init.headers) window.sent = init.headers.Authorization.split(' ')[1];
               return path === '{refused}' ? Promise.resolve(new Response('', {{ status: 401 }}))
                                           : real(path, init);
             }};"
        );
        run(self.driver, &script).await;
    }

    pub async fn sent_token(&self) -> String {
        let token = run(self.driver, "return window.sent").await;
        token.as_str().unwrap().to_owned()
    }
}

pub const LOGIN: &str = "POST /token (password) 200";
pub const REFRESH: &str = "POST /token (refresh_token) 200";
pub const REPLAY: &str = "POST /token (refresh_token) 400";
