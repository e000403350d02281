use std::{
    fmt,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::request::Parts;

use super::{Event, Record, backend, meter};
use crate::model::{ClientId, Clock, Source};

/// Is told of every event; see `PasswordFlow::with_event_hook`.
pub(crate) type EventHook = dyn Fn(&Record) + Send + Sync;

/// Says where a request comes from; see `PasswordFlow::with_source`.
pub(crate) type SourceOf = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Whom to tell of events, and how to find out where a request comes from.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    pub(crate) hook: Option<Arc<EventHook>>,
    pub(crate) source_of: Option<Arc<SourceOf>>,
    pub(crate) clock: Clock,
}

impl Observer {
    /// What the request with this head is part of.
    pub(crate) fn scene(&self, head: &Parts) -> Scene {
        let address = self.source_of.as_ref().map(|source_of| source_of(head));
        if let Some(None) = address {
            backend::source_missing(&head.uri);
        }
        Scene {
            source: address.flatten().map(Source::from),
            ..self.nowhere()
        }
    }

    /// What the application does itself.
    pub(crate) fn nowhere(&self) -> Scene {
        Scene {
            observer: self.clone(),
            source: None,
            client: None,
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

/// Where something happens: all of a [`Record`] but the event.
#[derive(Clone, Default)]
pub(crate) struct Scene {
    observer: Observer,
    source: Option<Source>,
    client: Option<ClientId>,
}

impl Scene {
    pub(crate) fn source(&self) -> Option<Source> {
        self.source
    }

    pub(crate) fn set_client(&mut self, client: Option<ClientId>) {
        self.client = client;
    }

    /// Counts the event, logs it and tells the hook.
    pub(crate) fn report(&self, event: Event) {
        meter::count(&event);
        let record = Record {
            event,
            at: self.observer.clock.now(),
            source: self.source,
            client: self.client.clone(),
        };
        backend::event(&record);
        let Some(hook) = &self.observer.hook else {
            return;
        };
        // The hook is not ours. Its panic must not undo what is done already.
        if catch_unwind(AssertUnwindSafe(|| hook(&record))).is_err() {
            backend::hook_panicked(record.event.name());
        }
    }
}
