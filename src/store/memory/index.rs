//! Where things are, by a part of their hash.

use hashbrown::HashTable;

/// Places by a hash of 32 bits. It knows no keys: whoever asks looks at the places that it names.
pub(super) struct Index<P>(HashTable<(u32, P)>);

impl<P: Copy + PartialEq> Index<P> {
    pub(super) fn new() -> Self {
        Self(HashTable::new())
    }

    pub(super) fn find(&self, hash: u32, is_it: impl Fn(P) -> bool) -> Option<P> {
        let same = |(other, place): &(u32, P)| *other == hash && is_it(*place);
        self.0.find(spread(hash), same).map(|(_, place)| *place)
    }

    /// Adds one that is not there.
    pub(super) fn insert(&mut self, hash: u32, place: P) {
        let hash_of = |(hash, _): &(u32, P)| spread(*hash);
        self.0.insert_unique(spread(hash), (hash, place), hash_of);
    }

    /// Puts `new` where `old` was, or takes it out.
    pub(super) fn replace(&mut self, hash: u32, old: P, new: Option<P>) {
        let same = |(other, place): &(u32, P)| *other == hash && *place == old;
        if let Ok(mut entry) = self.0.find_entry(spread(hash), same) {
            match new {
                Some(new) => entry.get_mut().1 = new,
                None => drop(entry.remove()),
            }
        }
        if new.is_none() && self.0.capacity() > 8 * self.len().max(16) {
            self.0.shrink_to(2 * self.len(), |(hash, _)| spread(*hash));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The table takes some bits from the top and some from the bottom.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
