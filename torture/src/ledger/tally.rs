//! Compares the callers' results with the books.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use serde::Serialize;

use super::bank::{ACCOUNTS, BALANCE, Books, Fate, Happened};
use super::ground::Ground;
use crate::case::Verdict;

/// The results while transfers run.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fates: BTreeMap<u64, Fate>,
    acknowledged: u64,
    /// The acknowledged transfers' numbers.
    known: Vec<u64>,
    reads: u64,
    stale_reads: u64,
    restarts: u32,
    promotions: u32,
    standby_losses: u32,
    cuts: u64,
}

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    backend: &'static str,
    seconds: u64,
    transfers: usize,
    acknowledged: u64,
    /// Calls that returned an error that means "rolled back".
    refused: usize,
    /// Calls that returned an error that means "outcome unknown".
    unknown: usize,
    dropped: usize,
    panicked: usize,
    restarts: u32,
    promotions: u32,
    standby_losses: u32,
    cuts: u64,
    /// Reads of acknowledged transfers.
    reads: u64,
    /// Those reads that did not find the transfer.
    stale_reads: u64,
    replica_reads: u64,
    /// Reads that used the primary instead of a replica.
    fallbacks: u64,
    /// Acknowledged transfers that do not exist.
    lost: usize,
    /// Transfers that exist more than once, whatever their caller's result.
    doubled: usize,
    /// Refused transfers that exist.
    kept: usize,
    /// True if the sum is right, each account agrees with its transfers, and all nodes of a cluster
    /// agree.
    sum_ok: bool,
    /// For a cluster: the number of transactions rolled back in favour of another node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<i64>,
}

impl Tally {
    /// Records a caller's result.
    pub(super) fn ended(&self, id: u64, fate: Fate) {
        let mut state = self.state();
        if fate == Fate::Told(Verdict::Committed) {
            state.acknowledged += 1;
            state.known.push(id);
        }
        state.fates.insert(id, fate);
    }

    pub(super) fn happened(&self, what: Happened) {
        let mut state = self.state();
        match what {
            Happened::Restarted => state.restarts += 1,
            Happened::Promoted => state.promotions += 1,
            Happened::StandbyLost => state.standby_losses += 1,
        }
    }

    /// A random acknowledged transfer.
    pub(super) fn an_acknowledged(&self, random: &mut Rng) -> Option<u64> {
        random.choice(self.state().known.iter().copied())
    }

    /// Records a read of an acknowledged transfer.
    pub(super) fn read(&self, seen: bool) {
        let mut state = self.state();
        state.reads += 1;
        state.stale_reads += u64::from(!seen);
    }

    pub(super) fn cut(&self) {
        self.state().cuts += 1;
    }

    /// The progress bar's text.
    pub(super) fn acknowledged(&self) -> String {
        let state = self.state();
        format!(
            "{} acknowledged, {} restarts, {} promotions, {} standbys lost, {} cuts",
            state.acknowledged, state.restarts, state.promotions, state.standby_losses, state.cuts
        )
    }

    /// Compares the callers' results with the books.
    pub(super) fn line(
        &self,
        ground: Ground,
        seconds: u64,
        books: &Books,
        conflicts: Option<i64>,
    ) -> Line {
        let state = self.state();
        let count = |wanted: fn(&Fate) -> bool| state.fates.values().filter(|f| wanted(f)).count();
        let told = |wanted: fn(&Verdict) -> bool, there| {
            let with = state
                .fates
                .iter()
                .filter(|(_, fate)| matches!(fate, Fate::Told(verdict) if wanted(verdict)));
            with.filter(|(id, _)| books.transfers.contains_key(id) == there)
                .count()
        };
        Line {
            backend: ground.name(),
            seconds,
            transfers: state.fates.len(),
            acknowledged: state.acknowledged,
            refused: count(|fate| matches!(fate, Fate::Told(verdict) if verdict.is_rolled_back())),
            unknown: count(|fate| *fate == Fate::Told(Verdict::Unknown)),
            dropped: count(|fate| *fate == Fate::Dropped),
            panicked: count(|fate| *fate == Fate::Panicked),
            restarts: state.restarts,
            promotions: state.promotions,
            standby_losses: state.standby_losses,
            cuts: state.cuts,
            reads: state.reads,
            stale_reads: state.stale_reads,
            replica_reads: 0,
            fallbacks: 0,
            lost: told(|verdict| *verdict == Verdict::Committed, false),
            doubled: books.transfers.values().filter(|times| **times > 1).count(),
            kept: told(|verdict| verdict.is_rolled_back(), true),
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
    pub(super) fn with_reads_of_replicas(self, (replica_reads, fallbacks): (u64, u64)) -> Self {
        Self {
            replica_reads,
            fallbacks,
            ..self
        }
    }

    /// True if transfers were made, and the books are right.
    pub(super) fn is_right(&self) -> bool {
        self.acknowledged > 0
            && self.lost == 0
            && self.doubled == 0
            && self.kept == 0
            && self.stale_reads == 0
            && self.sum_ok
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} transfers in {} s with {} restarts, {} promotions, {} lost standbys and {} cuts",
            self.backend,
            self.transfers,
            self.seconds,
            self.restarts,
            self.promotions,
            self.standby_losses,
            self.cuts
        )?;
        writeln!(
            f,
            "reads of acknowledged transfers: {}, {} stale; sessions on a replica: {}, on the primary in its place: {}",
            self.reads, self.stale_reads, self.replica_reads, self.fallbacks
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
        tally.line(Ground::Postgres, 1, books, None)
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
