//! An application's own tables behind `UserStore` and `TokenStore`.
//!
//! The tables are maps here; where one is locked, yours would run the statement beside it.
//!
//! ```sh
//! cargo run --example custom_store
//! curl -d grant_type=password -d username=meera -d password=secret123 127.0.0.1:8000/token
//! curl --oauth2-bearer TOKEN 127.0.0.1:8000/me
//! ```

use std::{collections::HashMap, env, error::Error, sync::Arc};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, signal, sync::Mutex};
use tower_oauth2_password::{
    Authenticated, PasswordFlow,
    model::{
        Family, FamilyId, Password, PasswordHash, Rotated, Rotation, Session, Subject, TokenDigest,
    },
    password::{Bcrypt, PasswordHasher},
    store::{Account, Inserted, StoreError, TokenStore, UserStore},
    token::Refresh,
};

/// A row of the table `employees`.
struct Row {
    id: u32,
    login: String,
    name: String,
    hash: PasswordHash,
    left_the_company: bool,
}

/// What handlers see of a row.
struct Employee {
    name: String,
}

struct Employees {
    table: Mutex<Vec<Row>>,
}

impl UserStore for Employees {
    type User = Employee;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        // SELECT id, hash, left_the_company FROM employees WHERE login = $1
        let table = self.table.lock().await;
        let Some(row) = table.iter().find(|row| row.login == username) else {
            return Ok(None);
        };
        // The primary key and not the login name, which may be somebody else's next year.
        let subject = Subject::new(row.id.to_string()).map_err(StoreError::new)?;
        let account = Account::new(subject).with_hash(row.hash.clone());
        Ok(Some(account.with_enabled(!row.left_the_company)))
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<Employee>>, StoreError> {
        // SELECT name FROM employees WHERE id = $1 AND NOT left_the_company
        let table = self.table.lock().await;
        let id: u32 = subject.as_str().parse().map_err(StoreError::new)?;
        let row = table
            .iter()
            .find(|row| row.id == id && !row.left_the_company);
        Ok(row.map(|row| {
            Arc::new(Employee {
                name: row.name.clone(),
            })
        }))
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        // UPDATE employees SET hash = $3 WHERE id = $1 AND hash = $2
        let mut table = self.table.lock().await;
        let id: u32 = subject.as_str().parse().map_err(StoreError::new)?;
        let row = table
            .iter_mut()
            .find(|row| row.id == id && row.hash == *old);
        Ok(row.map(|row| row.hash = new).is_some())
    }
}

/// The tables `families` and `tokens`. The key of `tokens` is the digest: nobody can log in with a
/// stolen copy.
#[derive(Default)]
struct Tokens {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    families: HashMap<FamilyId, Family>,
    tokens: HashMap<TokenDigest, Session>,
}

// Each function is one transaction. Expired rows may come back: the caller looks at the clock.
// Delete old ones as suits.
impl TokenStore for Tokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        // INSERT INTO families VALUES ($1, ...) ON CONFLICT DO NOTHING
        // INSERT INTO tokens VALUES ($1, ...) ON CONFLICT DO NOTHING
        let mut tables = self.tables.lock().await;
        let taken =
            tables.families.contains_key(&family.id()) || tables.tokens.contains_key(&access);
        if taken {
            return Ok(Inserted::Taken);
        }
        tables.families.insert(family.id(), family);
        tables.tokens.insert(access, session);
        Ok(Inserted::Saved)
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        // SELECT ... FROM tokens WHERE digest = $1
        Ok(self.tables.lock().await.tokens.get(&access).cloned())
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        // SELECT ... FROM families WHERE id = $1
        Ok(self.tables.lock().await.families.get(&id).cloned())
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        // SELECT ... FROM families WHERE subject = $1
        let tables = self.tables.lock().await;
        let own = |family: &&Family| family.subject() == subject;
        Ok(tables.families.values().filter(own).cloned().collect())
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        // SELECT ... FROM families WHERE id = $1 FOR UPDATE
        let mut tables = self.tables.lock().await;
        let Some(family) = tables.families.get_mut(&id) else {
            return Ok(Rotated::Unknown);
        };
        let rotated = family.rotate(&rotation);
        match rotated {
            // UPDATE families SET ... WHERE id = $1; INSERT INTO tokens VALUES ($2, ...)
            Rotated::Done => {
                let session = rotation.session().clone();
                tables.tokens.insert(rotation.access(), session);
            }
            Rotated::Replay => drop(tables.revoke(id)),
            _ => {}
        }
        Ok(rotated)
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        // DELETE FROM tokens WHERE digest = $1
        Ok(self.tables.lock().await.tokens.remove(&access).is_some())
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        Ok(self.tables.lock().await.revoke(id))
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        // DELETE FROM families WHERE subject = $1; DELETE FROM tokens WHERE subject = $1
        let mut tables = self.tables.lock().await;
        let before = tables.families.len();
        tables
            .families
            .retain(|_, family| family.subject() != subject);
        tables
            .tokens
            .retain(|_, session| session.subject() != subject);
        Ok(before - tables.families.len())
    }
}

impl Tables {
    fn revoke(&mut self, id: FamilyId) -> bool {
        // DELETE FROM families WHERE id = $1; DELETE FROM tokens WHERE family = $1
        self.tokens
            .retain(|_, session| session.family() != Some(id));
        self.families.remove(&id).is_some()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let meera = Row {
        id: 7,
        login: "meera".to_owned(),
        name: "Meera".to_owned(),
        hash: Bcrypt::default().hash(&Password::new("secret123"))?,
        left_the_company: false,
    };
    let employees = Employees {
        table: Mutex::new(vec![meera]),
    };
    let flow = PasswordFlow::new(employees, Tokens::default()).with_refresh(Refresh::default());

    let app = Router::new()
        .route(
            "/me",
            get(async |employee: Authenticated<Employee>| employee.name.clone()),
        )
        .layer(flow.bearer_layer())
        .layer(flow.token_layer("/token")?);

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!(
        "Listening on http://{}; Ctrl-C stops it",
        listener.local_addr()?
    );
    axum::serve(listener, app)
        .with_graceful_shutdown(async { signal::ctrl_c().await.unwrap_or(()) })
        .await?;
    Ok(())
}
