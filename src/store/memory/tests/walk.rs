//! A long walk of logins, refreshes and revocations, beside a model that keeps everything.

use std::collections::HashMap;

use crate::{
    model::{
        Chain, Family, FamilyId, Rotated, Rotation, Salt, Session, Subject, Timestamp, TokenDigest,
    },
    store::{Inserted, TokenStore, memory::MemoryTokens},
};

const STEPS: usize = 60_000;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) % sides
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        [(); N].map(|()| u8::try_from(self.roll(256)).unwrap())
    }

    fn digest(&mut self) -> TokenDigest {
        TokenDigest::from_bytes(self.bytes())
    }
}

/// What the model knows of a login.
struct Login {
    subject: Subject,
    label: Option<String>,
    current: TokenDigest,
    ends_at: Timestamp,
    refreshes: u64,
    is_revoked: bool,
}

struct Walk {
    dice: Dice,
    now: u64,
    tokens: MemoryTokens,
    logins: HashMap<FamilyId, Login>,
    ids: Vec<FamilyId>,
    /// All access tokens that there ever were; `None` for one that was revoked by itself.
    access: HashMap<TokenDigest, (FamilyId, Option<Session>)>,
    digests: Vec<TokenDigest>,
}

impl Walk {
    fn time(&self, seconds: u64) -> Timestamp {
        Timestamp::from_secs(self.now + seconds)
    }

    fn session(&mut self, id: FamilyId, subject: &Subject) -> Session {
        let lives = 1 + self.dice.roll(40);
        let session = Session::new(subject.clone(), self.time(0), self.time(lives));
        let scope = ["me", "items:read me"][usize::from(self.dice.roll(2) == 0)];
        session.with_family(id).with_scope(scope.parse().unwrap())
    }

    fn remember(&mut self, id: FamilyId, access: TokenDigest, session: Session) {
        self.access.insert(access, (id, Some(session)));
        self.digests.push(access);
    }

    async fn log_in(&mut self) {
        let id = FamilyId::from_bytes(self.dice.bytes());
        let subject = Subject::new(format!("user-{}", self.dice.roll(6))).unwrap();
        let (access, current) = (self.dice.digest(), self.dice.digest());
        let session = self.session(id, &subject);
        let mut ends_at = session.expires_at();
        let mut family = Family::new(id, subject.clone(), self.time(0), ends_at)
            .with_scope(session.scope().clone());
        if self.dice.roll(2) == 0 {
            ends_at = self.time(60);
            family = Family::new(id, subject.clone(), self.time(0), ends_at)
                .with_chain(Chain::new(current, ends_at, ends_at));
        }
        let label = match self.dice.roll(4) {
            0 => Some(format!("browser {}", self.dice.roll(3))),
            1 => Some(format!("device {}", self.ids.len())),
            _ => None,
        };
        if let Some(label) = &label {
            family = family.with_label(label.as_str());
        }
        let inserted = self.tokens.insert(family, access, session.clone()).await;
        assert_eq!(inserted.unwrap(), Inserted::Saved);
        self.remember(id, access, session);
        self.ids.push(id);
        let login = Login {
            subject,
            label,
            current,
            ends_at,
            refreshes: 0,
            is_revoked: false,
        };
        self.logins.insert(id, login);
    }

    /// One of the last hundred, or none.
    fn some_login(&mut self) -> Option<FamilyId> {
        let back = usize::try_from(self.dice.roll(100)).unwrap() + 1;
        let place = self.ids.len().checked_sub(back)?;
        Some(self.ids[place])
    }

    async fn refresh(&mut self) {
        let Some(id) = self.some_login() else {
            return;
        };
        let subject = self.logins[&id].subject.clone();
        let (access, next) = (self.dice.digest(), self.dice.digest());
        let session = self.session(id, &subject);
        let (now, salt) = (self.time(0), Salt::generate().unwrap());
        let window = self.time(self.now % 3);
        let login = &self.logins[&id];
        // With more the oldest would be revoked.
        if login.refreshes + 2 > Family::MAX_ACCESS_TOKENS as u64 {
            return;
        }
        let ends_at = login.ends_at;
        let rotation = Rotation::new(login.current, next, ends_at, access, session.clone(), salt);
        let rotation = rotation.with_window_until(window);
        let had_chain = self.has_chain(id).await;
        let rotated = self.tokens.rotate(id, rotation).await.unwrap();
        let login = self.logins.get_mut(&id).unwrap();
        let can_refresh = had_chain && !login.is_revoked && now < login.ends_at;
        assert_eq!(matches!(rotated, Rotated::Done), can_refresh);
        if can_refresh {
            login.current = next;
            login.refreshes += 1;
            self.remember(id, access, session);
        }
    }

