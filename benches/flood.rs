//! What a flood of logins does to everybody else: this crate beside the naive way.
//!
//! ```sh
//! cargo bench --bench flood            # three minutes
//! cargo bench --bench flood -- 5       # with five seconds for each flood
//! ```
//!
//! Each server is a process of its own, on loopback, and this one its clients: 64 connections post
//! logins at cost 12 as fast as they are answered, while one more asks for `/me`. All share the
//! cores of one machine. The naive server differs from the other in its `/token` only: one
//! `spawn_blocking` for each login, as many as there are.
//!
//! In `flooded` a client that is refused asks again at once, so the clients and the refusals take
//! most of what the hashes could have had. In `waiting` it does what `Retry-After` says.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "support/memory.rs"]
mod memory;

use std::{
    collections::HashMap,
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::spawn_blocking};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Password, PasswordHash, Subject},
    password::{Bcrypt, PasswordHasher},
    token::Identity,
};

const FLOODERS: usize = 64;
const LOGIN: &str = "grant_type=password&username=meera&password=secret123";
/// Between two requests for `/me`.
const PAUSE: Duration = Duration::from_millis(5);

fn main() {
    let arguments: Vec<_> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(&arguments[2]),
        // `cargo test --benches` asks whether it starts.
        Some("--test") => {}
        seconds => {
            let seconds = seconds.and_then(|text| text.parse().ok());
            measure(Duration::from_secs(seconds.unwrap_or(20)));
        }
    }
}

