use std::sync::Arc;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION};
use zeroize::Zeroizing;

use super::{
    Limits, RequestFault, TokenError,
    form::{Form, decode},
    guard::Guard,
    report,
};
use crate::{
    model::{ClientId, ClientSecret},
    observe::asked,
    store::{Client, ClientStore, StoreError},
    throttle::AttemptKind,
};

/// Reads base64 with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A [`ClientStore`] of whatever type.
#[derive(Clone)]
pub(crate) struct Clients(Arc<dyn Find>);

/// [`ClientStore`] with its future in a box.
trait Find: Send + Sync {
    fn find<'a>(&'a self, id: &'a ClientId) -> BoxFuture<'a, Result<Option<Client>, StoreError>>;
}

impl<T: ClientStore> Find for T {
    fn find<'a>(&'a self, id: &'a ClientId) -> BoxFuture<'a, Result<Option<Client>, StoreError>> {
        Box::pin(asked::<T, _, _>("find_client", self.find_client(id)))
    }
}

impl Clients {
    pub(crate) fn new(clients: impl ClientStore) -> Self {
        Self(Arc::new(clients))
    }

    /// The client that one of `candidates` names and proves to be.
    async fn authenticate(&self, candidates: Vec<Candidate>) -> Result<Option<Client>, StoreError> {
        for Candidate { id, secret } in candidates {
            let Ok(id) = ClientId::new(&*id) else {
                continue;
            };
            let client = self.0.find(&id).await?;
            if let Some(client) = client.filter(|client| client.accepts(secret.as_ref())) {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }
}

/// What a request may mean by its client credentials.
struct Candidate {
    id: Zeroizing<String>,
    secret: Option<ClientSecret>,
}

impl Candidate {
    /// A client without a secret sends an empty one in HTTP Basic.
    fn new(id: Zeroizing<String>, secret: Zeroizing<String>) -> Self {
        let secret = (!secret.is_empty()).then(|| ClientSecret::from(secret));
        Self { id, secret }
    }
}

/// Which client sent a request (RFC 6749 §2.3, §3.2.1).
pub(super) struct Caller {
    clients: Option<Clients>,
    client: Option<Client>,
}

impl Caller {
    /// Finds out who calls. Without `clients` it is nobody in particular, and what the request
    /// says is not looked at: Swagger UI sends empty credentials with each.
    ///
    /// Credentials that are there have to be right. Whether any are needed, the grant says.
    pub(super) async fn identify(
        clients: Option<&Clients>,
        guard: &Guard,
        limits: &Limits,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<Self, TokenError> {
        let Some(clients) = clients else {
            return Ok(Self {
                clients: None,
                client: None,
            });
        };
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        let basic =
            basic(headers, limits).inspect_err(|error| report::client(guard, None, error))?;
        let uses_basic = basic.is_some();
        let candidates = match (basic, id, secret) {
            (Some(_), _, Some(_)) => return Err(RequestFault::TwoClientMethods.into()),
            (None, None, Some(_)) => return Err(RequestFault::Missing("client_id").into()),
            (Some(candidates), _, None) => candidates,
            (None, Some(id), secret) => {
                vec![Candidate::new(
                    id.clone(),
                    secret.cloned().unwrap_or_default(),
                )]
            }
            (None, None, None) => Vec::new(),
        };
        let client = match candidates.first() {
            None => None,
            Some(first) => {
                let (name, guesses) = (first.id.clone(), first.secret.is_some());
                let authenticated = async {
                    let client = clients.authenticate(candidates).await?;
                    client.ok_or(TokenError::InvalidClient {
                        challenge: uses_basic,
                    })
                };
                // Who only says a name, guesses at nothing.
                let done = if guesses {
                    let kind = AttemptKind::Client;
                    guard.attempt(kind, &name, authenticated).await
                } else {
                    authenticated.await
                };
                Some(done.inspect_err(|error| report::client(guard, Some(&name), error))?)
            }
        };
        // Beside Basic, the body may only say the same (RFC 7521 §4.2).
        let same = |client: &Client| id.is_none_or(|id| **id == *client.id().as_str());
        if !client.as_ref().is_none_or(same) {
            return Err(RequestFault::TwoClientMethods.into());
        }
        Ok(Self {
            clients: Some(clients.clone()),
            client,
        })
    }

    /// The client, if it said who it is.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The client, for a request that needs one where clients are known.
    pub(super) fn require(&self) -> Result<Option<&Client>, TokenError> {
        match (&self.clients, &self.client) {
            (Some(_), None) => Err(TokenError::InvalidClient { challenge: false }),
            (_, client) => Ok(client.as_ref()),
        }
    }

    /// The client, if it may act on tokens of `owner`.
    ///
    /// A token of a public client is bound to nobody: some clients leave their id out when they
    /// refresh, and what is not proven protects nothing. One that gives another id is refused.
    pub(super) async fn require_for(
        &self,
        owner: Option<&ClientId>,
    ) -> Result<Option<Client>, TokenError> {
        let Some(clients) = &self.clients else {
            return Ok(None);
        };
        if let Some(client) = &self.client {
            let own = owner == Some(client.id());
            let client = own.then(|| Some(client.clone()));
            return client.ok_or(TokenError::InvalidToken);
        }
        let owner = match owner {
            Some(owner) => clients.0.find(owner).await?,
            None => None,
        };
        let public = owner.filter(Client::is_public);
        public
            .map(Some)
            .ok_or(TokenError::InvalidClient { challenge: false })
    }
}

/// The readings of HTTP Basic credentials (RFC 7617 §2). `None` if there are none: no field,
/// another scheme, or neither id nor secret in it.
///
/// RFC 6749 §2.3.1 has both parts form-encoded first, and half of the clients do that. So they
/// are taken decoded, and then as they are.
fn basic(headers: &HeaderMap, limits: &Limits) -> Result<Option<Vec<Candidate>>, TokenError> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(RequestFault::TwoClientMethods.into());
    }
    let field = field.as_bytes();
    let Some((scheme, rest)) = field.split_at_checked(6) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return Ok(None);
    }
    if field.len() > limits.credential_bytes {
        return Err(RequestFault::CredentialsTooLong.into());
    }
    let pair = read_pair(rest.trim_ascii()).ok_or(TokenError::InvalidClient { challenge: true })?;
    let (id, secret) = pair
        .split_once(':')
        .ok_or(TokenError::InvalidClient { challenge: true })?;
    if id.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    let mut candidates = Vec::with_capacity(2);
    if let (Ok(id), Ok(secret)) = (decode(id.as_bytes()), decode(secret.as_bytes())) {
        candidates.push(Candidate::new(id, secret));
    }
    if id.contains(['%', '+']) || secret.contains(['%', '+']) || candidates.is_empty() {
        let owned = |text: &str| Zeroizing::new(text.to_owned());
        candidates.push(Candidate::new(owned(id), owned(secret)));
    }
    Ok(Some(candidates))
}

fn read_pair(base64: &[u8]) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(BASE64.decode(base64).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}