    async fn has_chain(&self, id: FamilyId) -> bool {
        let family = self.tokens.find_family(id).await.unwrap();
        family.is_some_and(|family| family.chain().is_some())
    }

    async fn revoke(&mut self) {
        let Some(id) = self.some_login() else {
            return;
        };
        let subject = self.logins[&id].subject.clone();
        match self.dice.roll(20) {
            0 => {
                self.tokens.revoke_subject(&subject).await.unwrap();
                for login in self.logins.values_mut() {
                    login.is_revoked |= login.subject == subject;
                }
            }
            1..12 => {
                self.tokens.revoke_family(id).await.unwrap();
                self.logins.get_mut(&id).unwrap().is_revoked = true;
            }
            _ => {
                let back = usize::try_from(self.dice.roll(100)).unwrap() + 1;
                let access = self.digests[self.digests.len().saturating_sub(back)];
                self.tokens.revoke_access(access).await.unwrap();
                self.access.get_mut(&access).unwrap().1 = None;
            }
        }
    }

    /// A token that is alive is found as it was saved, one that was revoked is not.
    async fn check(&self, access: TokenDigest) {
        let (id, session) = &self.access[&access];
        let found = self.tokens.find_access(access).await.unwrap();
        match session {
            Some(session) if !self.logins[id].is_revoked => {
                if found.is_some() || session.expires_at() > self.time(0) {
                    assert_eq!(found.as_ref(), Some(session));
                }
            }
            _ => assert_eq!(found, None),
        }
    }

    /// The logins of a user are theirs, and none is missing.
    async fn check_families(&mut self) {
        let subject = Subject::new(format!("user-{}", self.dice.roll(6))).unwrap();
        let listed = self.tokens.find_families(&subject).await.unwrap();
        for family in &listed {
            let login = &self.logins[&family.id()];
            assert!(login.subject == subject && !login.is_revoked);
            assert_eq!(family.label(), login.label.as_deref());
            let chain = family.chain().map(Chain::current);
            assert!(chain.is_none_or(|current| current == login.current));
        }
        let is_alive = |login: &&Login| !login.is_revoked && login.ends_at > self.time(0);
        let theirs = self
            .logins
            .values()
            .filter(|login| login.subject == subject);
        assert!(listed.len() >= theirs.filter(is_alive).count());
    }
}

#[tokio::test]
async fn a_long_walk_agrees_with_a_model() {
    let mut walk = Walk {
        dice: Dice(1),
        now: 1_000,
        tokens: MemoryTokens::new(),
        logins: HashMap::new(),
        ids: Vec::new(),
        access: HashMap::new(),
        digests: Vec::new(),
    };
    for step in 0..STEPS {
        match walk.dice.roll(16) {
            0..6 => walk.log_in().await,
            6..10 => walk.refresh().await,
            10..13 => walk.revoke().await,
            13 if walk.dice.roll(4) == 0 => walk.now += walk.dice.roll(5),
            _ => {}
        }
        let back = usize::try_from(walk.dice.roll(400)).unwrap() + 1;
        if let Some(place) = walk.digests.len().checked_sub(back) {
            walk.check(walk.digests[place]).await;
        }
        if step % 1_000 == 0 {
            walk.check_families().await;
        }
    }
    for access in walk.digests.clone() {
        walk.check(access).await;
    }
    let refreshes: u64 = walk.logins.values().map(|login| login.refreshes).sum();
    assert!(refreshes > 3_000, "{refreshes} refreshes");
    let most = walk.digests.len() / 4;
    assert!(walk.tokens.len() < most, "{} are left", walk.tokens.len());
}
