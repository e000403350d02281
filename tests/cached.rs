//! The cache in front of a store: what it answers, for how long, and what it never keeps.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tower_oauth2_password::{
    MemoryTokens,
    model::{
        AccessToken, Clock, Family, FamilyId, Lifetime, Rotated, Rotation, Session, Subject,
        TokenDigest, TokenPrefix,
    },
    store::{
        Account, Inserted, StoreError, TokenStore, UserStore,
        cached::{Cached, CachedUsers, News, Revoked},
    },
};

use crate::support::{User, stores::BreakableTokens};

/// A store that counts its look-ups, each of which waits at a gate.
#[derive(Clone)]
struct Gated {
    store: BreakableTokens,
    asked: Arc<AtomicUsize>,
    open: watch::Sender<bool>,
}

impl Gated {
    fn open() -> Self {
        Self {
            store: BreakableTokens::default(),
            asked: Arc::default(),
            open: watch::Sender::new(true),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// From now on look-ups wait, until they are let go.
    fn close(&self) {
        self.open.send_replace(false);
    }

    fn let_go(&self) {
        self.open.send_replace(true);
    }

    /// Waits until so many have asked.
    async fn wait_for(&self, asked: usize) {
        while self.asked() < asked {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl TokenStore for Gated {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.store.insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        // The answer is that of the moment in which the question came, as slow stores have it.
        let answer = self.store.find_access(access).await;
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        answer
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.store.find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.store.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.store.rotate(id, rotation).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        self.store.revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.store.revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.store.revoke_subject(subject).await
    }
}

fn meera() -> Subject {
    Subject::new("meera").unwrap()
}

/// A login of meera, saved by `tokens`.
async fn log_in(tokens: &impl TokenStore) -> (TokenDigest, FamilyId) {
    let now = Clock::system().now();
    let id = FamilyId::generate().unwrap();
    let access = AccessToken::generate(&TokenPrefix::default()).unwrap();
    let access = access.digest();
    let family = Family::new(id, meera(), now, now + Lifetime::HOUR);
    let session = Session::new(meera(), now, now + Lifetime::HOUR).with_family(id);
    let inserted = tokens.insert(family, access, session).await.unwrap();
    assert_eq!(inserted, Inserted::Saved);
    (access, id)
}

async fn finds(tokens: &impl TokenStore, access: TokenDigest) -> bool {
    tokens.find_access(access).await.unwrap().is_some()
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn what_is_known_is_answered_without_asking() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    // Saved by another node, so that this one has to ask.
    let (access, _) = log_in(&store).await;

    assert!(
        cache.find_access_now(access).is_none(),
        "nobody has asked yet"
    );
    assert!(finds(&cache, access).await);
    assert_eq!(store.asked(), 1);
    assert!(finds(&cache, access).await);
    assert!(cache.find_access_now(access).unwrap().unwrap().is_some());
    assert_eq!(store.asked(), 1);
}

#[tokio::test]
async fn a_login_of_this_node_need_not_be_asked_for() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&cache).await;
    assert!(cache.find_access_now(access).unwrap().unwrap().is_some());
    assert_eq!(store.asked(), 0);
}

/// The bound that is stated: what another node has revoked is good here for no longer.
#[tokio::test]
async fn a_revocation_of_another_node_is_seen_when_the_entry_is_stale() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(Duration::from_millis(50));
    let (access, id) = log_in(&store).await;
    assert!(finds(&cache, access).await);

    assert!(store.revoke_family(id).await.unwrap());
    sleep(Duration::from_millis(50)).await;
    assert!(cache.find_access_now(access).is_none());
    assert!(!finds(&cache, access).await);
}

#[tokio::test]
async fn what_is_not_found_is_not_kept() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let unknown = TokenDigest::from_bytes([1; 32]);
    for asked in 1..=3 {
        assert!(!finds(&cache, unknown).await);
        assert_eq!(store.asked(), asked);
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&store).await;
    store.store.break_down();
    assert!(cache.find_access(access).await.is_err());
    store.store.mend();
    assert!(finds(&cache, access).await);
}

