//! From the fields of a hash to what they stand for.

use crate::{
    model::{Chain, ClientId, Family, FamilyId, Scope, Session, Subject, Timestamp, TokenDigest},
    store::StoreError,
};

pub(super) type Fields = Vec<Option<Vec<u8>>>;

pub(super) const SESSION: [&str; 6] = [
    "subject",
    "client",
    "scope",
    "family",
    "issued_at",
    "expires_at",
];

pub(super) const FAMILY: [&str; 10] = [
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

/// A family as it is stored.
pub(super) struct Stored {
    pub(super) family: Family,
    /// The chain, to the byte, by which a rotation knows that nobody came before it.
    pub(super) chain: Vec<u8>,
    /// Its newest access tokens, so that they can be revoked with it; older ones are gone.
    pub(super) access: Vec<TokenDigest>,
}

/// What there is under the key of a family.
pub(super) enum Found {
    Nothing,
    /// A revocation has begun and is to be finished.
    HalfRevoked,
    Family(Box<Stored>),
}

pub(super) fn write_access(access: &[TokenDigest]) -> Vec<u8> {
    let bytes = access.iter().map(TokenDigest::as_bytes);
    bytes.flatten().copied().collect()
}

pub(super) fn read_access(bytes: &[u8]) -> Result<Vec<TokenDigest>, StoreError> {
    let read = |digest: &[u8]| digest.try_into().map(TokenDigest::from_bytes);
    let digests = bytes.chunks(32).map(read).collect::<Result<_, _>>();
    digests.map_err(|_| damaged())
}

/// `None` if the hash is not there.
pub(super) fn session(fields: Fields) -> Result<Option<Session>, StoreError> {
    let mut fields = Reader(fields.into_iter());
    let Some(subject) = fields.optional_text()? else {
        return Ok(None);
    };
    let subject = Subject::new(subject).map_err(StoreError::new)?;
    let client = fields.client()?;
    let scope = fields.scope()?;
    let family = fields
        .bytes()?
        .map(|id| id.try_into().map(FamilyId::from_bytes));
    let family = family.transpose().map_err(|_| damaged())?;
    let mut session = Session::new(subject, fields.time()?, fields.time()?)
        .with_client(client)
        .with_scope(scope);
    if let Some(family) = family {
        session = session.with_family(family);
    }
    Ok(Some(session))
}

/// A family without an end is marked as revoked.
pub(super) fn family(id: FamilyId, fields: Fields, windows: &[u8]) -> Result<Found, StoreError> {
    let mut fields = Reader(fields.into_iter());
    let Some(subject) = fields.optional_text()? else {
        return Ok(Found::Nothing);
    };
    let subject = Subject::new(subject).map_err(StoreError::new)?;
    let client = fields.client()?;
    let scope = fields.scope()?;
    let label = fields.optional_text()?;
    let (created_at, order) = (fields.time()?, fields.number()?);
    let refreshed_at = fields.time()?;
    let Some(expires_at) = fields.optional_time()? else {
        return Ok(Found::HalfRevoked);
    };
    let mut family = Family::new(id, subject, created_at, expires_at)
        .with_client(client)
        .with_scope(scope)
        .with_order(order)
        .with_refreshed_at(refreshed_at);
    if let Some(label) = label {
        family = family.with_label(label);
    }
    let chain = fields.bytes()?.unwrap_or_default();
    if !chain.is_empty() {
        let chain = Chain::from_bytes(&chain, windows).map_err(StoreError::new)?;
        family = family.with_chain(chain);
    }
    let access = read_access(&fields.bytes()?.unwrap_or_default())?;
    Ok(Found::Family(Box::new(Stored {
        family,
        chain,
        access,
    })))
}

struct Reader(std::vec::IntoIter<Option<Vec<u8>>>);

impl Reader {
    fn bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.next().ok_or_else(damaged)
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        let text = self.bytes()?.map(String::from_utf8);
        text.transpose().map_err(|_| damaged())
    }

    fn client(&mut self) -> Result<Option<ClientId>, StoreError> {
        let client = self.optional_text()?.map(ClientId::new);
        client.transpose().map_err(|_| damaged())
    }

    /// The empty scope is not written.
    fn scope(&mut self) -> Result<Scope, StoreError> {
        match self.optional_text()? {
            None => Ok(Scope::EMPTY),
            Some(scope) => scope.parse().map_err(|_| damaged()),
        }
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        let number = self.optional_text()?.ok_or_else(damaged)?;
        number.parse().map_err(|_| damaged())
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp::from_secs)
    }

    fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let secs = self.optional_text()?.map(|secs| secs.parse());
        let secs = secs.transpose().map_err(|_| damaged())?;
        Ok(secs.map(Timestamp::from_secs))
    }
}

/// Somebody else has been at the keys.
fn damaged() -> StoreError {
    StoreError::new("a stored login cannot be read")
}
