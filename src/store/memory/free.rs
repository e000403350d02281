//! Which numbers are not taken.

/// A set of numbers, a bit for each, that gives out the lowest one: so the end of what they number
/// empties by itself.
#[derive(Default)]
pub(super) struct Free {
    words: Vec<u64>,
    /// No word before this one has a bit.
    first: usize,
    len: usize,
}

impl Free {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn lowest(&self) -> Option<u32> {
        // Else all words from the first on would be looked at.
        if self.len == 0 {
            return None;
        }
        let mut words = self.words.iter().enumerate().skip(self.first);
        let (place, word) = words.find(|(_, word)| **word != 0)?;
        u32::try_from(place * 64 + word.trailing_zeros() as usize).ok()
    }

    /// Takes the lowest one out.
    pub(super) fn take(&mut self) -> Option<u32> {
        let number = self.lowest()?;
        let (place, bit) = split(number as usize);
        self.words[place] &= !bit;
        self.first = place;
        self.len -= 1;
        Some(number)
    }

    /// Adds one that is not there.
    pub(super) fn give(&mut self, number: u32) {
        let (place, bit) = split(number as usize);
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        debug_assert_eq!(self.words[place] & bit, 0, "{number} is free already");
        self.words[place] |= bit;
        self.first = self.first.min(place);
        self.len += 1;
    }

    /// Forgets those from `end` on.
    pub(super) fn truncate(&mut self, end: usize) {
        let (place, bit) = split(end);
        self.words.truncate(place + 1);
        if let Some(word) = self.words.get_mut(place) {
            *word &= bit - 1;
        }
        self.words.shrink_to_fit();
        let ones = self.words.iter().map(|word| word.count_ones() as usize);
        self.len = ones.sum();
    }
}

/// The word of a number, and its bit in there.
fn split(number: usize) -> (usize, u64) {
    (number / 64, 1 << (number % 64))
}
