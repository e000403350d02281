//! What a user sees, in a real Chromium without a window, which the tests start and stop.
//! `tests/run.sh` installs it and runs what is ignored here.

pub mod page;
pub mod swagger;
mod web_client;
mod web_page;
mod web_tabs;
mod web_tokens;

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::FutureExt;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::support::servers::Folder;

/// Runs `test` in a browser of its own. If it fails, a picture of what was to be seen is left.
pub async fn browse(name: &str, test: impl AsyncFnOnce(&WebDriver)) {
    let chromium = Chromium::start();
    let driver = chromium.connect().await;
    let outcome = AssertUnwindSafe(test(&driver)).catch_unwind().await;
    if outcome.is_err() {
        leave_picture(&driver, name).await;
    }
    // Whatever it says: the processes end with `chromium`.
    driver.quit().await.ok();
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

async fn leave_picture(driver: &WebDriver, name: &str) {
    let path = target().join("browser").join(name).with_extension("png");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match driver.screenshot(&path).await {
        Ok(()) => eprintln!("{name}: a picture of the page is in {}", path.display()),
        Err(error) => eprintln!("{name}: there is no picture of the page: {error}"),
    }
    for line in console(driver).await {
        eprintln!("{name}: console: {line}");
    }
}

/// The folder that the tests are built in.
fn target() -> PathBuf {
    let me = env::current_exe().unwrap();
    me.ancestors().nth(3).unwrap().to_owned()
}

/// What the browser wrote since it was last asked.
pub async fn console(driver: &WebDriver) -> Vec<String> {
    let lines = driver.browser_log().await.unwrap_or_default();
    lines.into_iter().map(|line| line.message).collect()
}

/// The driver, and with it the browser and its profile.
struct Chromium {
    driver: Child,
    port: u16,
    profile: Folder,
}

impl Chromium {
    fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // All of it ends together.
            .process_group(0)
            .spawn()
            .expect("chromium-driver is not installed; tests/run.sh does that");
        let stdout = BufReader::new(driver.stdout.take().unwrap());
        let port = stdout.lines().find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        Self {
            driver,
            port: port.expect("chromedriver does not say its port"),
            profile: Folder::new(),
        }
    }

    async fn connect(&self) -> WebDriver {
        let profile = self.profile.join("profile");
        let options = json!({
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                // A tab that is not in front is as awake as the one that is.
                "--disable-background-timer-throttling",
                "--disable-renderer-backgrounding",
                "--disable-backgrounding-occluded-windows",
                "--window-size=1100,800",
                format!("--user-data-dir={}", profile.display()),
            ],
        });
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set("goog:chromeOptions", options).unwrap();
        let logged = json!({ "browser": "ALL" });
        capabilities.set("goog:loggingPrefs", logged).unwrap();
        let driver = WebDriver::builder(format!("http://127.0.0.1:{}", self.port), capabilities);
        let driver = driver.request_timeout(Duration::from_secs(60));
        driver.connect().await.expect("chromium does not start")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        killed.ok();
        self.driver.wait().ok();
    }
}

/// Runs a script in the page, whatever the page's policy says, and hands out what it returns.
pub async fn run(driver: &WebDriver, script: &str) -> Value {
    let returned = driver.execute(script, Vec::new()).await.unwrap();
    returned.json().clone()
}

/// Tells the browser directly, by the protocol of its developer tools.
pub async fn command(driver: &WebDriver, method: &str, parameters: Value) {
    driver.cdp().send_raw(method, parameters).await.unwrap();
}

/// Light or dark.
pub async fn prefer(driver: &WebDriver, scheme: &str) {
    let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
    let media = json!({ "features": [feature] });
    command(driver, "Emulation.setEmulatedMedia", media).await;
}
