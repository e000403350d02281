//! The pictures of the README, drawn when somebody asks for it:
//! `cargo test --test suite screenshots -- --ignored`.

use std::{fs, path::Path, time::Duration};

use thirtyfour::{By, WebDriver};

use crate::{
    browser::{browse, page::Page, prefer, swagger::Docs},
    support::nodes::Node,
};

async fn draw(driver: &WebDriver, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/server/web/screenshots");
    fs::create_dir_all(&folder).unwrap();
    // What moves has come to rest.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let path = folder.join(name);
    driver.screenshot(&path).await.unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert!(size < 100_000, "{}: {size} bytes", path.display());
    println!("{}: {size} bytes", path.display());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium, and writes into examples/server/web/screenshots"]
async fn the_pictures_of_the_readme_are_drawn() {
    let server = Node::start("memory", &[], &[]);
    browse("screenshots", async |driver| {
        driver.set_window_rect(0, 0, 960, 760).await.unwrap();
        let page = Page::logged_in(driver, &server, true).await;
        page.click("show-items").await;
        page.shows("items", "Lamp").await;
        // Nothing has the focus.
        driver
            .find(By::Tag("h1"))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        for scheme in ["light", "dark"] {
            prefer(driver, scheme).await;
            draw(driver, &format!("page-{scheme}.png")).await;
        }
        prefer(driver, "light").await;
        let docs = Docs::open(driver, &server).await;
        docs.authorize("secret123").await;
        docs.close().await;
        docs.show("OAuth2").await;
        draw(driver, "docs.png").await;
    })
    .await;
}
