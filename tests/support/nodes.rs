//! Processes of the server example, and a client that says what it was told and when.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use http::StatusCode;
use oauth2::reqwest::{Client as Http, RequestBuilder};
use serde_json::Value;

use super::servers::free_port;

/// The password of every user.
const PASSWORD: &str = "secret123";

/// The server example as a process. It comes back on the same port.
pub struct Node {
    child: Option<Child>,
    flags: Vec<String>,
    port: u16,
}

impl Node {
    /// With `users` besides these flags.
    pub fn start(store: &str, users: &[String], flags: &[&str]) -> Self {
        let mut all = vec![format!("--store={store}"), "--bcrypt-cost=4".to_owned()];
        all.extend(users.iter().map(|user| format!("--user={user}:{PASSWORD}")));
        all.extend(flags.iter().map(ToString::to_string));
        let mut node = Self {
            child: None,
            flags: all,
            port: free_port(),
        };
        node.restart();
        node
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again and waits until it listens.
    pub fn restart(&mut self) {
        let me = env::current_exe().unwrap();
        let server = me.ancestors().nth(2).unwrap().join("examples/server");
        let mut child = Command::new(&server)
            .args(&self.flags)
            .env("LISTEN", format!("127.0.0.1:{}", self.port))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server is not built: run `cargo build --examples`");
        let mut first = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut first).unwrap();
        assert!(first.contains("Listening"), "{first}");
        self.child = Some(child);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Names for `--user`.
pub fn user_names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("user{at}")).collect()
}

/// Access and refresh token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Told {
    pub status: StatusCode,
    pub retry_after: Option<String>,
    pub body: String,
}

impl Told {
    pub fn is(&self, status: u16) -> bool {
        self.status == status
    }

    pub fn pair(&self) -> Pair {
        assert!(self.is(200), "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Pair {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// Speaks to one node. `None` is no answer, or only a part of one.
#[derive(Clone)]
pub struct Caller {
    http: Http,
    base: String,
}

impl Caller {
    pub fn new(node: &Node) -> Self {
        let http = Http::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let base = node.url();
        Self { http, base }
    }

    async fn send(&self, request: RequestBuilder) -> Option<Told> {
        let response = request.send().await.ok()?;
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        Some(Told {
            status: response.status(),
            retry_after,
            body: response.text().await.ok()?,
        })
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Option<Told> {
        let url = format!("{}{path}", self.base);
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self.http.post(url).body(form);
        let kind = "application/x-www-form-urlencoded";
        self.send(request.header("content-type", kind)).await
    }

    pub async fn log_in(&self, username: &str) -> Option<Told> {
        self.log_in_with(username, PASSWORD).await
    }

    pub async fn log_in_with(&self, username: &str, password: &str) -> Option<Told> {
        let password = [("username", username), ("password", password)];
        let grant = [("grant_type", "password")];
        self.post("/token", &[&grant[..], &password].concat()).await
    }

    pub async fn refresh(&self, token: &str) -> Option<Told> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/token", &fields).await
    }

    pub async fn revoke(&self, token: &str) -> Option<Told> {
        self.post("/revoke", &[("token", token)]).await
    }

    pub async fn me(&self, token: &str) -> Option<Told> {
        let request = self.http.get(format!("{}/me", self.base));
        self.send(request.bearer_auth(token)).await
    }

    pub async fn log_out_everywhere(&self, token: &str) -> Option<Told> {
        let request = self.http.post(format!("{}/logout-everywhere", self.base));
        self.send(request.bearer_auth(token)).await
    }

    pub async fn health(&self) -> Option<Told> {
        self.send(self.http.get(format!("{}/healthz", self.base)))
            .await
    }

    /// Waits until the node says that its store is there.
    pub async fn wait_until_healthy(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.health().await.is_some_and(|told| told.is(200)) {
            assert!(Instant::now() < deadline, "the node is not healthy");
            pause(10).await;
        }
    }
}

pub async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
