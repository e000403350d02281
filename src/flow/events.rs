use std::sync::Arc;

use super::PasswordFlow;
use crate::observe::{Event, Observer, Record};

impl<U, T> PasswordFlow<U, T> {
    /// Tells `hook` of every [`Event`]: each login that went through or failed, each refresh,
    /// revocation, replay, throttled attempt and refused token (OWASP ASVS 16.3.1, 16.3.2). The
    /// default is to tell nobody.
    ///
    /// `hook` is called on the thread that serves the request, which waits for it. So it hands
    /// events on, say to a channel that is written out elsewhere, and does not block. If it panics,
    /// the panic is caught and logged, the event is lost and the request goes on; with
    /// `panic = "abort"` the process ends.
    ///
    /// It has to be set before layers and services are taken out. A login by way of
    /// [`issuer`](Self::issuer) is the application's own and no event.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc::sync_channel;
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    ///
    /// let (audit, records) = sync_channel(10_000);
    /// let flow = flow.with_event_hook(move |record| {
    ///     if audit.try_send(record.clone()).is_err() {
    ///         // Count what is lost.
    ///     }
    /// });
    /// std::thread::spawn(move || {
    ///     for record in records {
    ///         let (event, at) = (record.event(), record.at().as_secs());
    ///         println!("{at} {} {:?} {:?}", event.name(), event.subject(), record.source());
    ///     }
    /// });
    /// # let _ = flow;
    /// ```
    #[must_use]
    pub fn with_event_hook(mut self, hook: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.event_hook = Some(Arc::new(hook));
        self
    }

    pub(super) fn observer(&self) -> Observer {
        Observer {
            hook: self.event_hook.clone(),
            source_of: self.source_of.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Reports what the application did itself.
    pub(super) fn report(&self, event: Event) {
        self.observer().nowhere().report(event);
    }
}
