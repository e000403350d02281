//! What only a file can do to us: missing, foreign, locked by another process, on a full disk.

use std::{fs, path::Path, process::Command};

use sqlx::{Connection, Executor, SqliteConnection};
use tower_oauth2_password::store::sql::Sql;

use crate::support::{
    LOGIN,
    databases::{Database, add_user},
    eventually,
    refresh::{call_api, first_pair, meera, refresh},
    send,
    servers::Folder,
    silence::{TIMEOUT, fails},
    token_request,
};

/// An error that says where to look, and no panic.
#[tokio::test]
async fn a_file_that_cannot_be_opened_is_an_error() {
    let folder = Folder::new();
    Sql::sqlite(folder.join("missing/logins.db"))
        .await
        .unwrap_err();
    Sql::sqlite(folder.join("")).await.unwrap_err();
    fs::write(
        folder.join("text.db"),
        "no database, but a text ".repeat(400),
    )
    .unwrap();
    Sql::sqlite(folder.join("text.db")).await.unwrap_err();
}

/// Names that mean something in a URL or to SQLite mean a file here.
#[tokio::test]
async fn a_file_may_have_any_name() {
    let folder = Folder::new();
    for name in [
        "with space.db",
        "a?mode=memory",
        "file:x.db",
        "100%25.db",
        "caf\u{e9}.db",
        ":memory:",
    ] {
        let sql = Sql::sqlite(folder.join(name)).await.unwrap();
        sql.migrate().await.unwrap();
        assert!(folder.join(name).is_file(), "{name}");
    }
}

/// "It is kept in WAL mode": readers do not wait for a writer, here one that never ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_locked_is_read_and_given_up_for_writing_in_time() {
    let mut database = Database::sqlite().await.migrated().await;
    database.sql = database.sql.with_timeout(TIMEOUT);
    let (flow, _clock) = database.flow().await;
    let pair = first_pair(&flow).await;
    let crate::support::databases::Raw::Sqlite(pool) = &database.raw else {
        unreachable!()
    };
    let mut other = pool.acquire().await.unwrap();
    assert_eq!(database.raw.number("PRAGMA foreign_keys").await, 1);
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    for _ in 0..3 {
        fails("revoke_subject", flow.revoke_subject(&meera())).await;
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        answer.expect_retry_later();
        refresh(&flow, &pair.refresh).await.expect_retry_later();
        call_api(&flow, &pair.access).await.expect_let_in();
    }
    other.execute("ROLLBACK").await.unwrap();
    // What was given up holds no lock either.
    let login = async || send(flow.token_service(), token_request(LOGIN)).await;
    eventually(async || login().await.status.as_u16() == 200).await;
    let next = refresh(&flow, &pair.refresh).await;
    // The logout of before may have been waiting for the lock: "it may not have been ended".
    if next.status.as_u16() == 200 {
        call_api(&flow, &next.pair().access).await.expect_let_in();
    }
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    other.execute("ROLLBACK").await.unwrap();
}

/// A file system of so many bytes, which goes with its value.
struct SmallDisk(Folder);

impl SmallDisk {
    fn mount(bytes: u32) -> Option<Self> {
        let folder = Folder::new();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]);
        let mounted = mount.arg(folder.join("")).status().ok()?;
        mounted.success().then_some(Self(folder))
    }

    fn fill(&self) {
        let file = self.0.join("ballast");
        for size in [65536, 4096] {
            let mut grown = fs::OpenOptions::new();
            let mut grown = grown.create(true).append(true).open(&file).unwrap();
            while std::io::Write::write_all(&mut grown, &vec![7; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let folder = self.0.join("");
        Command::new("umount").arg("-l").arg(folder).status().ok();
    }
}

/// Whoever is logged in stays so, nobody is let in that was not saved, and nothing is broken after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root, who may mount a small disk"]
async fn a_full_disk_ends_logins_until_there_is_room() {
    let disk = SmallDisk::mount(1 << 20).expect("only root may mount a small disk");
    let sql = Sql::sqlite(disk.0.join("logins.db")).await.unwrap();
    sql.migrate().await.unwrap();
    add_user(&sql.users(), "meera", "secret123").await;
    let flow = tower_oauth2_password::PasswordFlow::new(sql.users(), sql.tokens())
        .with_hasher(crate::support::fast())
        .with_refresh(tower_oauth2_password::token::Refresh::default());
    let pair = first_pair(&flow).await;
    disk.fill();
    let login = async || send(flow.token_service(), token_request(LOGIN)).await;
    // What is left in the last block of the log takes a few.
    eventually(async || login().await.status.as_u16() == 503).await;
    login().await.expect_retry_later();
    call_api(&flow, &pair.access).await.expect_let_in();
    let before = flow.families(&meera()).await.unwrap().len();
    refresh(&flow, &pair.refresh).await.expect_retry_later();
    flow.revoke_subject(&meera()).await.unwrap_err();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), before);

    disk.empty();
    let next = refresh(&flow, &pair.refresh).await.pair();
    call_api(&flow, &next.access).await.expect_let_in();
    let integrity = check(&disk.0.join("logins.db")).await;
    assert_eq!(integrity, "ok");
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), before);
}

async fn check(file: &Path) -> String {
    let url = format!("sqlite://{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let check = sqlx::query_scalar("PRAGMA integrity_check");
    check.fetch_one(&mut connection).await.unwrap()
}
