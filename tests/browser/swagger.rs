//! Swagger UI at `/docs` of the server example: its *Authorize* logs in, and what it tries it tries
//! with the token.

use thirtyfour::prelude::*;

use super::browse;
use crate::support::nodes::Node;

/// Swagger UI as its user sees it.
pub struct Docs<'a> {
    driver: &'a WebDriver,
}

impl<'a> Docs<'a> {
    pub async fn open(driver: &'a WebDriver, server: &Node) -> Self {
        driver.goto(format!("{}/docs", server.url())).await.unwrap();
        Self { driver }
    }

    async fn find(&self, css: &str) -> WebElement {
        let found = self.driver.query(By::Css(css.to_owned())).first().await;
        found.unwrap()
    }

    async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.scroll_into_view().await.unwrap();
        element.wait_until().clickable().await.unwrap();
        element.click().await.unwrap();
    }

    /// Opens *Authorize* unless it is open, and logs meera in with such a password.
    pub async fn authorize(&self, password: &str) {
        if self.driver.find(By::Css(".modal-ux")).await.is_err() {
            self.click(".auth-wrapper .btn.authorize").await;
        }
        for (id, text) in [("#oauth_username", "meera"), ("#oauth_password", password)] {
            let input = self.find(id).await;
            input.clear().await.unwrap();
            input.send_keys(text).await.unwrap();
        }
        self.click(APPLY).await;
    }

    async fn log_out(&self) {
        self.click(".auth-wrapper .btn.authorize").await;
        self.click(REMOVE).await;
        self.find(APPLY).await;
    }

    /// Scrolls to a group of endpoints.
    pub async fn show(&self, group: &str) {
        let script =
            format!("document.getElementById('operations-tag-{group}').scrollIntoView(true)");
        self.driver.execute(script, Vec::new()).await.unwrap();
    }

    /// Closes *Authorize*.
    pub async fn close(&self) {
        self.click(".modal-ux .btn-done").await;
        let dialog = self.driver.query(By::Css(".modal-ux"));
        dialog.wait_until_gone().await.unwrap();
    }

    /// *Execute* of `GET path`; the status that it was answered with.
    async fn execute(&self, path: &str) -> String {
        let label = format!(".opblock-get [data-path=\"{path}\"]");
        let open = ".opblock.is-open";
        if self.driver.find(By::Css(open)).await.is_err() {
            self.click(&label).await;
        }
        let answer = format!("{open} .live-responses-table .response .response-col_status");
        // The last answer.
        if self.driver.find(By::Css(answer.clone())).await.is_ok() {
            self.click(&format!("{open} .btn-clear")).await;
            let last = self.driver.query(By::Css(answer.clone()));
            last.wait_until_gone().await.unwrap();
        }
        self.click(&format!("{open} .execute")).await;
        let status = self.find(&answer).await;
        status.wait_until().has_text(is_number).await.unwrap();
        status.text().await.unwrap().trim().to_owned()
    }
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<u16>().is_ok()
}

/// *Authorize* and *Logout* in the dialog.
const APPLY: &str = ".modal-ux button[aria-label='Apply given OAuth2 credentials']";
const REMOVE: &str = ".modal-ux button[aria-label='Remove authorization']";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn swagger_ui_logs_in_tries_and_logs_out() {
    let server = Node::start("memory", &[], &[]);
    browse("swagger", async |driver| {
        let docs = Docs::open(driver, &server).await;
        docs.authorize("guess").await;
        let error = docs.find(".modal-ux .errors span").await;
        let error = error.text().await.unwrap();
        assert!(error.contains("invalid_grant"), "{error}");

        docs.authorize("secret123").await;
        docs.find(REMOVE).await;
        docs.close().await;
        assert_eq!(docs.execute("/me").await, "200");
        let body = docs
            .find(".opblock.is-open .live-responses-table code")
            .await;
        let body = body.text().await.unwrap();
        assert!(body.contains(r#""username": "meera""#), "{body}");

        docs.log_out().await;
        docs.close().await;
        assert_eq!(docs.execute("/me").await, "401");
    })
    .await;
}
