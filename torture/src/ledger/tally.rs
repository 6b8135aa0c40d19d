//! What the callers were told, and what the books say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::bank::{ACCOUNTS, BALANCE, Books, Fate};
use crate::arguments::Place;
use crate::case::Verdict;

/// Kept while transfers run.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fates: BTreeMap<u64, Fate>,
    acknowledged: u64,
    restarts: u32,
    cuts: u64,
}

/// The outcome.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    backend: &'static str,
    seconds: u64,
    transfers: usize,
    acknowledged: u64,
    /// Told of an error: rolled back.
    refused: usize,
    /// Told that the outcome is not known.
    unknown: usize,
    dropped: usize,
    panicked: usize,
    restarts: u32,
    cuts: u64,
    /// Acknowledged, and not there.
    lost: usize,
    /// There more than once, whatever the caller was told.
    doubled: usize,
    /// Refused, and there.
    kept: usize,
    /// The money is all there, each account has what the transfers say, and all nodes of a cluster agree.
    sum_ok: bool,
    /// Of a cluster: transactions that gave way to another node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<i64>,
}

impl Tally {
    /// A transfer is over for its caller.
    pub(super) fn ended(&self, id: u64, fate: Fate) {
        let mut state = self.state();
        state.acknowledged += u64::from(fate == Fate::Told(Verdict::Committed));
        state.fates.insert(id, fate);
    }

    pub(super) fn restarted(&self) {
        self.state().restarts += 1;
    }

    pub(super) fn cut(&self) {
        self.state().cuts += 1;
    }

    /// For the progress bar.
    pub(super) fn acknowledged(&self) -> String {
        let state = self.state();
        format!(
            "{} acknowledged, {} restarts, {} cuts",
            state.acknowledged, state.restarts, state.cuts
        )
    }

    /// Compares what was told with what is there.
    pub(super) fn line(
        &self,
        place: Place,
        seconds: u64,
        books: &Books,
        conflicts: Option<i64>,
    ) -> Line {
        let state = self.state();
        let count = |wanted: fn(&Fate) -> bool| state.fates.values().filter(|f| wanted(f)).count();
        let told = |verdict, there| {
            let with = state
                .fates
                .iter()
                .filter(|(_, fate)| **fate == Fate::Told(verdict));
            with.filter(|(id, _)| books.transfers.contains_key(id) == there)
                .count()
        };
        Line {
            backend: place.name(),
            seconds,
            transfers: state.fates.len(),
            acknowledged: state.acknowledged,
            refused: count(|fate| *fate == Fate::Told(Verdict::RolledBack)),
            unknown: count(|fate| *fate == Fate::Told(Verdict::Unknown)),
            dropped: count(|fate| *fate == Fate::Dropped),
            panicked: count(|fate| *fate == Fate::Panicked),
            restarts: state.restarts,
            cuts: state.cuts,
            lost: told(Verdict::Committed, false),
            doubled: books.transfers.values().filter(|times| **times > 1).count(),
            kept: told(Verdict::RolledBack, true),
            sum_ok: books.total == i64::from(ACCOUNTS) * BALANCE
                && books.unbalanced == 0
                && books.differing == 0,
            conflicts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Something was transferred, and the books are right.
    pub(super) fn is_right(&self) -> bool {
        self.acknowledged > 0
            && self.lost == 0
            && self.doubled == 0
            && self.kept == 0
            && self.sum_ok
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} transfers in {} s with {} restarts and {} cuts",
            self.backend, self.transfers, self.seconds, self.restarts, self.cuts
        )?;
        writeln!(
            f,
            "told: {} acknowledged, {} refused, {} unknown; not told: {} dropped, {} panicked",
            self.acknowledged, self.refused, self.unknown, self.dropped, self.panicked
        )?;
        write!(
            f,
            "the books: {} lost, {} doubled, {} refused and there, the sum is {}",
            self.lost,
            self.doubled,
            self.kept,
            if self.sum_ok { "right" } else { "wrong" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: i64 = ACCOUNTS as i64 * BALANCE;

    fn line(fates: &[Fate], books: &Books) -> Line {
        let tally = Tally::default();
        for (id, fate) in (0..).zip(fates) {
            tally.ended(id, *fate);
        }
        tally.line(Place::Postgres, 1, books, None)
    }

    #[test]
    fn whoever_was_told_nothing_may_find_the_transfer_or_not() {
        let fates = [
            Fate::Told(Verdict::Committed),
            Fate::Dropped,
            Fate::Dropped,
            Fate::Panicked,
            Fate::Told(Verdict::Unknown),
            Fate::Told(Verdict::RolledBack),
        ];
        let line = line(&fates, &Books::with_transfers("0,1,4", TOTAL, 0));
        assert!(line.is_right(), "{line}");
        assert_eq!((line.acknowledged, line.dropped, line.unknown), (1, 2, 1));
    }

    #[test]
    fn what_is_lost_doubled_kept_or_out_of_balance_is_counted() {
        let committed = Fate::Told(Verdict::Committed);
        let fates = [
            committed,
            committed,
            Fate::Dropped,
            Fate::Told(Verdict::RolledBack),
        ];
        let bad = line(&fates, &Books::with_transfers("0,2,2,3", TOTAL, 0));
        assert_eq!((bad.lost, bad.doubled, bad.kept), (1, 1, 1));
        assert!(!bad.is_right());
        for (total, unbalanced) in [(TOTAL - 1, 0), (TOTAL, 1)] {
            let bad = line(&fates, &Books::with_transfers("0,1", total, unbalanced));
            assert!(!bad.sum_ok && !bad.is_right());
        }
    }

    #[test]
    fn nothing_transferred_proves_nothing() {
        assert!(!line(&[Fate::Dropped], &Books::with_transfers("", TOTAL, 0)).is_right());
    }
}
