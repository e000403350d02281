use std::{fmt, sync::Arc};

use super::{
    Reader, Sql,
    engine::{Column, Statement, Value},
    flag,
    rows::read_scope,
    text,
};
use crate::{
    model::{ClientId, Scope, SecretDigest},
    store::{Client, ClientStore, GrantType, StoreError},
};

const CLIENT: &[Column] = &[Column::Bytes, Column::Text, Column::Text, Column::Int];

/// Clients in a SQL database. A clone is the same store.
#[derive(Clone)]
pub struct SqlClients {
    sql: Sql,
    statements: Arc<Statements>,
}

struct Statements {
    save: Statement,
    find: Statement,
    remove: Statement,
}

impl SqlClients {
    pub(super) fn new(sql: &Sql) -> Self {
        let statements = Statements {
            save: sql.statement(
                "INSERT INTO {clients} (id, secret, grants, scope, introspects) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET secret = $2, \
                 grants = $3, scope = $4, introspects = $5",
            ),
            find: sql.statement(
                "SELECT secret, grants, scope, introspects FROM {clients} WHERE id = $1",
            ),
            remove: sql.statement("DELETE FROM {clients} WHERE id = $1 RETURNING 1"),
        };
        Self {
            statements: Arc::new(statements),
            sql: sql.clone(),
        }
    }

    /// Saves a client, in place of one with the same id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been saved.
    pub async fn save(&self, client: &Client) -> Result<(), StoreError> {
        let secret = client.secret().map(|secret| secret.as_bytes().to_vec());
        let grants = GRANTS.iter().filter(|(grant, _)| client.may_use(*grant));
        let grants: Vec<_> = grants.map(|(_, name)| *name).collect();
        let row = vec![
            text(client.id().as_str()),
            Value::Bytes(secret),
            text(grants.join(" ")),
            Value::Text(client.scope().map(Scope::to_string)),
            flag(client.may_introspect()),
        ];
        self.sql.write(&self.statements.save, row, &[]).await?;
        Ok(())
    }

    /// Removes a client and says whether there was one. Its tokens stay until they expire, but
    /// cannot be refreshed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been removed.
    pub async fn remove(&self, id: &ClientId) -> Result<bool, StoreError> {
        let id = vec![text(id.as_str())];
        let rows = self.sql.write(&self.statements.remove, id, &[]).await?;
        Ok(!rows.is_empty())
    }
}

const GRANTS: [(GrantType, &str); 2] = [
    (GrantType::Password, "password"),
    (GrantType::RefreshToken, "refresh_token"),
];

impl ClientStore for SqlClients {
    async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let key = vec![text(id.as_str())];
        let rows = self.sql.read(&self.statements.find, key, CLIENT).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Reader::new("client", row);
        let mut client = match row.optional_bytes()? {
            None => Client::public(id.clone()),
            Some(secret) => {
                let secret = secret.try_into().map_err(|_| super::damaged("client"))?;
                Client::confidential(id.clone(), SecretDigest::from_bytes(secret))
            }
        };
        let grants = row.text()?;
        let named = |name: &str| grants.split(' ').any(|own| own == name);
        let grants = GRANTS.iter().filter(|(_, name)| named(name));
        client = client.with_grants(grants.map(|(grant, _)| *grant).collect::<Vec<_>>());
        if let Some(scope) = row.optional_text()? {
            let scope = read_scope(&scope).map_err(|_| super::damaged("client"))?;
            client = client.with_scope(scope);
        }
        Ok(Some(client.with_introspection(row.int()? == 1)))
    }
}

impl fmt::Debug for SqlClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlClients")
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}
