use super::{PublicUrl, Realm};

/// What every challenge of a service names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protected {
    pub(crate) realm: Realm,
    /// RFC 9728 §5.1.
    pub(crate) metadata: Option<PublicUrl>,
}