/// While the store is away, what is known is answered until it is stale.
#[tokio::test]
async fn a_known_token_stays_good_while_the_store_is_away() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&store).await;
    assert!(finds(&cache, access).await);
    store.store.break_down();
    assert!(finds(&cache, access).await);
}

#[tokio::test]
async fn of_many_who_ask_for_one_token_the_store_sees_one() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&store).await;
    store.close();
    let crowd: Vec<_> = (0..64)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { finds(&cache, access).await })
        })
        .collect();
    store.wait_for(1).await;
    sleep(Duration::from_millis(20)).await;
    assert_eq!(store.asked(), 1, "each of them asked");
    store.let_go();
    for found in join_all(crowd).await {
        assert!(found.unwrap());
    }
    assert_eq!(store.asked(), 1);
}

/// One failure is an answer for all who wait: they do not fail one after the other, each after a
/// time-out of its own.
#[tokio::test]
async fn a_failure_is_shared_by_all_who_wait_for_it() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&store).await;
    store.store.break_down();
    store.close();
    let crowd: Vec<_> = (0..16)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.find_access(access).await.is_err() })
        })
        .collect();
    store.wait_for(1).await;
    sleep(Duration::from_millis(20)).await;
    store.let_go();
    for failed in join_all(crowd).await {
        assert!(failed.unwrap());
    }
    assert_eq!(store.asked(), 1);
}

/// Whoever began to ask may go away: the others get their answer, and the next one asks anew.
#[tokio::test]
async fn whoever_asked_first_may_leave() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(LONG);
    let (access, _) = log_in(&store).await;
    store.close();
    let ask = |cache: &Cached<Gated>| {
        let cache = cache.clone();
        tokio::spawn(async move { finds(&cache, access).await })
    };
    let first = ask(&cache);
    store.wait_for(1).await;
    let second = ask(&cache);
    sleep(Duration::from_millis(10)).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    store.let_go();
    assert!(timeout(LONG, second).await.unwrap().unwrap());
    assert_eq!(store.asked(), 1);

    // All of them leave.
    let (access, _) = log_in(&store).await;
    store.close();
    let alone = {
        let cache = cache.clone();
        tokio::spawn(async move { finds(&cache, access).await })
    };
    store.wait_for(2).await;
    alone.abort();
    assert!(alone.await.unwrap_err().is_cancelled());
    store.let_go();
    assert!(finds(&cache, access).await);
    assert_eq!(store.asked(), 3);
}

/// RFC 7009 §2.1: effective at once, on this node, for each way to revoke.
#[tokio::test]
async fn a_revocation_of_this_node_is_seen_at_once() {
    for way in 0..3 {
        let cache = Cached::new(MemoryTokens::new()).with_staleness(LONG);
        let (access, id) = log_in(&cache).await;
        assert!(finds(&cache, access).await);
        match way {
            0 => assert!(cache.revoke_access(access).await.unwrap()),
            1 => assert!(cache.revoke_family(id).await.unwrap()),
            _ => assert_eq!(cache.revoke_subject(&meera()).await.unwrap(), 1),
        }
        assert!(cache.find_access_now(access).is_none(), "way {way}");
        assert!(!finds(&cache, access).await, "way {way}");
        // The next login of the same user is another.
        let (access, _) = log_in(&cache).await;
        assert!(finds(&cache, access).await, "way {way}");
    }
}

