//! Servers that say nothing: from the beginning, or from some moment on.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::net::TcpStream;
use tower_oauth2_password::{
    model::{
        AccessToken, Chain, Clock, Family, FamilyId, Lifetime, RefreshToken, Rotation, Salt,
        Session, TokenPrefix,
    },
    store::{StoreError, TokenStore},
};

use super::refresh::meera;

/// What the tests set as the time-out of a store.
pub const TIMEOUT: Duration = Duration::from_millis(300);
/// When a call must be back at the latest, on a busy machine too.
const BOUND: Duration = Duration::from_millis(1500);

/// A port on which every connection is accepted and no answer is ever given.
pub fn silent_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A failure within the time-out, and no success.
#[track_caller]
fn assert_failed<T: std::fmt::Debug>(what: &str, begun: Instant, done: Result<T, StoreError>) {
    let error = done.expect_err(what).to_string();
    let told = "the store could not be asked: ";
    assert!(error.starts_with(told), "{what}: {error}");
    let took = begun.elapsed();
    assert!(took < BOUND, "{what} took {took:?}");
}

/// A call that must fail within the time-out.
pub async fn fails<T: std::fmt::Debug>(
    what: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) {
    let begun = Instant::now();
    assert_failed(what, begun, call.await);
}

/// Every verb fails within the time-out.
pub async fn every_verb_fails<T: TokenStore>(tokens: &T) {
    let now = Clock::system().now();
    let prefix = TokenPrefix::default();
    let refresh = RefreshToken::generate(&prefix).unwrap();
    let (id, end) = (refresh.family(), now + Lifetime::HOUR);
    let access = AccessToken::generate(&prefix).unwrap().digest();
    let session = Session::new(meera(), now, end).with_family(id);
    let chain = Chain::new(refresh.digest(), end, end);
    let family = Family::new(id, meera(), now, end).with_chain(chain);
    let salt = Salt::generate().unwrap();
    let (successor, next) = refresh.successors(&prefix, &salt);
    let rotation = Rotation::new(
        refresh.digest(),
        next.digest(),
        end,
        successor.digest(),
        session.clone(),
        salt,
    );

    fails("insert", tokens.insert(family, access, session)).await;
    fails("find_access", tokens.find_access(access)).await;
    fails("find_family", tokens.find_family(id)).await;
    fails("find_families", tokens.find_families(&meera())).await;
    fails("rotate", tokens.rotate(id, rotation)).await;
    fails("revoke_access", tokens.revoke_access(access)).await;
    fails(
        "revoke_family",
        tokens.revoke_family(FamilyId::generate().unwrap()),
    )
    .await;
    fails("revoke_subject", tokens.revoke_subject(&meera())).await;
}

/// Stands before a server. Once it is silenced, what was connected stays connected and hears
/// nothing any more, as when a machine is gone without a word.
pub struct Relay {
    pub port: u16,
    silent: Arc<AtomicBool>,
}

impl Relay {
    pub async fn before(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.unwrap();
        let own = listener.local_addr().unwrap().port();
        let silent = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&silent);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server, Arc::clone(&flag)));
            }
        });
        Self { port: own, silent }
    }

    /// From now on nothing gets through.
    pub fn silence(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// From now on new connections work. Those from before stay silent.
    pub fn let_new_ones_through(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }
}

async fn relay(client: TcpStream, server: SocketAddr, silent: Arc<AtomicBool>) {
    let server = TcpStream::connect(server).await.unwrap();
    let mut dead = silent.load(Ordering::SeqCst);
    let mut buffer = vec![0; 1 << 16];
    loop {
        dead |= silent.load(Ordering::SeqCst);
        if dead {
            // Both ends stay open for as long as the test runs.
            std::future::pending::<()>().await;
        }
        let (from, to) = tokio::select! {
            _ = client.readable() => (&client, &server),
            _ = server.readable() => (&server, &client),
            () = tokio::time::sleep(Duration::from_millis(10)) => continue,
        };
        dead |= silent.load(Ordering::SeqCst);
        if dead {
            continue;
        }
        let count = match from.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        };
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            if to.writable().await.is_err() {
                return;
            }
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
