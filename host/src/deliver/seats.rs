//! Places of which there are so many, for who waits for something: one workspace may have so many of them, so that what is left for others does not
//! hang on whoever came first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::event::Name;

/// All places.
#[derive(Debug)]
pub struct Seats {
    max: usize,
    workspace_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of those who have any.
    of: HashMap<Name, usize>,
}

/// One place, which is free again when this is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    of: Name,
}

/// There is none left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// As many are taken as there are.
    Full(usize),
    /// The workspace has as many as it may.
    Share(usize),
}

impl Seats {
    /// So many, of which one workspace may have so many.
    #[must_use]
    pub fn new(max: usize, workspace_max: usize) -> Arc<Self> {
        Arc::new(Self { max, workspace_max, taken: Mutex::default() })
    }

    /// One more for this workspace.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn take(self: &Arc<Self>, of: &Name) -> Result<Seat, NoSeat> {
        let mut taken = self.taken();
        if taken.all >= self.max {
            return Err(NoSeat::Full(self.max));
        }
        if taken.of.get(of).is_some_and(|own| *own >= self.workspace_max) || self.workspace_max == 0 {
            return Err(NoSeat::Share(self.workspace_max));
        }
        taken.all += 1;
        *taken.of.entry(of.clone()).or_default() += 1;
        Ok(Seat { seats: Arc::clone(self), of: of.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all -= 1;
        if let Some(own) = taken.of.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workspace_leaves_places_for_others() {
        let seats = Seats::new(3, 2);
        let [a, b] = ["a", "b"].map(|text| text.parse::<Name>().expect("a name"));
        let (first, second) = (seats.take(&a).expect("one"), seats.take(&a).expect("two"));
        assert_eq!(seats.take(&a).map(drop), Err(NoSeat::Share(2)));
        let other = seats.take(&b).expect("one is left");
        assert_eq!(seats.take(&b).map(drop), Err(NoSeat::Full(3)));
        drop(first);
        let again = seats.take(&a).expect("free again");
        drop((second, other, again));
        assert!(seats.taken().of.is_empty() && seats.taken().all == 0, "nothing is kept of who has none");
    }
}