/// A look-up that began before a revocation and ends after it must not bring the token back.
#[tokio::test]
async fn an_answer_from_before_a_revocation_does_not_count() {
    for way in 0..3 {
        let store = Gated::open();
        let cache = Cached::new(store.clone()).with_staleness(LONG);
        let (access, id) = log_in(&store).await;
        store.close();
        let slow = {
            let cache = cache.clone();
            tokio::spawn(async move { finds(&cache, access).await })
        };
        store.wait_for(1).await;
        match way {
            0 => assert!(cache.revoke_access(access).await.unwrap()),
            1 => assert!(cache.revoke_family(id).await.unwrap()),
            _ => assert_eq!(cache.revoke_subject(&meera()).await.unwrap(), 1),
        }
        // Whoever asks now joins the look-up that is under way.
        let late = {
            let cache = cache.clone();
            tokio::spawn(async move { finds(&cache, access).await })
        };
        sleep(Duration::from_millis(10)).await;
        store.let_go();
        assert!(!slow.await.unwrap(), "way {way}");
        assert!(!late.await.unwrap(), "way {way}");
        assert!(!finds(&cache, access).await, "way {way}");
    }
}

#[tokio::test]
async fn the_number_of_entries_is_bounded() {
    let store = Gated::open();
    let cache = Cached::new(store.clone())
        .with_staleness(LONG)
        .with_capacity(100);
    let mut all = Vec::new();
    for _ in 0..1_000 {
        all.push(log_in(&cache).await.0);
    }
    let known = all
        .iter()
        .filter(|access| cache.find_access_now(**access).is_some());
    assert!(known.count() <= 100);
    assert!(finds(&cache, all[0]).await, "and the rest is asked for");
}

/// Brings messages from a channel of this process; `None` is one that got lost.
struct LocalNews(watch::Sender<Option<Revoked>>);

impl News for LocalNews {
    fn tell(&self, revoked: Revoked) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.send_replace(Some(revoked));
        Box::pin(async { Ok(()) })
    }

    fn listen(
        &self,
        heard: Arc<dyn Fn(Revoked) + Send + Sync>,
        missed: Arc<dyn Fn() + Send + Sync>,
    ) -> BoxFuture<'static, ()> {
        let mut messages = self.0.subscribe();
        Box::pin(async move {
            missed();
            while messages.changed().await.is_ok() {
                let message = messages.borrow_and_update().clone();
                match message {
                    Some(revoked) => heard(revoked),
                    None => missed(),
                }
            }
            pending::<()>().await;
        })
    }
}

#[tokio::test]
async fn news_of_another_node_are_heard() {
    let store = MemoryTokens::new();
    let channel = watch::Sender::new(None);
    let node = || {
        let cache = Cached::new(store.clone()).with_staleness(LONG);
        cache.with_news(LocalNews(channel.clone()))
    };
    let (here, there) = (node(), node());
    // Both listen before anything is said.
    while channel.receiver_count() < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(5)).await;
    let (access, id) = log_in(&here).await;
    assert!(finds(&there, access).await);

    assert!(here.revoke_family(id).await.unwrap());
    let refused = async {
        while finds(&there, access).await {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), refused).await.unwrap();
}

/// What was lost may have been about a token whose look-up is under way.
#[tokio::test]
async fn an_answer_from_before_lost_news_is_not_kept() {
    let (store, channel) = (Gated::open(), watch::Sender::new(None));
    let cache = Cached::new(store.clone())
        .with_staleness(LONG)
        .with_news(LocalNews(channel.clone()));
    let (access, id) = log_in(&store).await;
    // It listens, and has begun anew.
    sleep(Duration::from_millis(5)).await;
    store.close();
    let asking = tokio::spawn({
        let cache = cache.clone();
        async move { finds(&cache, access).await }
    });
    store.wait_for(1).await;

    assert!(store.revoke_family(id).await.unwrap());
    channel.send_replace(None);
    sleep(Duration::from_millis(5)).await;
    store.let_go();

    assert!(!asking.await.unwrap());
    assert!(!finds(&cache, access).await);
}

/// Whoever asks later than that does not share an answer that is as old as its question.
#[tokio::test]
async fn nobody_waits_for_an_answer_that_will_be_stale() {
    let store = Gated::open();
    let cache = Cached::new(store.clone()).with_staleness(Duration::from_millis(50));
    let (access, id) = log_in(&store).await;
    let ask = || {
        let cache = cache.clone();
        tokio::spawn(async move { finds(&cache, access).await })
    };
    store.close();
    let early = ask();
    store.wait_for(1).await;
    assert!(store.revoke_family(id).await.unwrap());
    sleep(Duration::from_millis(60)).await;
    let late = ask();
    timeout(Duration::from_secs(10), store.wait_for(2))
        .await
        .expect("it waits for the early one");
    store.let_go();

    assert!(early.await.unwrap(), "it asked before");
    assert!(!late.await.unwrap());
}