fn measure(flood: Duration) {
    let cores = thread::available_parallelism().unwrap().get();
    println!("{cores} cores, load {}", load());
    println!("tight loop: the same hashes on {cores} threads, right before and after each flood\n");
    println!(
        "| server | /me | p50 ms | p99 ms | worst ms | logins/s | tight loop/s | 503/s | memory MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let both = [("flooded", false), ("waiting", true)];
    // The naive server refuses nobody.
    for (kind, floods) in [("crate", &both[..]), ("naive", &both[..1])] {
        let server = Server::start(kind);
        let token = server.log_in();
        let quiet = server.watch_me(&token, flood / 2);
        quiet.print(kind, "alone");
        println!(" | | | {:.0} |", server.resident());
        for (what, patient) in floods {
            let before = tight_loop(cores, flood / 4);
            let outcome = server.flood(&token, flood, *patient);
            let after = tight_loop(cores, flood / 4);
            outcome.me.print(kind, what);
            println!(
                " {:.1} | {before:.1}, {after:.1} | {:.0} | {:.0} |",
                outcome.logins, outcome.refused, outcome.memory
            );
        }
    }
    println!("\nload afterwards {}", load());
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What the cores can do at best.
fn tight_loop(threads: usize, time: Duration) -> f64 {
    let hasher = Bcrypt::default();
    let hash = Arc::new(hasher.hash(&Password::new("secret123")).unwrap());
    let (begun, made) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < time {
                    assert!(hasher.verify(&Password::new("secret123"), &hash).unwrap());
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    per_second(made.into_inner(), begun.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// A server in a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

struct Outcome {
    me: Latencies,
    logins: f64,
    refused: f64,
    memory: f64,
}

impl Server {
    fn start(kind: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["serve", kind]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().parse().unwrap();
        Self { child, address }
    }

    fn log_in(&self) -> String {
        let answer = Client::new(self.address).post_login();
        assert_eq!(answer.status, 200);
        let login: Value = serde_json::from_slice(&answer.body).unwrap();
        login["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks for `/me` again and again.
    fn watch_me(&self, token: &str, time: Duration) -> Latencies {
        let mut client = Client::new(self.address);
        let request =
            format!("GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        let (begun, mut all) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            let asked = Instant::now();
            assert_eq!(client.ask(&request).status, 200);
            all.push(asked.elapsed());
            thread::sleep(PAUSE);
        }
        all.sort_unstable();
        Latencies(all)
    }

    fn flood(&self, token: &str, time: Duration, patient: bool) -> Outcome {
        let (over, counts) = (AtomicBool::new(false), [const { AtomicUsize::new(0) }; 2]);
        let memory = Mutex::new(0.0_f64);
        let begun = Instant::now();
        let me = thread::scope(|scope| {
            for _ in 0..FLOODERS {
                scope.spawn(|| {
                    let mut client = Client::new(self.address);
                    while !over.load(Ordering::Relaxed) {
                        let Answer { status, wait, .. } = client.post_login();
                        assert!(matches!(status, 200 | 503), "{status}");
                        counts[usize::from(status == 503)].fetch_add(1, Ordering::Relaxed);
                        if patient {
                            thread::sleep(wait);
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let now = self.resident();
                    let mut most = memory.lock().unwrap();
                    *most = most.max(now);
                    drop(most);
                    thread::sleep(Duration::from_millis(100));
                }
            });
            let me = self.watch_me(token, time);
            over.store(true, Ordering::Relaxed);
            me
        });
        // To the end of the last login: whoever serves 64 at once finishes none for long.
        let time = begun.elapsed();
        let [logins, refused] = counts.map(AtomicUsize::into_inner);
        Outcome {
            me,
            logins: per_second(logins, time),
            refused: per_second(refused, time),
            memory: memory.into_inner().unwrap(),
        }
    }

    /// Resident memory in MiB, as far as the system tells.
    fn resident(&self) -> f64 {
        memory::mebibytes(self.child.id(), memory::RESIDENT).unwrap_or(f64::NAN)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn print(&self, server: &str, what: &str) {
        let at = |percent: usize| self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        print!(
            "| {server} | {what} | {:.2} | {:.2} | {:.1} |",
            at(50),
            at(99),
            at(100)
        );
        io::stdout().flush().ok();
    }
}

struct Answer {
    status: u16,
    /// `Retry-After`
    wait: Duration,
    body: Vec<u8>,
}

/// A connection that is kept.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    fn post_login(&mut self) -> Answer {
        self.ask(&format!(
            "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{LOGIN}",
            LOGIN.len()
        ))
    }

    fn ask(&mut self, request: &str) -> Answer {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut wait, mut length) = (0, 0, 0);
        for number in 0.. {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if number == 0 {
                status = line.split(' ').nth(1).unwrap().parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            } else if let Some(value) = line.strip_prefix("retry-after: ") {
                wait = value.trim().parse().unwrap();
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let wait = Duration::from_secs(wait);
        Answer { status, wait, body }
    }
}

#[tokio::main]
async fn serve(kind: &str) {
    let users = MemoryUsers::new()
        .with_user("meera", "secret123", ())
        .unwrap();
    // A flood from one address would be over after its first failures; here none fails, and the
    // throttle is off so that it cannot help.
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_insecure_no_throttle();
    let token = if kind == "naive" {
        naive(flow.clone())
    } else {
        Router::new().route_service("/token", flow.token_service())
    };
    let app = Router::new()
        .route("/me", get(async |_: Authenticated<()>| "meera"))
        .route_layer(flow.bearer_layer())
        .merge(token);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

type Flow = PasswordFlow<MemoryUsers<()>, MemoryTokens>;

/// A login as one writes it on the first day.
fn naive(flow: Flow) -> Router {
    let hash = Bcrypt::default().hash(&Password::new("secret123")).unwrap();
    let route = post(naive_login);
    Router::new()
        .route("/token", route)
        .with_state((flow, Arc::new(hash)))
}

async fn naive_login(
    State((flow, hash)): State<(Flow, Arc<PasswordHash>)>,
    form: String,
) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let known = form.get("username").is_some_and(|name| name == "meera");
    let password = Password::new(form.get("password").cloned().unwrap_or_default());
    let right = spawn_blocking(move || Bcrypt::default().verify(&password, &hash).unwrap());
    if !(right.await.unwrap() && known) {
        let error = json!({ "error": "invalid_grant" });
        return (StatusCode::BAD_REQUEST, Json(error));
    }
    let identity = Identity::new(Subject::new("meera").unwrap());
    let issued = flow.issuer().issue(identity).await.unwrap();
    let token = json!({ "access_token": issued.token().expose(), "token_type": "Bearer" });
    (StatusCode::OK, Json(token))
}
