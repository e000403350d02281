//! Real Redis and PostgreSQL servers, each on a free port and in a folder of its own that goes
//! with it.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// A folder that goes with its value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-oauth2-password-{}-{next}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn signal(signal: &str, pid: u32) {
    let pid = pid.to_string();
    let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
    assert!(sent.success(), "kill {signal} {pid}");
}

fn children(pid: u32) -> Vec<u32> {
    let file = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(file).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// What all engines can do. They come back on the same port with the same data.
pub trait Engine {
    /// What `--store` of the server example takes.
    fn url(&self) -> String;
    fn port(&self) -> u16;
    /// SIGKILL.
    fn kill(&mut self);
    /// Starts it again and waits until it listens.
    fn start(&mut self);
    /// SIGSTOP: connections stay, and nobody answers.
    fn freeze(&mut self);
    /// SIGCONT.
    fn thaw(&mut self);
}

/// `redis-server`, which writes every command to its disk before it answers.
pub struct Redis {
    folder: Folder,
    port: u16,
    options: &'static [&'static str],
    child: Option<Child>,
}

impl Redis {
    pub fn run() -> Self {
        Self::run_with(&[])
    }

    /// With more options, as on the command line.
    pub fn run_with(options: &'static [&'static str]) -> Self {
        Self::on(free_port(), options)
    }

    pub fn on(port: u16, options: &'static [&'static str]) -> Self {
        let mut redis = Self {
            folder: Folder::new(),
            port,
            options,
            child: None,
        };
        redis.start();
        redis
    }
}

impl Engine for Redis {
    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn start(&mut self) {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--dir"])
            .arg(self.folder.path())
            .args(self.options)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is not installed; tests/run.sh does that");
        self.child = Some(child);
        wait_for_port(self.port);
    }

    fn freeze(&mut self) {
        signal("-STOP", self.child.as_ref().unwrap().id());
    }

    fn thaw(&mut self) {
        signal("-CONT", self.child.as_ref().unwrap().id());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// `postgres` in a new cluster. It does not run as root, so root runs it as `postgres`.
pub struct Postgres {
    folder: Folder,
    port: u16,
    child: Option<Child>,
}

impl Postgres {
    pub fn run() -> Self {
        Self::on(free_port())
    }

    pub fn on(port: u16) -> Self {
        let folder = Folder::new();
        if is_root() {
            let mut chown = Command::new("chown");
            let done = chown.arg("postgres").arg(folder.path()).status();
            assert!(done.unwrap().success(), "chown");
        }
        let made = command("initdb")
            .args(["--auth", "trust", "--username", "postgres", "-D"])
            .arg(folder.join("data"))
            .stdout(Stdio::null())
            .status()
            .expect("initdb is not installed; tests/run.sh does that");
        assert!(made.success(), "initdb");
        let mut postgres = Self {
            folder,
            port,
            child: None,
        };
        postgres.start();
        postgres
    }

    /// The server process itself, which may be the child of `runuser`.
    fn pid(&self) -> u32 {
        let file = self.folder.join("data").join("postmaster.pid");
        let text = fs::read_to_string(file).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }
}

impl Engine for Postgres {
    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn kill(&mut self) {
        signal("-KILL", self.pid());
        self.child.take().unwrap().wait().unwrap();
    }

    fn start(&mut self) {
        // The processes of a server that was killed see that it is gone and end by themselves; a
        // new one waits for that.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let mut child = command("postgres")
                .args(["-p", &self.port.to_string(), "-D"])
                .arg(self.folder.join("data"))
                .args(["-c", "listen_addresses=127.0.0.1"])
                .args(["-c", "unix_socket_directories="])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                if accepts_queries(self.port) {
                    self.child = Some(child);
                    return;
                }
                assert!(Instant::now() < deadline, "postgres does not start");
                sleep(Duration::from_millis(10));
            }
            assert!(Instant::now() < deadline, "postgres does not start");
            sleep(Duration::from_millis(50));
        }
    }

    fn freeze(&mut self) {
        // The first one, so that it starts no more of them; each connection has a process.
        signal("-STOP", self.pid());
        for pid in children(self.pid()) {
            signal("-STOP", pid);
        }
    }

    fn thaw(&mut self) {
        for pid in children(self.pid()) {
            signal("-CONT", pid);
        }
        signal("-CONT", self.pid());
        // `runuser` stops when its child does.
        signal("-CONT", self.child.as_ref().unwrap().id());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An immediate shutdown: the data is thrown away anyway.
            signal("-QUIT", self.pid());
            child.wait().ok();
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A program of PostgreSQL, which Debian does not put on the path.
fn command(program: &str) -> Command {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.map(|version| version.unwrap().path().join("bin").join(program));
    let newest = debian.filter(|path| path.exists()).max();
    let program = newest.unwrap_or_else(|| program.into());
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn wait_for_port(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on {port}");
        sleep(Duration::from_millis(5));
    }
}

/// PostgreSQL listens before it is ready; then it says so and hangs up.
fn accepts_queries(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    // A startup message of protocol 3.0: length, version, user, end.
    let mut hello = vec![0, 0, 0, 0, 0, 3, 0, 0];
    hello.extend(b"user\0postgres\0\0");
    hello[3] = u8::try_from(hello.len()).unwrap();
    let mut answer = [0];
    stream.write_all(&hello).is_ok() && stream.read_exact(&mut answer).is_ok() && answer[0] == b'R'
}
