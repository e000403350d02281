//! What `RedisTokens` does, by the `redis` crate alone.

use std::{hint::black_box, sync::LazyLock, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::try_join;
use redis::{
    Client, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tower_oauth2_password::model::{FamilyId, TokenDigest};

use crate::logins::{FamilyRow, Login, Refresh, Side, TokenRow};

const SLACK: i64 = 60;

static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
        redis.call('HSET', KEYS[1], unpack(ARGV, 2))
        redis.call('EXPIREAT', KEYS[1], ARGV[1])
        return 1",
    )
});

static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
        redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
        redis.call('EXPIREAT', KEYS[1], string.format('%d', last[2] + ARGV[4]))
        return 1",
    )
});

static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], 'expires_at') == 0 then return 0 end
        local chain = redis.call('HGET', KEYS[1], 'chain')
        if chain == ARGV[2] then return 1 end
        if chain ~= ARGV[1] then return 0 end
        redis.call('HSET', KEYS[1], 'chain', ARGV[2], 'refreshed_at', ARGV[5],
            'expires_at', ARGV[6], 'access', ARGV[7])
        redis.call('EXPIREAT', KEYS[1], ARGV[8])
        if ARGV[3] == '' then
            redis.call('DEL', KEYS[2])
        else
            redis.call('SET', KEYS[2], ARGV[3], 'EXAT', ARGV[4])
        end
        return 1",
    )
});

const SESSION: [&str; 6] = [
    "subject",
    "client",
    "scope",
    "family",
    "issued_at",
    "expires_at",
];

const FAMILY: [&str; 10] = [
    "subject",
    "client",
    "scope",
    "label",
    "created_at",
    "order",
    "refreshed_at",
    "expires_at",
    "chain",
    "access",
];

type SessionFields = (
    String,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    i64,
    i64,
);
type FamilyFields = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    Vec<u8>,
    Vec<u8>,
);

pub struct RawRedis(ConnectionManager);

impl RawRedis {
    pub fn open(url: &str) -> Self {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(200))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)));
        let client = Client::open(url).unwrap();
        Self(ConnectionManager::new_lazy_with_config(client, config).unwrap())
    }

    async fn insert_family(&self, family: &FamilyRow, access: &[u8]) {
        let mut insert = INSERT.key(family_key(family.id));
        insert.arg(family.expires_at + SLACK);
        insert.arg("subject").arg(&family.subject);
        if let Some(client) = &family.client {
            insert.arg("client").arg(client);
        }
        insert.arg("scope").arg(&family.scope);
        if let Some(label) = &family.label {
            insert.arg("label").arg(label);
        }
        insert
            .arg("chain")
            .arg(&family.chain[..])
            .arg("created_at")
            .arg(family.created_at)
            .arg("order")
            .arg(family.order)
            .arg("refreshed_at")
            .arg(family.refreshed_at)
            .arg("expires_at")
            .arg(family.expires_at)
            .arg("access")
            .arg(access);
        let inserted: bool = insert.invoke_async(&mut self.0.clone()).await.unwrap();
        assert!(inserted);
    }

    async fn save_session(&self, family: &FamilyRow, token: &TokenRow) {
        let mut insert = INSERT.key(access_key(token.digest));
        insert.arg(token.expires_at + SLACK);
        insert.arg("subject").arg(&family.subject);
        if let Some(client) = &family.client {
            insert.arg("client").arg(client);
        }
        insert
            .arg("scope")
            .arg(&token.scope)
            .arg("family")
            .arg(&family.id.as_bytes()[..])
            .arg("issued_at")
            .arg(token.issued_at)
            .arg("expires_at")
            .arg(token.expires_at);
        let mut list = LIST.key(format!("oauth:s:{}", family.subject));
        list.arg(&family.id.as_bytes()[..])
            .arg(family.expires_at)
            .arg(token.issued_at - SLACK)
            .arg(SLACK);
        let (mut connection, mut other) = (self.0.clone(), self.0.clone());
        let insert = insert.invoke_async::<bool>(&mut connection);
        let saved = try_join(insert, list.invoke_async::<bool>(&mut other)).await;
        assert!(saved.unwrap().0);
    }
}

impl Side for RawRedis {
    async fn look_up(&self, access: TokenDigest) {
        let mut command = redis::cmd("HMGET");
        command.arg(access_key(access)).arg(&SESSION);
        let fields: SessionFields = command.query_async(&mut self.0.clone()).await.unwrap();
        black_box(fields);
    }

    async fn log_in(&self, login: Login) {
        self.insert_family(&login.family_row, &login.access_field)
            .await;
        self.save_session(&login.family_row, &login.token_row).await;
    }

    async fn refresh(&self, refresh: Refresh) {
        let Refresh {
            family_row,
            token_row,
            ..
        } = refresh;
        let (family, windows) = (family_key(family_row.id), windows_key(family_row.id));
        let mut commands = redis::pipe();
        commands.cmd("HMGET").arg(&family).arg(&FAMILY);
        commands.cmd("GET").arg(&windows);
        let stored = commands
            .query_async::<(FamilyFields, Option<Vec<u8>>)>(&mut self.0.clone())
            .await;
        black_box(stored.unwrap());
        self.save_session(&family_row, &token_row).await;
        let mut rotate = ROTATE.key(family);
        rotate
            .key(windows)
            .arg(refresh.old_chain)
            .arg(family_row.chain)
            .arg("")
            .arg(0)
            .arg(family_row.refreshed_at)
            .arg(family_row.expires_at)
            .arg(refresh.access_field)
            .arg(family_row.expires_at + SLACK);
        let rotated: bool = rotate.invoke_async(&mut self.0.clone()).await.unwrap();
        assert!(rotated);
    }
}

fn access_key(access: TokenDigest) -> String {
    format!("oauth:a:{}", URL_SAFE_NO_PAD.encode(access.as_bytes()))
}

fn family_key(id: FamilyId) -> String {
    format!("oauth:f:{{{id}}}")
}

fn windows_key(id: FamilyId) -> String {
    format!("oauth:w:{{{id}}}")
}
