//! Connections: what `axum::serve` does, with a limit on the time that each may take to say what it
//! wants.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time,
};
use tower::ServiceExt;

/// How long requests may go on when the server stops.
const GRACE: Duration = Duration::from_secs(30);
/// How often a silent HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// How many requests an HTTP/2 connection may have open.
const STREAMS: u32 = 100;

/// Serves `app` until `stop`, and then lets requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    header_time: Duration,
    stop: impl Future<Output = ()>,
) {
    // Routes and layers are put together now, as `axum::serve` does, instead of at every request.
    let app = app.with_state(());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS);
    let builder = Arc::new(builder);
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, say: those in use will come back.
                    eprintln!("cannot accept: {error}");
                    time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = Connection {
            stream,
            peer,
            app: app.clone(),
            watcher: open.watcher(),
        };
        tokio::spawn(connection.serve(Arc::clone(&builder), header_time));
    }
    drop(listener);
    if time::timeout(GRACE, open.shutdown()).await.is_err() {
        eprintln!("some connections did not end in time");
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    watcher: Watcher,
}

impl Connection {
    async fn serve(self, builder: Arc<auto::Builder<TokioExecutor>>, header_time: Duration) {
        let Self {
            stream, peer, app, ..
        } = self;
        let asked = Arc::new(Notify::new());
        let asks = Arc::clone(&asked);
        let app = app.map_request(move |mut request: Request<Incoming>| {
            asks.notify_one();
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        // An answer is one write, which nothing need be waited for.
        stream.set_nodelay(true).ok();
        let service = TowerToHyperService::new(app);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(self.watcher.watch(connection));
        // Whether it speaks HTTP/1 or 2 its first bytes say. While hyper waits for those it has no
        // limit, so the first request has one here.
        tokio::select! {
            // Whoever breaks a connection off need not be in the log.
            _ = connection.as_mut() => return,
            first = time::timeout(header_time, asked.notified()) => if first.is_err() {
                return;
            },
        }
        connection.await.ok();
    }
}
