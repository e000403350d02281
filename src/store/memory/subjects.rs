//! Who has which logins.

use std::{collections::hash_map::RandomState, hash::BuildHasher, mem};

use super::{
    index::Index,
    list::List,
    lock::{Lock, PARTS},
    place::Place,
};
use crate::model::Subject;

/// The logins of each user.
pub(super) struct Subjects {
    pub(super) shards: Box<[Lock<Shard>]>,
    hasher: RandomState,
}

pub(super) struct Shard {
    /// The place of the only login, or the number of a list with [`Place::UNUSED_BIT`].
    pub(super) index: Index<u32>,
    lists: Vec<List>,
    unused: Vec<u32>,
}

impl Subjects {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..PARTS).map(|_| Lock::new(Shard::new())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Adds a login; `is_of` says whether another one is of the same `subject`.
    pub(super) fn add(&self, subject: &Subject, place: Place, is_of: impl Fn(Place) -> bool) {
        let (shard, hash) = self.shard(subject);
        let mut shard = shard.write();
        match shard.find(hash, is_of) {
            None => shard.index.insert(hash, place.to_bits()),
            Some(entry) => shard.push(hash, entry, place),
        }
    }

    /// Removes a login. With the last of several goes their list.
    pub(super) fn remove(&self, subject: &Subject, place: Place) -> Option<List> {
        let (shard, hash) = self.shard(subject);
        let mut shard = shard.write();
        let entry = shard.index.find(hash, |entry| shard.holds(entry, place))?;
        shard.take(hash, entry, place)
    }

    pub(super) fn get(&self, subject: &Subject, is_of: impl Fn(Place) -> bool) -> Vec<Place> {
        let (shard, hash) = self.shard(subject);
        let shard = shard.read();
        let entry = shard.find(hash, is_of);
        entry.map_or_else(Vec::new, |entry| shard.places(entry))
    }

    fn shard(&self, subject: &Subject) -> (&Lock<Shard>, u32) {
        let [low @ .., _, _, _, part] = self.hasher.hash_one(subject).to_le_bytes();
        (
            &self.shards[usize::from(part) % PARTS],
            u32::from_le_bytes(low),
        )
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            index: Index::new(),
            lists: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// The entry of a user, of whose logins one will do to know it by.
    fn find(&self, hash: u32, is_of: impl Fn(Place) -> bool) -> Option<u32> {
        self.index.find(hash, |entry| match self.list(entry) {
            None => is_of(Place::from_bits(entry)),
            Some(list) => list.any().is_some_and(&is_of),
        })
    }

    fn list(&self, entry: u32) -> Option<&List> {
        self.lists.get(number_of(entry)?)
    }

    fn holds(&self, entry: u32, place: Place) -> bool {
        match self.list(entry) {
            None => entry == place.to_bits(),
            Some(list) => list.contains(place),
        }
    }

    fn places(&self, entry: u32) -> Vec<Place> {
        match self.list(entry) {
            None => vec![Place::from_bits(entry)],
            Some(list) => list.to_vec(),
        }
    }

    fn push(&mut self, hash: u32, entry: u32, place: Place) {
        if let Some(number) = number_of(entry) {
            self.lists[number].push(place);
            return;
        }
        let list = List::of(Place::from_bits(entry), place);
        let number = match self.unused.pop() {
            Some(number) => number,
            None => u32::try_from(self.lists.len()).expect("fewer lists than places"),
        };
        match self.lists.get_mut(number as usize) {
            Some(unused) => *unused = list,
            None => self.lists.push(list),
        }
        self.index
            .replace(hash, entry, Some(number | Place::UNUSED_BIT));
    }

    fn take(&mut self, hash: u32, entry: u32, place: Place) -> Option<List> {
        let mut emptied = None;
        if let Some(number) = number_of(entry) {
            let list = &mut self.lists[number];
            list.remove(place);
            if !list.is_empty() {
                return None;
            }
            emptied = Some(mem::replace(list, List::EMPTY));
            self.unused.push(entry & !Place::UNUSED_BIT);
        }
        self.index.replace(hash, entry, None);
        emptied
    }
}

/// Of the list that an entry names, if it names one.
fn number_of(entry: u32) -> Option<usize> {
    (entry & Place::UNUSED_BIT != 0).then_some((entry & !Place::UNUSED_BIT) as usize)
}
