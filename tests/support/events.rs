//! What an event hook hears.

use std::sync::{Arc, Mutex};

use tower_oauth2_password::{
    PasswordFlow,
    observe::Record,
    store::{TokenStore, UserStore},
    throttle::forwarded_for,
};

/// All that a flow reported since it was last asked. A clone hears the same.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<Record>>>);

impl Heard {
    /// `flow`, which reports here, and takes `x-forwarded-for` for the source.
    pub fn listen<U, T>(&self, flow: PasswordFlow<U, T>) -> PasswordFlow<U, T>
    where
        U: UserStore,
        T: TokenStore,
    {
        let heard = self.clone();
        let name = http::HeaderName::from_static("x-forwarded-for");
        flow.with_event_hook(move |record| heard.0.lock().unwrap().push(record.clone()))
            .with_source(move |head| forwarded_for(&head.headers, &name, 1))
    }

    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The events as text, without when and from where.
    pub fn told(&self) -> Vec<String> {
        let text = |record: &Record| format!("{:?}", record.event());
        self.take().iter().map(text).collect()
    }
}
