use super::lock::READ_PARTS;

const PART_BITS: u32 = 4;
const SLOT_BITS: u32 = 27;

const _: () = assert!(READ_PARTS.is_power_of_two() && READ_PARTS <= 1 << PART_BITS);

/// Where a record is: its part, and its number there. A record stays where it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place(u32);

impl Place {
    /// No place has this bit set.
    pub(super) const UNUSED_BIT: u32 = 1 << 31;

    pub(super) fn to_bits(self) -> u32 {
        self.0
    }

    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) fn fits(number: u32) -> bool {
        number < 1 << SLOT_BITS
    }

    pub(super) fn new(part: u8, number: u32) -> Self {
        Self(number << PART_BITS | u32::from(part))
    }

    pub(super) fn part(self) -> usize {
        (self.0 & ((1 << PART_BITS) - 1)) as usize
    }

    pub(super) fn number(self) -> u32 {
        self.0 >> PART_BITS
    }
}
