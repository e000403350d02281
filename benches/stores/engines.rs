//! The library and a driver, on each engine that is installed.

use std::{
    path::Path,
    process::{Command, Stdio},
    rc::Rc,
    time::Instant,
};

use futures_util::{StreamExt, stream};
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;
use tower_oauth2_password::{
    model::TokenDigest,
    store::{redis::RedisTokens, sql::Sql},
};

use crate::{
    duel::{Batch, Duel},
    logins::{self, Library, Login, Side},
    raw_redis::RawRedis,
    raw_sql::RawSql,
    servers::{Engine, Folder, Postgres, Redis},
};

/// How many logins there are before anything is measured.
const LOGINS: usize = 10_000;
/// The issue: less than 10 % beyond the driver.
const LIMIT: f64 = 1.10;

/// What runs for as long as this does. Each side has a database, or a server, of its own.
pub struct Engines {
    folder: Folder,
    postgres: Option<Postgres>,
    redis: Option<[Redis; 2]>,
}

impl Engines {
    pub fn start() -> Self {
        let debian = Path::new("/usr/lib/postgresql").exists();
        Self {
            folder: Folder::new(),
            postgres: (debian || is_installed("initdb")).then(Postgres::run),
            redis: is_installed("redis-server").then(|| [Redis::run(), Redis::run()]),
        }
    }

    pub fn duels<'a>(&self, runtime: &'a Runtime) -> Vec<Duel<'a>> {
        let mut duels = runtime.block_on(self.sqlite(runtime));
        match &self.postgres {
            Some(postgres) => duels.extend(runtime.block_on(on_postgres(runtime, postgres))),
            None => eprintln!("SKIPPED: PostgreSQL, as initdb is not installed"),
        }
        match &self.redis {
            Some(servers) => duels.extend(runtime.block_on(on_redis(runtime, servers))),
            None => eprintln!("SKIPPED: Redis, as redis-server is not installed"),
        }
        duels
    }

    async fn sqlite<'a>(&self, runtime: &'a Runtime) -> Vec<Duel<'a>> {
        let (ours, theirs) = (self.folder.join("ours.db"), self.folder.join("theirs.db"));
        let ours = Sql::sqlite(ours).await.unwrap();
        ours.migrate().await.unwrap();
        Sql::sqlite(&theirs).await.unwrap().migrate().await.unwrap();
        let theirs = RawSql::<sqlx::Sqlite>::open(&theirs).await;
        duels(runtime, "SQLite", Library(ours.tokens()), theirs).await
    }
}

async fn on_postgres<'a>(runtime: &'a Runtime, server: &Postgres) -> Vec<Duel<'a>> {
    let ours = server.url();
    let (address, _) = ours.rsplit_once('/').unwrap();
    let theirs = format!("{address}/theirs");
    execute(&ours, "CREATE DATABASE theirs").await;
    for url in [&ours, &theirs] {
        Sql::postgres(url).unwrap().migrate().await.unwrap();
    }
    let sql = Sql::postgres(&ours).unwrap();
    let raw = RawSql::<sqlx::Postgres>::open(&theirs);
    let duels = duels(runtime, "PostgreSQL", Library(sql.tokens()), raw).await;
    // What autovacuum does within a minute. Until then plans are those of an empty table, which is
    // read as a whole.
    for url in [&ours, &theirs] {
        execute(url, "VACUUM ANALYZE").await;
    }
    duels
}

async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await;
    done.unwrap();
}

async fn on_redis<'a>(runtime: &'a Runtime, [ours, theirs]: &[Redis; 2]) -> Vec<Duel<'a>> {
    let ours = RedisTokens::open(&ours.url()).unwrap();
    let theirs = RawRedis::open(&theirs.url());
    duels(runtime, "Redis", Library(ours), theirs).await
}

async fn duels<'a, A, B>(runtime: &'a Runtime, engine: &str, ours: A, theirs: B) -> Vec<Duel<'a>>
where
    A: Side + 'static,
    B: Side + 'static,
{
    let logins: Vec<_> = (0..LOGINS).map(|_| logins::make().0).collect();
    let known: Vec<_> = logins.iter().map(|login| login.access).collect();
    // Several at once, as they then share the waits for the disk.
    let log_in = async |login: Login| {
        ours.log_in(login.clone()).await;
        theirs.log_in(login).await;
    };
    stream::iter(logins).for_each_concurrent(8, log_in).await;
    let (ours, theirs, known) = (Rc::new(ours), Rc::new(theirs), Rc::new(known));
    let duel = |what, ours, theirs, batch, rounds| Duel {
        name: format!("store/{engine} {what}"),
        ours: ("library", ours),
        theirs: ("driver", theirs),
        batch,
        rounds,
        limit: LIMIT,
    };
    // A batch of 128 writes has the clearing away in it, which comes with every 128th.
    vec![
        duel(
            "look-up",
            look_ups(runtime, &ours, &known),
            look_ups(runtime, &theirs, &known),
            50,
            600,
        ),
        duel(
            "login",
            log_ins(runtime, &ours),
            log_ins(runtime, &theirs),
            128,
            60,
        ),
        duel(
            "refresh",
            refreshes(runtime, &ours),
            refreshes(runtime, &theirs),
            128,
            60,
        ),
    ]
}

fn look_ups<'a, S: Side + 'static>(
    runtime: &'a Runtime,
    side: &Rc<S>,
    known: &Rc<Vec<TokenDigest>>,
) -> Batch<'a> {
    let (side, known) = (Rc::clone(side), Rc::clone(known));
    let mut next = 0;
    Box::new(move |count| {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..count {
                next = (next + 1) % known.len();
                side.look_up(known[next]).await;
            }
            start.elapsed()
        })
    })
}

fn log_ins<'a, S: Side + 'static>(runtime: &'a Runtime, side: &Rc<S>) -> Batch<'a> {
    let side = Rc::clone(side);
    Box::new(move |count| {
        let logins: Vec<_> = (0..count).map(|_| logins::make().0).collect();
        runtime.block_on(async {
            let start = Instant::now();
            for login in logins {
                side.log_in(login).await;
            }
            start.elapsed()
        })
    })
}

fn refreshes<'a, S: Side + 'static>(runtime: &'a Runtime, side: &Rc<S>) -> Batch<'a> {
    let side = Rc::clone(side);
    Box::new(move |count| {
        runtime.block_on(async {
            let mut refreshes = Vec::new();
            for _ in 0..count {
                let (login, refresh) = logins::make();
                side.log_in(login).await;
                refreshes.push(refresh);
            }
            let start = Instant::now();
            for refresh in refreshes {
                side.refresh(refresh).await;
            }
            start.elapsed()
        })
    })
}

fn is_installed(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
