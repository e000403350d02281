use super::{
    Reader, bytes, damaged,
    engine::{Row, Value},
    secs, text,
};
use crate::{
    model::{Chain, ClientId, Family, FamilyId, Scope, ScopeError, Session, Subject, TokenDigest},
    store::StoreError,
};

pub(super) fn token_row(access: TokenDigest, family: FamilyId, session: &Session) -> Vec<Value> {
    vec![
        bytes(access.as_bytes()),
        bytes(family.as_bytes()),
        text(session.scope().to_string()),
        secs(session.issued_at()),
        secs(session.expires_at()),
    ]
}

pub(super) fn family_row(family: &Family) -> Vec<Value> {
    let optional = |text: Option<&str>| Value::Text(text.map(str::to_owned));
    let mut row = vec![
        bytes(family.id().as_bytes()),
        text(family.subject().as_str()),
        optional(family.client().map(ClientId::as_str)),
        text(family.scope().to_string()),
        optional(family.label()),
        secs(family.created_at()),
        Value::Int(Some(i64::try_from(family.order()).unwrap_or(i64::MAX))),
        secs(family.refreshed_at()),
        secs(family.expires_at()),
    ];
    row.extend(chain(family));
    row
}

/// What a refresh changes.
pub(super) fn update_row(family: &Family) -> Vec<Value> {
    let mut row = vec![
        bytes(family.id().as_bytes()),
        secs(family.refreshed_at()),
        secs(family.expires_at()),
    ];
    row.extend(chain(family));
    row
}

/// The columns `chain`, `windows` and `windows_end_at`.
fn chain(family: &Family) -> [Value; 3] {
    let chain = family.chain();
    let end = chain.and_then(Chain::windows_end_at);
    let windows = chain.filter(|_| end.is_some());
    [
        Value::Bytes(chain.map(Chain::to_bytes)),
        Value::Bytes(windows.map(|chain| chain.windows_to_bytes().to_vec())),
        end.map_or(Value::Int(None), secs),
    ]
}

pub(super) fn read_session(row: Row) -> Result<Session, StoreError> {
    let mut row = Reader::new("session", row);
    let subject = row.parse(|text| Subject::new(text))?;
    let client = row.optional_text()?.map(ClientId::new).transpose();
    let client = client.map_err(|_| damaged("session"))?;
    let scope = row.parse(read_scope)?;
    let family = FamilyId::from_bytes(row.bytes()?);
    let (issued_at, expires_at) = (row.time()?, row.time()?);
    Ok(Session::new(subject, issued_at, expires_at)
        .with_client(client)
        .with_scope(scope)
        .with_family(family))
}

pub(super) fn read_family(row: Row) -> Result<Family, StoreError> {
    let mut row = Reader::new("family", row);
    let id = FamilyId::from_bytes(row.bytes()?);
    let subject = row.parse(|text| Subject::new(text))?;
    let client = row.optional_text()?.map(ClientId::new).transpose();
    let client = client.map_err(|_| damaged("family"))?;
    let scope = row.parse(read_scope)?;
    let label = row.optional_text()?;
    let created_at = row.time()?;
    let order = u64::try_from(row.int()?).map_err(|_| damaged("family"))?;
    let (refreshed_at, expires_at) = (row.time()?, row.time()?);
    let mut family = Family::new(id, subject, created_at, expires_at)
        .with_client(client)
        .with_scope(scope)
        .with_order(order)
        .with_refreshed_at(refreshed_at);
    if let Some(label) = label {
        family = family.with_label(label);
    }
    if let Some(chain) = row.optional_bytes()? {
        let windows = row.optional_bytes()?.unwrap_or_default();
        let chain = Chain::from_bytes(&chain, &windows).map_err(StoreError::new)?;
        family = family.with_chain(chain);
    }
    Ok(family)
}

/// The empty scope is written as an empty text, which no request may send.
pub(super) fn read_scope(text: &str) -> Result<Scope, ScopeError> {
    if text.is_empty() {
        return Ok(Scope::EMPTY);
    }
    text.parse()
}
