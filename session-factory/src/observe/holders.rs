//! The calls that hold a pool's connections while another call waits.

use std::time::Instant;

use crate::call::Origin;
use crate::time::in_millis;

/// The most holders that a warning names.
const NAMED: usize = 3;

/// The calls that held the connections when another call began to wait. Small, because thousands of calls may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holders {
    /// The longest holders, and since when each holds its connection.
    longest: [Option<(Origin, Instant)>; NAMED],
    all: usize,
    at: Instant,
}

impl Holders {
    /// Returns an empty list.
    pub(crate) fn none(at: Instant) -> Self {
        Self {
            longest: [None; NAMED],
            all: 0,
            at,
        }
    }

    /// Adds a holder.
    pub(crate) fn add(&mut self, holder: Origin, since: Instant) {
        self.all += 1;
        let mut next = Some((holder, since));
        for place in &mut self.longest {
            let is_longer = match (&next, &place) {
                (Some((_, since)), Some((_, other))) => since < other,
                (next, _) => next.is_some(),
            };
            if is_longer {
                std::mem::swap(place, &mut next);
            }
        }
    }
}

impl std::fmt::Display for Holders {
    /// "when the wait began, connections were held by rename (src/a.rs:1) for 3s and 4 more"
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut named = 0;
        for (holder, since) in self.longest.iter().flatten() {
            f.write_str(match named {
                0 => "when the wait began, connections were held by ",
                _ => ", ",
            })?;
            let held_for = self.at.saturating_duration_since(*since);
            write!(f, "{holder} for {}", in_millis(held_for))?;
            named += 1;
        }
        match self.all - named {
            0 if named == 0 => f.write_str("when the wait began, no call held a connection"),
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longest_holders_are_named_and_the_others_counted() {
        let start = Instant::now();
        let after = |seconds| crate::time::after(start, Duration::from_secs(seconds));
        let mut holders = Holders::none(after(10));
        assert_eq!(
            holders.to_string(),
            "when the wait began, no call held a connection"
        );
        for (function, since) in [("e", 5), ("a", 1), ("c", 3), ("b", 2), ("d", 4)] {
            holders.add(Origin::internal(function), after(since));
        }
        assert_eq!(
            holders.to_string(),
            "when the wait began, connections were held by a for 9s, b for 8s, c for 7s and 2 more"
        );
    }
}
