use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::{
    Arguments, AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool,
    Row as _, Type,
};

use super::loan::Loan;

/// A statement with `$1`, `$2`, ... for its values; made once, with the names of the tables in it.
pub(super) type Statement = Arc<str>;
pub(super) type Row = Vec<Value>;
type Rows<'a> = BoxFuture<'a, Result<Vec<Row>, sqlx::Error>>;

/// A value, on its way in or out.
#[derive(Clone)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// What is expected in a column.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Int,
    Text,
    Bytes,
}

/// How the engines differ in their SQL.
pub(super) struct Dialect {
    pub(super) bytes: &'static str,
    /// What a table ends with.
    pub(super) table: &'static str,
    /// Begins a transaction that will write.
    pub(super) begin: &'static str,
    /// What a `SELECT` ends with that locks its rows.
    pub(super) for_update: &'static str,
    pub(super) skip_locked: &'static str,
    /// Lets one node migrate at a time.
    pub(super) lock_schema: &'static str,
}

/// A database, whichever it is. Everything above is written once.
pub(super) trait Engine: Send + Sync {
    fn dialect(&self) -> &'static Dialect;

    fn read(&self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_>;

    fn write(&self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_>;

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Work>, sqlx::Error>>;
}

/// A transaction. Dropped without [`commit`](Self::commit), it never was, and its connection is
/// closed.
pub(super) trait Work: Send {
    fn run(&mut self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_>;

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), sqlx::Error>>;
}

/// An engine of sqlx: a pool to read from and one to write to, which may be the same.
pub(super) struct Pools<DB: Database> {
    pub(super) read: Pool<DB>,
    pub(super) write: Pool<DB>,
    pub(super) dialect: &'static Dialect,
}

impl<DB> Engine for Pools<DB>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'v> Option<i64>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<String>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<Vec<u8>>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    usize: ColumnIndex<DB::Row>,
{
    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    fn read(&self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_> {
        let sql = Arc::clone(sql);
        Box::pin(async move {
            let mut loan = Loan::of(&self.read).await?;
            let rows = run(loan.connection()?, sql, values, columns).await;
            loan.give_back();
            rows
        })
    }

    fn write(&self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_> {
        let sql = Arc::clone(sql);
        Box::pin(async move {
            let mut loan = Loan::of(&self.write).await?;
            let rows = run(loan.connection()?, sql, values, columns).await;
            loan.give_back();
            rows
        })
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Work>, sqlx::Error>> {
        Box::pin(async move {
            let mut loan = Loan::of(&self.write).await?;
            loan.command(self.dialect.begin).await?;
            Ok(Box::new(loan) as Box<dyn Work>)
        })
    }
}

impl<DB> Work for Loan<DB>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'v> Option<i64>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<String>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<Vec<u8>>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    usize: ColumnIndex<DB::Row>,
{
    fn run(&mut self, sql: &Statement, values: Vec<Value>, columns: &'static [Column]) -> Rows<'_> {
        let sql = Arc::clone(sql);
        Box::pin(async move { run(self.connection()?, sql, values, columns).await })
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.command("COMMIT").await?;
            self.give_back();
            Ok(())
        })
    }
}

async fn run<DB>(
    connection: &mut DB::Connection,
    sql: Statement,
    values: Vec<Value>,
    columns: &'static [Column],
) -> Result<Vec<Row>, sqlx::Error>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'v> Option<i64>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<String>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    for<'v> Option<Vec<u8>>: Type<DB> + Encode<'v, DB> + Decode<'v, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut arguments = DB::Arguments::default();
    for value in values {
        let added = match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    // No part of a statement comes from outside but the prefix of the tables, which is a checked
    // identifier.
    let query = sqlx::query_with::<DB, _>(AssertSqlSafe(sql), arguments);
    let rows = query.fetch_all(connection).await?;
    let read = |row: &DB::Row| {
        let value = |(at, column): (usize, &Column)| match column {
            Column::Int => row.try_get(at).map(Value::Int),
            Column::Text => row.try_get(at).map(Value::Text),
            Column::Bytes => row.try_get(at).map(Value::Bytes),
        };
        columns.iter().enumerate().map(value).collect()
    };
    rows.iter().map(read).collect()
}
