//! Connections that are kept, with one request at a time on each.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
};

use crate::{
    note::{Goal, Spread, figure},
    server::Server,
};

/// What came of a turn.
pub struct Turn {
    /// Requests per second.
    pub rate: f64,
    /// Of the server's time on a processor, in microseconds for each request.
    cost: f64,
    /// The part of the turn that the server was on a processor.
    share: f64,
    /// Sorted, in milliseconds.
    times: Vec<f64>,
}

pub struct Clients {
    runtime: Runtime,
    address: SocketAddr,
    connections: usize,
    request: Vec<u8>,
}

impl Clients {
    pub fn new(address: SocketAddr, connections: usize, request: &str) -> Self {
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            address,
            connections,
            request: request.as_bytes().to_owned(),
        }
    }

    /// Asks on all connections until `time` has passed.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub fn ask_for(&self, time: Duration, server: &Server) -> Turn {
        // Anew for each turn: servers close connections that are silent for seconds.
        let connect = (0..self.connections).map(|_| Connection::new(self.address));
        let mut connections = self.runtime.block_on(join_all(connect));
        let (begun, busy) = (Instant::now(), server.busy());
        let request = &self.request;
        let asking = connections.iter_mut().map(|connection| async move {
            let mut times = Vec::new();
            while begun.elapsed() < time {
                let asked = Instant::now();
                let (status, _) = connection.ask(request).await;
                assert_eq!(status, 200);
                times.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            times
        });
        let mut times = self.runtime.block_on(join_all(asking)).concat();
        let (took, busy) = (begun.elapsed().as_secs_f64(), server.busy() - busy);
        times.sort_by(f64::total_cmp);
        let count = times.len() as f64;
        Turn {
            rate: count / took,
            cost: busy * 1e6 / count,
            share: busy / took,
            times,
        }
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::with_capacity(4096),
        }
    }

    async fn ask(&mut self, request: &[u8]) -> (u16, Vec<u8>) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            if let Some(answer) = parse(&self.buffer) {
                return answer;
            }
        }
    }
}

/// The status and the body of an answer that is there as a whole.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap().parse().unwrap();
    let body = answer.get(end..end + length)?;
    Some((status, body.to_owned()))
}

pub fn ask_once(address: SocketAddr, request: &str) -> (u16, Vec<u8>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Connection::new(address).await.ask(request.as_bytes()).await })
}

/// Prints what a server did in its turns.
pub fn print(table: &str, server: &str, turns: &[Turn]) {
    let note = |row: &str, unit: &str, value: &dyn Fn(&Turn) -> f64| {
        let spread = Spread::of(turns.iter().map(value).collect());
        let row = format!("{row}, {server}");
        figure(table, None, &row, unit, spread, Goal::None);
    };
    note("requests per second", "", &|turn| turn.rate);
    note("processor for each", "µs", &|turn| turn.cost);
    note("processor", "cores", &|turn| turn.share);
    note("p50", "ms", &|turn| turn.times[turn.times.len() / 2]);
    note("p99", "ms", &|turn| turn.times[turn.times.len() * 99 / 100]);
}
