//! Servers, each a process on core 0.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::client::ask_once;

const FORM: &str = "grant_type=password&username=meera&password=secret123";

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Ours,
    /// Without the login.
    Bare,
    /// Without the login, but with a layer that does nothing.
    Layered,
    /// Without all but the login.
    Alone,
    FastApi,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "server",
            Self::Bare => "no login",
            Self::Layered => "an empty layer",
            Self::Alone => "the login alone",
            Self::FastApi => "FastAPI",
        }
    }
}

pub struct Server {
    pub kind: Kind,
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts one whose passwords are hashed at `cost`; `None` if there is no such server here.
    pub fn start(kind: Kind, cost: u32) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let own = env::current_exe().unwrap();
        // It ends with this process, whatever ends that.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "taskset", "--cpu-list", "0"]);
        match kind {
            Kind::Ours => {
                let server = own.parent().unwrap().join("../examples/server");
                assert!(server.exists(), "build the example: see process.rs");
                command.arg(server).args(["--hashing-threads", "1"]);
                command.args(["--listen", &address.to_string()]);
            }
            Kind::Bare => drop(command.arg(own).args(["bare", &address.to_string()])),
            Kind::Layered => drop(command.arg(own).args(["layered", &address.to_string()])),
            Kind::Alone => drop(command.arg(own).args(["alone", &address.to_string()])),
            Kind::FastApi => {
                let Some(python) = env::var_os("FASTAPI_PYTHON") else {
                    eprintln!("NO FASTAPI: $FASTAPI_PYTHON is not set");
                    return None;
                };
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fastapi");
                command.arg(python).args(["-B", "-m", "uvicorn", "app:app"]);
                command.args(["--no-access-log", "--workers", "1", "--loop", "uvloop"]);
                command.args(["--http", "httptools", "--log-level", "warning"]);
                command.args(["--port", &address.port().to_string()]);
                command.current_dir(folder);
            }
        }
        let child = command
            .env("BCRYPT_COST", cost.to_string())
            .env("TOKIO_WORKER_THREADS", "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            kind,
            address,
            child,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let waited = begun.elapsed();
            assert!(
                waited < Duration::from_secs(30),
                "{} does not start",
                self.kind.name()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// An access token; whoever asks for no login takes any.
    pub fn log_in(&self) -> String {
        if matches!(self.kind, Kind::Bare | Kind::Layered) {
            return "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U".to_owned();
        }
        let (status, body) = ask_once(self.address, &login());
        assert_eq!(status, 200);
        let login: Value = serde_json::from_slice(&body).unwrap();
        login["access_token"].as_str().unwrap().to_owned()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds on a processor so far.
    pub fn busy(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .skip(11)
            .take(2);
        // In hundredths, whatever the kernel counts in.
        fields
            .map(|ticks| ticks.parse::<f64>().unwrap())
            .sum::<f64>()
            / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn login() -> String {
    format!(
        "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{FORM}",
        FORM.len()
    )
}
