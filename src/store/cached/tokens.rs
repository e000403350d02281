use std::{fmt, sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use super::{
    CAPACITY, News, Revoked, STALENESS,
    digest::DigestState,
    fresh::{Fresh, Read},
    gone::Gone,
    moment::Moment,
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    observe,
    store::{Inserted, StoreError, TokenStore},
};

/// How long whoever revokes waits for the news to be told.
const TELLING: Duration = Duration::from_millis(500);

/// A cache of sessions in front of another [`TokenStore`]: a look-up that it knows is answered
/// without waiting. The [module](super) says what it may get wrong. A clone is the same cache.
pub struct Cached<T> {
    store: Arc<T>,
    cache: Arc<Sessions>,
    news: Option<Arc<Subscription>>,
}

struct Sessions {
    fresh: Arc<Fresh<TokenDigest, Session, DigestState>>,
    gone: Gone,
}

struct Subscription {
    news: Arc<dyn News>,
    listener: AbortHandle,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Sessions {
    fn new(capacity: usize, staleness: Duration) -> Self {
        Self {
            fresh: Arc::new(Fresh::new(capacity, staleness)),
            gone: Gone::new(),
        }
    }

    fn counts(&self, access: TokenDigest, read: &Read<Session>) -> bool {
        !self.gone.covers(access, read)
    }
}

/// A revocation under way: dropped before it is through, it may have come half-way.
struct Unsure<'a>(&'a Gone, Option<Revoked>);

impl Unsure<'_> {
    fn settle(mut self) {
        self.1 = None;
    }
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        if let Some(revoked) = self.1.take() {
            self.0.note_for_long(&revoked);
        }
    }
}

impl<T: TokenStore> Cached<T> {
    /// Keeps up to 100,000 sessions of `store` for up to 5 **seconds**.
    pub fn new(store: T) -> Self {
        Self {
            store: Arc::new(store),
            cache: Arc::new(Sessions::new(CAPACITY, STALENESS)),
            news: None,
        }
    }

    /// Sets for how long a session is answered without asking the store, and thereby how long a
    /// token is good here that another node has revoked. The default is 5 **seconds**.
    ///
    /// To be called before the cache is used.
    #[must_use]
    pub fn with_staleness(mut self, staleness: Duration) -> Self {
        let capacity = self.cache.fresh.capacity();
        self.cache = Arc::new(Sessions::new(capacity, staleness));
        self
    }

    /// Sets how many sessions are kept. The default is 100,000, which is about 20 MB.
    ///
    /// To be called before the cache is used.
    #[must_use]
    pub fn with_capacity(mut self, capacity: usize) -> Self {
        let staleness = self.cache.fresh.staleness();
        self.cache = Arc::new(Sessions::new(capacity, staleness));
        self
    }

    /// Tells other nodes what is revoked here, and hears what is revoked there. To be called last,
    /// inside a Tokio runtime: a task listens for as long as there is a clone of this cache.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn with_news(mut self, news: impl News) -> Self {
        let news: Arc<dyn News> = Arc::new(news);
        let (cache, all) = (Arc::clone(&self.cache), Arc::clone(&self.cache));
        let heard = Arc::new(move |revoked| cache.gone.note(&revoked));
        // Noted too, as there may be answers on their way.
        let missed = Arc::new(move || {
            all.gone.note_anything();
            all.fresh.clear();
        });
        let listener = tokio::spawn(news.listen(heard, missed)).abort_handle();
        self.news = Some(Arc::new(Subscription { news, listener }));
        self
    }

    /// Revokes, and sees to it that nothing from before is answered: not while the store is at it,
    /// nor what was on its way when it was done.
    async fn revoke<R>(
        &self,
        revoked: Revoked,
        work: impl Future<Output = Result<R, StoreError>>,
    ) -> Result<R, StoreError> {
        self.cache.gone.note(&revoked);
        // Should nobody wait for the end of this, nobody knows how far it came.
        let unsure = Unsure(&self.cache.gone, Some(revoked.clone()));
        let done = work.await?;
        unsure.settle();
        self.cache.gone.note(&revoked);
        self.tell(revoked).await;
        Ok(done)
    }

    /// The others find out by themselves in the end, so a failure is only logged, and nobody waits
    /// for long.
    async fn tell(&self, revoked: Revoked) {
        let Some(subscription) = &self.news else {
            return;
        };
        let told = tokio::time::timeout(TELLING, subscription.news.tell(revoked)).await;
        let told =
            told.unwrap_or_else(|_| Err(StoreError::new(format!("no answer within {TELLING:?}"))));
        if let Err(error) = told {
            observe::news_not_told(&error);
        }
    }
}

impl<T: TokenStore> TokenStore for Cached<T> {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        let asked_at = Moment::now();
        let inserted = self.store.insert(family, access, session.clone()).await?;
        if let Inserted::Saved = inserted {
            self.cache.fresh.put(access, session, asked_at);
        }
        Ok(inserted)
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        if let Some(found) = self.find_access_now(access) {
            return found;
        }
        let store = Arc::clone(&self.store);
        let ask = move || async move { store.find_access(access).await };
        match self.cache.fresh.read(access, ask).await? {
            Some(read) if self.cache.counts(access, &read) => Ok(Some(read.value)),
            None => Ok(None),
            // Somebody else's question, from before something was revoked.
            Some(_) => self.store.find_access(access).await,
        }
    }

    fn find_access_now(&self, access: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        let read = self.cache.fresh.get(&access)?;
        let counts = self.cache.counts(access, &read);
        counts.then_some(Ok(Some(read.value)))
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.store.find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.store.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        let asked_at = Moment::now();
        let (access, session) = (rotation.access(), rotation.session().clone());
        // A replay that was noticed may have been revoked half-way.
        let unsure = Unsure(&self.cache.gone, Some(Revoked::Family(id)));
        let rotated = self.store.rotate(id, rotation).await?;
        unsure.settle();
        match rotated {
            Rotated::Done => self.cache.fresh.put(access, session, asked_at),
            Rotated::Replay => {
                self.cache.gone.note(&Revoked::Family(id));
                self.tell(Revoked::Family(id)).await;
            }
            Rotated::Again(_) | Rotated::Unknown => {}
        }
        Ok(rotated)
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        let work = self.store.revoke_access(access);
        let revoked = self.revoke(Revoked::Access(access), work).await?;
        self.cache.fresh.forget(&access);
        Ok(revoked)
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        let work = self.store.revoke_family(id);
        self.revoke(Revoked::Family(id), work).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        let work = self.store.revoke_subject(subject);
        self.revoke(Revoked::Subject(subject.clone()), work).await
    }
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            cache: Arc::clone(&self.cache),
            news: self.news.clone(),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
