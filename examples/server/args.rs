//! What can be set from outside.

use std::{error::Error, num::NonZeroUsize, str::FromStr, thread, time::Duration};

use clap::Parser;
use tower_oauth2_password::{
    model::{ClientId, ClientSecret, Lifetime, PublicUrl, Scope},
    password::{Bcrypt, HashingPool},
    store::Client,
    token::{Limits, Refresh},
};

use crate::stores::Place;

/// Log in with a password, get a bearer token, call the API.
#[derive(Parser)]
#[command(name = "server")]
pub(crate) struct Args {
    /// Address to listen on, as HOST:PORT
    #[arg(
        long,
        env = "LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8000"
    )]
    pub(crate) listen: String,

    /// A user who may log in, as NAME:PASSWORD; the password is all after the first colon.
    /// Repeat for more users
    #[arg(
        long = "user",
        value_name = "NAME:PASSWORD",
        default_value = "meera:secret123"
    )]
    pub(crate) users: Vec<Login>,

    /// What tokens of these users may allow, separated by spaces
    #[arg(
        long,
        env = "SCOPES",
        value_name = "SCOPE",
        default_value = "me items:read"
    )]
    pub(crate) scopes: Scope,

    /// Cost of password hashes, 4 to 31; each step doubles the time of a login
    #[arg(
        long = "bcrypt-cost",
        env = "BCRYPT_COST",
        value_name = "COST",
        default_value = "12"
    )]
    #[arg(value_parser = parse_cost)]
    pub(crate) hasher: Bcrypt,

    /// How long an access token lives, in seconds
    #[arg(
        long,
        env = "ACCESS_TTL",
        value_name = "SECONDS",
        default_value = "3600"
    )]
    #[arg(value_parser = parse_lifetime)]
    pub(crate) access_ttl: Lifetime,

    /// How long an unused refresh token lives, in seconds; 0 turns refresh tokens off
    #[arg(
        long,
        env = "REFRESH_TTL",
        value_name = "SECONDS",
        default_value = "1209600"
    )]
    pub(crate) refresh_ttl: u32,

    /// For how many seconds a spent refresh token gets the same new tokens again; 10 suits
    /// clients that may refresh twice at once. 0 ends the login of whoever does
    #[arg(long, env = "GRACE", value_name = "SECONDS", default_value = "0")]
    pub(crate) grace: u32,

    /// Where logins are kept: memory, sqlite:PATH, postgres://... or redis://...; users too, but
    /// beside Redis, where they stay in memory
    #[arg(long, env = "STORE", value_name = "STORE", default_value = "memory")]
    pub(crate) store: Place,

    /// For how many seconds what was read from the store is answered again without asking it, and
    /// so how long a token is good here that another server has revoked
    #[arg(long, env = "STALENESS", value_name = "SECONDS", default_value = "5")]
    pub(crate) staleness: u32,

    /// Neither tell other servers of revocations nor listen to theirs
    #[arg(long)]
    pub(crate) no_news: bool,

    /// How many seconds the store may take before a request is answered with 503
    #[arg(
        long,
        env = "STORE_TIMEOUT",
        value_name = "SECONDS",
        default_value = "2"
    )]
    pub(crate) store_timeout: u32,

    /// How many seconds the body of a login may take before it is answered with 408
    #[arg(
        long,
        env = "BODY_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10"
    )]
    pub(crate) body_timeout: u32,

    /// How many seconds the header of a request may take, and a connection wait for one, before the
    /// connection is closed
    #[arg(
        long,
        env = "HEADER_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10"
    )]
    pub(crate) header_timeout: u32,

    /// How many bytes the body of a login may have
    #[arg(long, env = "MAX_BODY", value_name = "BYTES", default_value = "16384")]
    pub(crate) max_body: usize,

    /// How many passwords are hashed at a time; one for each core if it is left out
    #[arg(long, env = "HASHING_THREADS", value_name = "NUMBER")]
    pub(crate) hashing_threads: Option<NonZeroUsize>,

    /// How many logins wait for that before the next is answered with 503; 16 for each thread if it
    /// is left out
    #[arg(long, env = "WAITING_LOGINS", value_name = "NUMBER")]
    pub(crate) waiting_logins: Option<usize>,

    /// Let everybody guess at passwords as fast as the hashing goes. Without this, servers on one
    /// Redis count failures together, and over other stores each for itself
    #[arg(long)]
    pub(crate) no_throttle: bool,

    /// How many proxies of yours stand in front, each of which appends the address that it saw to
    /// X-Forwarded-For; 0 takes the address of the connection
    #[arg(long, env = "PROXIES", value_name = "NUMBER", default_value = "0")]
    pub(crate) proxies: usize,

    /// A client that may log users in, as ID or, with a random secret of its own, ID:SECRET. The
    /// latter may introspect tokens too. Repeat for more clients; without any, no client has to
    /// say who it is
    #[arg(long = "client", value_name = "ID[:SECRET]", value_parser = parse_client)]
    pub(crate) clients: Vec<Client>,

    /// Address to serve metrics on at /metrics, as HOST:PORT, for Prometheus alone: whoever reaches
    /// it can read them
    #[arg(long, env = "METRICS", value_name = "HOST:PORT")]
    pub(crate) metrics: Option<String>,

    /// Where clients reach this server, for its metadata documents; needed unless it listens on
    /// loopback
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
}

impl Args {
    /// How logins are carried on, if they are.
    pub(crate) fn refresh(&self) -> Option<Refresh> {
        let idle = Lifetime::new(Duration::from_secs(self.refresh_ttl.into())).ok()?;
        let grace = Duration::from_secs(self.grace.into());
        Some(
            Refresh::default()
                .with_idle_lifetime(idle)
                .with_grace(grace),
        )
    }

    /// What the body of a login may take.
    pub(crate) fn limits(&self) -> Limits {
        Limits::default()
            .with_body_bytes(self.max_body)
            .with_body_time(self.body_time())
    }

    pub(crate) fn body_time(&self) -> Duration {
        Duration::from_secs(self.body_timeout.into())
    }

    /// How many logins are at work and wait.
    pub(crate) fn pool(&self) -> HashingPool {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = self.hashing_threads.unwrap_or_else(cores);
        let waiting = self.waiting_logins.unwrap_or(16 * threads.get());
        HashingPool::new(threads, waiting)
    }
}

fn parse_cost(text: &str) -> Result<Bcrypt, Box<dyn Error + Send + Sync>> {
    Ok(Bcrypt::new(text.parse()?)?)
}

fn parse_lifetime(text: &str) -> Result<Lifetime, Box<dyn Error + Send + Sync>> {
    Ok(Lifetime::new(Duration::from_secs(text.parse()?))?)
}

fn parse_client(text: &str) -> Result<Client, Box<dyn Error + Send + Sync>> {
    match text.split_once(':') {
        None => Ok(Client::public(ClientId::new(text)?)),
        Some((_, "")) => Err("expected ID or ID:SECRET, with neither of them empty".into()),
        Some((id, secret)) => {
            let secret = ClientSecret::new(secret).digest();
            Ok(Client::confidential(ClientId::new(id)?, secret).with_introspection(true))
        }
    }
}

#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl FromStr for Login {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => Ok(Self {
                name: name.to_owned(),
                password: password.to_owned(),
            }),
            _ => Err("expected NAME:PASSWORD, with neither of them empty"),
        }
    }
}