#[test]
fn a_message_is_read_back_and_anything_else_is_none() {
    for revoked in [
        Revoked::Access(TokenDigest::from_bytes([0xab; 32])),
        Revoked::Family(FamilyId::from_bytes([0x0f; 16])),
        Revoked::Subject(Subject::new("a:b é").unwrap()),
    ] {
        let message = revoked.to_message();
        assert_eq!(Revoked::from_message(&message), Some(revoked), "{message}");
    }
    for message in ["", "a", "a:", "a:00", "f:zz", "s:", "x:1", "f:€€€€€€€€€€€"]
    {
        assert_eq!(Revoked::from_message(message), None, "{message:?}");
    }
    // A sign is no digit, and digits are written in one way.
    for digits in ["+f", "0F"] {
        let message = format!("f:{}", digits.repeat(16));
        assert_eq!(Revoked::from_message(&message), None, "{message:?}");
    }
}

/// Users that are counted as they are asked for.
struct Counted(AtomicUsize);

impl UserStore for Counted {
    type User = User;

    async fn find_account(&self, _: &str) -> Result<Option<Account>, StoreError> {
        Ok(None)
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let known = *subject == meera();
        Ok(known.then(|| Arc::new(User::new("Meera"))))
    }
}

#[tokio::test]
async fn users_are_kept_until_they_are_stale_or_to_be_forgotten() {
    let store = Arc::new(Counted(AtomicUsize::new(0)));
    let asked = || store.0.load(Ordering::SeqCst);
    let cache = CachedUsers::new(Arc::clone(&store)).with_staleness(LONG);
    assert!(cache.find_user_now(&meera()).is_none());
    for _ in 0..3 {
        assert!(cache.find_user(&meera()).await.unwrap().is_some());
        assert!(cache.find_user_now(&meera()).unwrap().unwrap().is_some());
    }
    assert_eq!(asked(), 1);
    cache.forget(&meera());
    assert!(cache.find_user(&meera()).await.unwrap().is_some());
    assert_eq!(asked(), 2);

    let unknown = Subject::new("nobody").unwrap();
    for _ in 0..2 {
        assert!(cache.find_user(&unknown).await.unwrap().is_none());
    }
    assert_eq!(asked(), 4, "what is not found is not kept");

    let cache = CachedUsers::new(Arc::clone(&store)).with_staleness(Duration::from_millis(20));
    assert!(cache.find_user(&meera()).await.unwrap().is_some());
    sleep(Duration::from_millis(20)).await;
    assert!(cache.find_user(&meera()).await.unwrap().is_some());
    assert_eq!(asked(), 6);
}

/// A revocation that failed may have come half-way, and be finished by somebody who does not tell:
/// until then the cache asks.
#[tokio::test]
async fn what_may_be_revoked_is_not_answered_from_the_cache() {
    for way in 0..3 {
        let store = Gated::open();
        let cache = Cached::new(store.clone()).with_staleness(LONG);
        let (access, id) = log_in(&cache).await;
        assert!(cache.find_access_now(access).is_some());
        store.store.break_down();
        match way {
            0 => assert!(cache.revoke_access(access).await.is_err()),
            1 => assert!(cache.revoke_family(id).await.is_err()),
            _ => assert!(cache.revoke_subject(&meera()).await.is_err()),
        }
        store.store.mend();
        for asked in 1..=3 {
            assert!(cache.find_access_now(access).is_none(), "way {way}");
            assert!(finds(&cache, access).await, "it was not revoked");
            assert!(store.asked() >= asked, "way {way}");
        }
        assert!(store.revoke_family(id).await.unwrap());
        assert!(!finds(&cache, access).await, "way {way}");
    }
}
