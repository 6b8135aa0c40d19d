//! The command line.

use clap::{Args, Parser, ValueEnum};

use crate::backend::Backend;
use crate::faults::Fault;
use crate::ledger::Ground;
use crate::report::Point;

/// Breaks every call at every point, and looks at what is left.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
pub(crate) enum Command {
    Torture(Torture),
    Ledger(Ledger),
}

/// Try every point of each fault in each workload, and audit each case.
///
/// Ends with an error when a promise was broken; against `naive`, when one of its traps was not found.
#[derive(Debug, Args)]
pub(crate) struct Torture {
    /// Print a JSON line for each backend and fault on the standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Try only a sample, in less than three minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Cut at every byte. Default: at every second byte, chosen by the seed.
    #[arg(long, conflicts_with = "quick")]
    pub(crate) every_byte: bool,
    /// Test something other than the library.
    #[arg(long, value_enum)]
    pub(crate) against: Option<Opponent>,
    /// Only this database. May be given more than once.
    #[arg(long, value_enum)]
    pub(crate) backend: Vec<Backend>,
    /// Only this fault. May be given more than once.
    #[arg(long, value_enum)]
    pub(crate) fault: Vec<Fault>,
    /// Only this workload. May be given more than once.
    #[arg(long)]
    pub(crate) workload: Vec<String>,
    /// Selects the sample.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Only this one case, as a violation names it.
    #[arg(long, value_name = "POINT")]
    pub(crate) repeat: Option<Point>,
    /// How many times to run it.
    #[arg(long, default_value_t = 1, requires = "repeat")]
    pub(crate) times: u32,
    /// How many cases run side by side. Default: as many as suit the fault.
    #[arg(long)]
    pub(crate) lanes: Option<usize>,
}

/// Transfer money between accounts while callers give up and panic, connections are cut and the server
/// restarts; then audit the books.
///
/// Ends with an error if an acknowledged transfer is lost, one exists twice, a refused one exists,
/// or the sum is wrong.
#[derive(Debug, Args)]
pub(crate) struct Ledger {
    /// How long to run.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Print a JSON line on the standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// The database to use.
    #[arg(long, value_enum, default_value_t = Ground::Postgres)]
    pub(crate) backend: Ground,
    /// Determines who gives up, when, and where connections are cut.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Torture {
    /// True if only a part of the run was requested.
    pub(crate) fn is_partial(&self) -> bool {
        !(self.backend.is_empty() && self.fault.is_empty() && self.workload.is_empty())
            || self.repeat.is_some()
    }
}

/// What can be tested instead of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Opponent {
    /// diesel-async and bb8, wrapped by hand.
    Naive,
}
