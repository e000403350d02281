use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    model::ClientId,
    store::{Client, ClientStore, StoreError},
};

/// Clients in memory, for services whose clients stand in a file.
///
/// A clone allocates nothing.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::{MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow};
/// use tower_oauth2_password::{model::ClientId, store::Client};
///
/// let phone = Client::public(ClientId::new("phone")?);
/// let clients = MemoryClients::new([phone]);
/// let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new())
///     .with_clients(clients);
/// # let _ = flow;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryClients {
    clients: Arc<HashMap<ClientId, Client>>,
}

impl MemoryClients {
    /// Knows `clients` and no others. Of two with one id the later one counts.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        let clients = clients
            .into_iter()
            .map(|client| (client.id().clone(), client))
            .collect();
        Self {
            clients: Arc::new(clients),
        }
    }
}

impl ClientStore for MemoryClients {
    async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.clients.get(id).cloned())
    }
}

/// Names the clients.
impl fmt::Debug for MemoryClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.clients.keys()).finish()
    }
}
