use super::{
    Sql,
    engine::{Column, Statement},
};
use crate::model::Family;

/// How many expired rows of a table are deleted at once.
pub(super) const PURGED_AT_ONCE: usize = 512;

pub(super) const SESSION: &[Column] = &[
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Bytes,
    Column::Int,
    Column::Int,
];
pub(super) const FAMILY: &[Column] = &[
    Column::Bytes,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Int,
    Column::Int,
    Column::Int,
    Column::Int,
    Column::Bytes,
    Column::Bytes,
];
/// What a statement returns of which only the number of rows matters.
pub(super) const COUNT: &[Column] = &[];

/// What is said to the database about logins.
pub(super) struct Statements {
    pub(super) insert_family: Statement,
    pub(super) insert_token: Statement,
    pub(super) find_access: Statement,
    pub(super) find_family: Statement,
    pub(super) lock_family: Statement,
    pub(super) find_families: Statement,
    pub(super) update_family: Statement,
    pub(super) drop_old_tokens: Statement,
    pub(super) revoke_access: Statement,
    pub(super) revoke_family: Statement,
    pub(super) revoke_subject: Statement,
    pub(super) purge: [Statement; 3],
}

impl Statements {
    pub(super) fn new(sql: &Sql) -> Self {
        const COLUMNS: &str = "SELECT id, subject, client, scope, label, created_at, ordinal, refreshed_at, \
                              expires_at, chain, windows FROM {families}";
        let dialect = sql.engine.dialect();
        let (lock, skip) = (dialect.for_update, dialect.skip_locked);
        let purge = |table: &str, key: &str| {
            sql.statement(&format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} \
                 WHERE expires_at <= $1 ORDER BY expires_at LIMIT {PURGED_AT_ONCE} {skip})"
            ))
        };
        Self {
            insert_family: sql.statement(
                "INSERT INTO {families} (id, subject, client, scope, label, created_at, \
                 ordinal, refreshed_at, expires_at, chain, windows, windows_end_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT DO NOTHING RETURNING 1",
            ),
            insert_token: sql.statement(
                "INSERT INTO {tokens} (digest, family, scope, issued_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
            ),
            find_access: sql.statement(
                "SELECT f.subject, f.client, t.scope, t.family, t.issued_at, t.expires_at \
                 FROM {tokens} t JOIN {families} f ON f.id = t.family WHERE t.digest = $1",
            ),
            find_family: sql.statement(&format!("{COLUMNS} WHERE id = $1")),
            lock_family: sql.statement(&format!("{COLUMNS} WHERE id = $1 {lock}")),
            find_families: sql.statement(&format!("{COLUMNS} WHERE subject = $1")),
            update_family: sql.statement(
                "UPDATE {families} SET refreshed_at = $2, expires_at = $3, chain = $4, \
                 windows = $5, windows_end_at = $6 WHERE id = $1",
            ),
            drop_old_tokens: sql.statement(&format!(
                "DELETE FROM {{tokens}} WHERE family = $1 AND digest <> $2 AND digest NOT IN \
                 (SELECT digest FROM {{tokens}} WHERE family = $1 \
                 ORDER BY issued_at DESC LIMIT {})",
                Family::MAX_ACCESS_TOKENS
            )),
            revoke_access: sql.statement("DELETE FROM {tokens} WHERE digest = $1 RETURNING 1"),
            revoke_family: sql.statement("DELETE FROM {families} WHERE id = $1 RETURNING 1"),
            revoke_subject: sql.statement("DELETE FROM {families} WHERE subject = $1 RETURNING 1"),
            purge: [
                purge("{tokens}", "digest"),
                purge("{families}", "id"),
                sql.statement(&format!(
                    "UPDATE {{families}} SET windows = NULL, windows_end_at = NULL \
                     WHERE id IN (SELECT id FROM {{families}} WHERE windows_end_at <= $1 \
                     ORDER BY windows_end_at LIMIT {PURGED_AT_ONCE} {skip})",
                )),
            ],
        }
    }
}
