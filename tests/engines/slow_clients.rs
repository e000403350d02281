//! Clients that are slow on purpose, against the reference server as a process: it goes on
//! answering, its memory is bounded, and all of them are cut off at the limit.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::examples::Server;

const CLIENTS: usize = 1_000;
const BODY_LIMIT: Duration = Duration::from_secs(5);
const HEADER_LIMIT: Duration = Duration::from_secs(3);
/// For a machine with other things to do.
const SLACK: Duration = Duration::from_secs(4);

/// How a client is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drips {
    /// A body of an announced length.
    Body,
    /// A body that does not say how long it will be.
    Chunks,
    Header,
    /// Half the preface of HTTP/2, and then nothing.
    Preface,
}

impl Drips {
    fn opening(self) -> String {
        let form = "content-type: application/x-www-form-urlencoded";
        match self {
            Self::Body => format!(
                "POST /token HTTP/1.1\r\nhost: x\r\n{form}\r\ncontent-length: 900\r\n\r\ngrant_type="
            ),
            Self::Chunks => format!(
                "POST /token HTTP/1.1\r\nhost: x\r\n{form}\r\ntransfer-encoding: chunked\r\n\r\n"
            ),
            Self::Header => "POST /token HTTP/1.1\r\nhost: x\r\nx-drip: ".to_owned(),
            Self::Preface => "PRI * HTTP/2".to_owned(),
        }
    }

    fn drop(self) -> &'static [u8] {
        match self {
            Self::Body | Self::Header => b"x",
            Self::Chunks => b"1\r\nx\r\n",
            Self::Preface => b"",
        }
    }
}

/// One slow client: what it was told in the end, and after how long.
async fn drip(address: String, how: Drips) -> (Drips, String, Duration) {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(how.opening().as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut told = Vec::new();
    let mut next = interval(Duration::from_secs(1));
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => told.extend_from_slice(&buffer[..count]),
            },
            _ = next.tick() => {
                // The next read says if nobody takes it.
                stream.write_all(how.drop()).await.ok();
            }
        }
    }
    let told = String::from_utf8(told).unwrap();
    (how, told, begun.elapsed())
}

/// One request on a connection of its own; its status and how long it took.
async fn ask(address: &str, request: &str) -> (u16, Duration) {
    let begun = Instant::now();
    let answer = timeout(Duration::from_secs(10), async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let answer = answer.await.expect("an honest client hangs");
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, begun.elapsed())
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let line = line.unwrap().split_whitespace().nth(1).unwrap();
    line.parse().unwrap()
}

/// What honest clients saw, and the most memory that the server had, until `stop`.
struct Meanwhile {
    answers: usize,
    slowest: Duration,
    memory: u64,
}

async fn watch(
    server: &Server,
    token: &str,
    slow: &mut JoinSet<(Drips, String, Duration)>,
) -> (Meanwhile, Vec<(Drips, String, Duration)>) {
    let address = server.address();
    let me = format!(
        "GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let form = "grant_type=password&username=meera&password=secret123";
    let login = format!(
        "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    let mut seen = Meanwhile {
        answers: 0,
        slowest: Duration::ZERO,
        memory: 0,
    };
    let mut done = Vec::new();
    while !slow.is_empty() {
        for request in [&me, &login] {
            let (status, took) = ask(address, request).await;
            assert_eq!(status, 200);
            seen.answers += 1;
            seen.slowest = seen.slowest.max(took);
        }
        seen.memory = seen.memory.max(resident(server.pid()));
        while let Some(client) = slow.try_join_next() {
            done.push(client.unwrap());
        }
        sleep(Duration::from_millis(50)).await;
    }
    (seen, done)
}

/// "1,000 connections that drip their bodies": and as many that drip headers, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs 4,096 open files and ten seconds; tests/run.sh runs this"]
async fn slow_clients_are_cut_off_and_nobody_waits_for_them() {
    let flags = [
        "--bcrypt-cost",
        "4",
        "--body-timeout",
        "5",
        "--header-timeout",
        "3",
    ];
    let server = Server::start("server", &flags);
    let (status, login) = server.log_in("meera", "secret123");
    assert_eq!(status, 200);
    let token = login["access_token"].as_str().unwrap();
    let before = resident(server.pid());

    let mut slow = JoinSet::new();
    for number in 0..CLIENTS {
        let body = if number % 2 == 0 {
            Drips::Body
        } else {
            Drips::Chunks
        };
        let header = if number % 2 == 0 {
            Drips::Header
        } else {
            Drips::Preface
        };
        for how in [body, header] {
            slow.spawn(drip(server.address().to_owned(), how));
        }
        // The queue of the listener is short.
        if number % 50 == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    let (seen, done) = watch(&server, token, &mut slow).await;
    assert_eq!(done.len(), 2 * CLIENTS);
    for (how, told, took) in &done {
        let limit = match how {
            Drips::Body | Drips::Chunks => {
                let status = told.lines().next().unwrap_or_default();
                assert_eq!(status, "HTTP/1.1 408 Request Timeout", "{told:?}");
                assert!(told.contains("\r\nconnection: close\r\n"), "{told:?}");
                assert!(told.ends_with(r#"{"error":"invalid_request","error_description":"the body took too long"}"#), "{told:?}");
                BODY_LIMIT
            }
            Drips::Header | Drips::Preface => {
                assert!(!told.contains(" 200 "), "{told:?}");
                HEADER_LIMIT
            }
        };
        // Its own clock starts a little later than the server's.
        assert!(*took + Duration::from_secs(1) > limit, "{how:?} {took:?}");
        assert!(*took < limit + SLACK, "{how:?} {took:?}");
    }
    for kind in [Drips::Body, Drips::Chunks, Drips::Header, Drips::Preface] {
        let times = done
            .iter()
            .filter(|(how, ..)| *how == kind)
            .map(|(.., took)| *took);
        let (least, most) = (times.clone().min().unwrap(), times.clone().max().unwrap());
        println!(
            "slow clients: {} drip {kind:?}: all cut off, after {least:.1?} to {most:.1?}",
            times.count()
        );
    }
    println!(
        "slow clients: meanwhile {} answers of /me and /token, all 200, the slowest in {:.0?}; \
         memory {before} KiB before, {} KiB at most",
        seen.answers, seen.slowest, seen.memory
    );
    assert!(seen.answers >= 20, "{}", seen.answers);
    assert!(seen.memory < before + 100 * 1024, "{} KiB", seen.memory);
}
