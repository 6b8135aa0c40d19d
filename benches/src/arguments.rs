//! The command line.

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::overhead::counted::Counted;
use crate::systems::Kind;

/// The number of rounds of `contention`. The systems alternate, and the median of each figure counts, so that a
/// disturbance affects one round of one system.
const ROUNDS: u32 = 5;

/// Measures the library beside its alternatives.
///
/// Results go to standard output: a table, or one JSON line each. They are also kept in
/// `target/bench`, from which `report` (and `all`) writes `docs/benchmarks`. Results of `--only`,
/// `--without`, `--cancels`, `--tasks` or `--rounds` are kept there under another name, and do not appear in the report.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    pub(crate) name: Name,
    /// Print one JSON line for each result on the standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Measure only this system. May be given more than once.
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Peer>,
    /// Leave this system out. May be given more than once.
    #[arg(long, value_enum)]
    pub(crate) without: Vec<Peer>,
    /// For `storm`: the number of cancelled calls. Default: 200 and then 2000.
    #[arg(long)]
    cancels: Vec<u32>,
    /// For `contention`: the number of tasks. May be given more than once. Default: 1, 10, 100, 1000 and 10000.
    #[arg(long)]
    tasks: Vec<u32>,
    /// For `contention`: the number of rounds, of which the median counts.
    #[arg(long, default_value_t = ROUNDS)]
    pub(crate) rounds: u32,
    /// For `compile`: the number of runs.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: u32,
    #[command(flatten)]
    pub(crate) counted: Counted,
    #[cfg(feature = "testing")]
    #[command(flatten)]
    pub(crate) tests: crate::testing::Tests,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Round trips of a unit of work.
    Wire,
    /// Calls that are cancelled during a slow query.
    Storm,
    /// One transaction over lines of different length.
    Latency,
    /// Many tasks on ten connections.
    Contention,
    /// Short transactions on SQLite.
    Sqlite,
    /// Instructions of a session, counted by callgrind.
    Overhead,
    /// 500 functions: the compiler's time, the program's size.
    Compile,
    /// The cost of a test, beside `sqlx::test` and `begin_test_transaction`.
    Testing,
    /// The process whose instructions callgrind counts for `overhead`.
    #[value(hide = true)]
    Counted,
    /// Writes `docs/benchmarks` from the last results.
    Report,
    /// All of it.
    All,
}

/// The systems by their names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    SessionFactory,
    Bb8,
    Deadpool,
    Sqlx,
    SeaOrm,
    Sqlalchemy,
    /// The floor of `contention`.
    Pgbench,
}

impl Peer {
    fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::SessionFactory => Kind::Ours,
            Self::Bb8 => Kind::Bb8,
            Self::Deadpool => Kind::Deadpool,
            Self::Sqlx => Kind::Sqlx,
            Self::SeaOrm => Kind::SeaOrm,
            Self::Sqlalchemy => Kind::SqlAlchemy,
            Self::Pgbench => return None,
        })
    }
}

impl Arguments {
    /// The systems to measure.
    pub(crate) fn systems(&self) -> Vec<Kind> {
        let named = |peers: &[Peer], kind| peers.iter().any(|peer| peer.kind() == Some(kind));
        Kind::ALL
            .into_iter()
            .filter(|kind| self.only.is_empty() || named(&self.only, *kind))
            .filter(|kind| !named(&self.without, *kind))
            .collect()
    }

    /// True if pgbench is measured, where it can be.
    pub(crate) fn has_pgbench(&self) -> bool {
        let is_left = self.only.is_empty() || self.only.contains(&Peer::Pgbench);
        is_left && !self.without.contains(&Peer::Pgbench)
    }

    /// The systems, and SQLAlchemy with a ping as well, for quick measurements.
    pub(crate) fn systems_and_ping(&self) -> Vec<Kind> {
        let mut systems = self.systems();
        if systems.contains(&Kind::SqlAlchemy) {
            systems.push(Kind::SqlAlchemyPrePing);
        }
        systems
    }

    /// Rejects arguments that would measure nothing, or something else than requested.
    pub(crate) fn check(&self) -> Result<()> {
        let chooses = !(self.only.is_empty() && self.without.is_empty());
        let has_systems = !matches!(
            self.name,
            Name::Overhead | Name::Compile | Name::Testing | Name::Report | Name::All
        );
        ensure!(
            !chooses || has_systems,
            "--only and --without choose systems, and this is measured and shown as a whole: leave them away, or \
             measure one of wire, storm, latency, contention, sqlite"
        );
        ensure!(
            self.cancels.is_empty() || self.name == Name::Storm && !self.cancels.contains(&0),
            "--cancels is for `storm`, and at least 1"
        );
        ensure!(
            self.tasks.is_empty() || self.name == Name::Contention && !self.tasks.contains(&0),
            "--tasks is for `contention`, and at least 1"
        );
        ensure!(
            self.rounds == ROUNDS || self.name == Name::Contention && self.rounds > 0,
            "--rounds is for `contention`, and at least 1"
        );
        let pgbench = self.name == Name::Contention && self.has_pgbench();
        ensure!(
            pgbench || !self.systems().is_empty(),
            "--only and --without leave no system to measure"
        );
        Ok(())
    }

    /// True if only a part of the report's results is measured.
    pub(crate) fn is_part(&self) -> bool {
        let chosen = [&self.only, &self.without]
            .iter()
            .any(|peers| !peers.is_empty());
        chosen || !self.cancels.is_empty() || !self.tasks.is_empty() || self.rounds != ROUNDS
    }

    pub(crate) fn tasks(&self) -> Vec<u32> {
        if self.tasks.is_empty() {
            vec![1, 10, 100, 1_000, 10_000]
        } else {
            self.tasks.clone()
        }
    }

    pub(crate) fn cancels(&self) -> Vec<u32> {
        if self.cancels.is_empty() {
            vec![200, 2_000]
        } else {
            self.cancels.clone()
        }
    }
}
