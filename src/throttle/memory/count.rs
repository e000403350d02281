use crate::throttle::limits::{Limit, OPEN_PER_FAILURE, TRY_LASTS};

/// What is known of a pair, a name or a source. `redis/scripts.rs` has the same in Lua.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) failures: u32,
    /// Tries whose end is not known yet.
    open: u32,
    /// How many of these there were at least since `looked_at`: they may have been given up.
    open_at_least: u32,
    looked_at: u64,
    /// The first second in which a try goes on.
    pub(super) ready_at: u64,
    /// Since when the next failure to be forgotten has been waiting for that.
    forgiven_at: u64,
    touched: u64,
}

impl Count {
    pub(super) fn new(now: u64) -> Self {
        Self {
            failures: 0,
            open: 0,
            open_at_least: 0,
            looked_at: now,
            ready_at: 0,
            forgiven_at: now,
            touched: now,
        }
    }

    /// What is left of it at `now`, with whatever a clock that was set back would make of it put
    /// right.
    pub(super) fn at(mut self, now: u64, limit: &Limit) -> Self {
        self.touched = self.touched.min(now);
        if now - self.touched > limit.memory {
            return Self::new(now);
        }
        self.forgiven_at = self.forgiven_at.min(now);
        let forgiven = (now - self.forgiven_at) / limit.every;
        let few = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(few);
        self.forgiven_at += forgiven * limit.every;
        self.looked_at = self.looked_at.min(now);
        if now - self.looked_at >= TRY_LASTS {
            self.open = self.open.saturating_sub(self.open_at_least);
            self.open_at_least = self.open;
            self.looked_at = now;
        }
        self.ready_at = self.ready_at.min(now.saturating_add(limit.longest));
        self
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.failures == 0 && self.open == 0
    }

    pub(super) fn touch(&mut self, now: u64) {
        self.touched = now;
    }

    /// A crowd of good logins is no attack; but whoever has failed too often gets nothing for
    /// trying many times at once.
    pub(super) fn weight(&self, limit: &Limit) -> u32 {
        if self.failures > limit.free {
            return self.failures.saturating_add(self.open);
        }
        self.failures.saturating_add(self.open / OPEN_PER_FAILURE)
    }

    pub(super) fn admit(&mut self, limit: &Limit, now: u64) {
        self.open = self.open.saturating_add(1);
        self.ready_at = now.saturating_add(limit.delay(self.weight(limit)));
    }

    pub(super) fn settle(&mut self, failed: bool, limit: &Limit, now: u64) {
        self.open = self.open.saturating_sub(1);
        self.open_at_least = self.open_at_least.min(self.open);
        if failed {
            if self.failures == 0 {
                self.forgiven_at = now;
            }
            self.failures = (self.failures + 1).min(limit.most());
        }
        let ready_at = now.saturating_add(limit.delay(self.weight(limit)));
        self.ready_at = if failed {
            self.ready_at.max(ready_at)
        } else {
            self.ready_at.min(ready_at)
        };
    }
}
