//! The logins of one user.

use std::collections::HashSet;

use super::place::Place;

/// With so many, looking at all of them takes longer than a set does.
const MANY: usize = 64;

/// Places, each once, in any order.
#[expect(
    clippy::box_collection,
    reason = "a list of few would be as large as a set"
)]
pub(super) enum List {
    Few(Vec<Place>),
    Many(Box<HashSet<Place>>),
}

impl List {
    pub(super) const EMPTY: Self = Self::Few(Vec::new());

    pub(super) fn of(first: Place, second: Place) -> Self {
        Self::Few(vec![first, second])
    }

    pub(super) fn push(&mut self, place: Place) {
        match self {
            Self::Few(few) if few.len() < MANY => {
                if few.len() == few.capacity() {
                    few.reserve_exact(few.len() / 4 + 2);
                }
                few.push(place);
            }
            Self::Few(few) => {
                let all = few.iter().copied().chain([place]);
                *self = Self::Many(Box::new(all.collect()));
            }
            Self::Many(many) => drop(many.insert(place)),
        }
    }

    pub(super) fn remove(&mut self, place: Place) {
        match self {
            Self::Few(few) => few.retain(|other| *other != place),
            Self::Many(many) => {
                many.remove(&place);
                if many.capacity() > 4 * many.len().max(MANY) {
                    many.shrink_to(2 * many.len());
                }
            }
        }
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        match self {
            Self::Few(few) => few.contains(&place),
            Self::Many(many) => many.contains(&place),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    /// Any of them.
    pub(super) fn any(&self) -> Option<Place> {
        match self {
            Self::Few(few) => few.first().copied(),
            Self::Many(many) => many.iter().next().copied(),
        }
    }

    pub(super) fn to_vec(&self) -> Vec<Place> {
        match self {
            Self::Few(few) => few.clone(),
            Self::Many(many) => many.iter().copied().collect(),
        }
    }
}
