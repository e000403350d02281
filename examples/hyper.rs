//! The same as the `axum` example on plain hyper, without a framework.
//!
//! ```sh
//! cargo run --example hyper
//! curl -d grant_type=password -d username=meera -d password=secret123 127.0.0.1:8000/token
//! curl --oauth2-bearer TOKEN 127.0.0.1:8000/me
//! ```

use std::{convert::Infallible, env, error::Error, pin::pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, signal, time};
use tower::{ServiceBuilder, service_fn};
use tower_oauth2_password::{Authenticated, MemoryTokens, MemoryUsers, PasswordFlow};

struct User {
    name: String,
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // Behind a `BearerLayer` that is not optional there is always a user.
    let user = request.extensions().get::<Authenticated<User>>();
    let (status, text) = match (request.uri().path(), user) {
        ("/me", Some(user)) => (StatusCode::OK, user.name.clone()),
        _ => (StatusCode::NOT_FOUND, "no such page".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let meera = User {
        name: "Meera".to_owned(),
    };
    let users = MemoryUsers::new().with_user("meera", "secret123", meera)?;
    let flow = PasswordFlow::new(users, MemoryTokens::new());
    let service = ServiceBuilder::new()
        .layer(flow.token_layer("/token")?) // POST /token logs in
        .layer(flow.bearer_layer()) // guards what is below it
        .service(service_fn(handle));

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!(
        "Listening on http://{}; Ctrl-C stops it",
        listener.local_addr()?
    );

    let server = auto::Builder::new(TokioExecutor::new());
    let open = GracefulShutdown::new();
    let mut stop = pin!(signal::ctrl_c());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => stream,
                Err(error) => {
                    // Out of file descriptors, say: those in use will come back.
                    eprintln!("cannot accept: {error}");
                    time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            stopped = &mut stop => break stopped?,
        };
        let service = TowerToHyperService::new(service.clone());
        let connection = server
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
    drop(listener);
    if time::timeout(Duration::from_secs(10), open.shutdown())
        .await
        .is_err()
    {
        eprintln!("some connections did not end in time");
    }
    Ok(())
}
