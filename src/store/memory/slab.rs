//! Room for values that stay where they are.

use super::free::Free;

/// How many places one look for a value passes over at most.
pub(super) const PASSED: usize = 1_024;

/// How many places are given back at once at most: others wait meanwhile.
const GIVEN_BACK: usize = 1 << 15;

/// Values by number. It grows by an eighth, so that little room is spare.
pub(super) struct Slab<T> {
    values: Vec<Option<T>>,
    /// The numbers below the length that are not taken. What is looked up fits into one cache line
    /// without them.
    free: Box<Free>,
}

/// What there is from a number on.
pub(super) enum Next {
    Value(usize),
    /// Nothing up to there; more may follow.
    NotBefore(usize),
    Nothing,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            values: Vec::new(),
            free: Box::default(),
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.values.get_mut(number as usize)?.as_mut()
    }

    /// The number that the next value will get; `None` if there are too many.
    pub(super) fn next(&self) -> Option<u32> {
        let last = || u32::try_from(self.values.len()).ok();
        self.free.lowest().or_else(last)
    }

    /// Puts a value at the [`next`](Self::next) number, which there has to be, and returns that.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.take() {
            self.values[number as usize] = Some(value);
            return number;
        }
        let number = self.next().expect("there are fewer than numbers");
        if self.values.len() == self.values.capacity() {
            self.values.reserve_exact(self.values.len() / 8 + 4);
        }
        self.values.push(Some(value));
        number
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.values.get_mut(number as usize)?.take()?;
        self.free.give(number);
        Some(value)
    }

    pub(super) fn next_from(&self, start: usize) -> Next {
        let Some(rest) = self.values.get(start..) else {
            return Next::Nothing;
        };
        match rest.iter().take(PASSED).position(Option::is_some) {
            Some(passed) => Next::Value(start + passed),
            None if rest.len() > PASSED => Next::NotBefore(start + PASSED),
            None => Next::Nothing,
        }
    }

    /// Gives back room that a crowd has left at the end, if that is most of it.
    pub(super) fn shrink(&mut self) {
        if self.free.len() <= 3 * self.values.len() / 4 {
            return;
        }
        let floor = self.values.len().saturating_sub(GIVEN_BACK);
        let last = self.values[floor..].iter().rposition(Option::is_some);
        let len = last.map_or(floor, |last| floor + last + 1);
        self.values.truncate(len);
        self.values.shrink_to_fit();
        self.free.truncate(len);
    }
}
