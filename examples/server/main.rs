//! The reference server: log in with a password, call protected routes with the token.
//!
//! ```sh
//! cargo run --example server
//! cargo run --example server -- --help
//! ```

mod app;
mod args;
mod docs;
mod metrics;
mod serve;
mod stores;
mod web;

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use tokio::{net::TcpListener, signal};
use tower_oauth2_password::{
    model::PublicUrl,
    store::{TokenStore, UserStore},
};

use args::{Args, Login};
use stores::{Health, Named, Serve};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    stores::open(args, Server { args }).await
}

struct Server<'a> {
    args: &'a Args,
}

impl Serve for Server<'_> {
    async fn serve<U, T>(self, users: U, tokens: T, health: Health) -> Result<(), Box<dyn Error>>
    where
        U: UserStore<User: Named>,
        T: TokenStore,
    {
        let args = self.args;
        let listener =
            TcpListener::bind(&args.listen)
                .await
                .map_err(|error| match error.kind() {
                    ErrorKind::AddrInUse => {
                        format!("{} is in use; choose another with --listen", args.listen)
                    }
                    _ => format!("cannot listen on {}: {error}", args.listen),
                })?;
        let address = listener.local_addr()?;
        let url = public_url(args, address);
        let flow = app::flow(users, tokens, args)?;
        let app = app::router(flow, args, url.as_ref(), health)?;
        print_help(address, args, url.as_ref());
        if let Some(address) = &args.metrics {
            metrics::serve(address).await?;
        }
        let header_time = Duration::from_secs(args.header_timeout.into());
        serve::serve(listener, app, header_time, stop_signal()).await;
        println!("stopped");
        Ok(())
    }
}

/// Never from a request's `Host`, which the client chooses.
fn public_url(args: &Args, address: SocketAddr) -> Option<PublicUrl> {
    let own = || format!("http://{address}").parse().ok();
    args.public_url.clone().or_else(own)
}

/// Ctrl-C, or what service managers send.
async fn stop_signal() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();

    tokio::select! {
        interrupted = signal::ctrl_c() => {
            if let Err(error) = interrupted {
                eprintln!("Ctrl-C cannot be caught: {error}");
                std::future::pending::<()>().await;
            }
        }
        () = terminated => {}
    }
}

fn print_help(address: SocketAddr, args: &Args, url: Option<&PublicUrl>) {
    let Some(Login { name, password }) = args.users.first() else {
        return;
    };
    let base = format!("http://{address}");
    println!("Listening on {base}; Ctrl-C stops it. Try in another terminal:\n");
    let name = quote(&format!("username={name}"));
    let password = quote(&format!("password={password}"));
    // A confidential client's secret is not printed.
    let client = args.clients.first().map_or(String::new(), |client| {
        let id = quote(client.id().as_str());
        if client.is_public() {
            format!("-d client_id={id} ")
        } else {
            format!("-u {id}:SECRET ")
        }
    });
    println!(
        "  # log in
  curl {client}-d grant_type=password --data-urlencode {name} --data-urlencode {password} {base}/token

  # use the token
  curl --oauth2-bearer TOKEN {base}/me
  curl --oauth2-bearer TOKEN {base}/items
  curl --oauth2-bearer TOKEN {base}/sessions
  curl {base}/public
"
    );
    if args.refresh().is_some() {
        println!(
            "  # get the next token without the password
  curl {client}-d grant_type=refresh_token -d refresh_token=REFRESH_TOKEN {base}/token
"
        );
    }
    // The access token alone would leave the refresh token good.
    let token = match args.refresh() {
        Some(_) => "REFRESH_TOKEN",
        None => "TOKEN",
    };
    println!(
        "  # log out
  curl {client}-d token={token} {base}/revoke

  # or, instead, log out everywhere
  curl -X POST --oauth2-bearer TOKEN {base}/logout-everywhere
"
    );
    println!(
        "  # or do all that in a browser: the page, and the API in Swagger UI
  {base}/
  {base}/docs
"
    );
    if url.is_none() {
        println!(
            "  Without --public-url there are no metadata documents: {address} is no https address.\n"
        );
    }
}

/// Quotes a word for the shell, where it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=._-@".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
