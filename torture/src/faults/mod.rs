//! What goes wrong, and where: each fault has points, numbered from 0 until a workload ends before one.

mod cancel;
mod cut;
mod panic;
mod stall;
mod terminate;

use std::any::Any;
use std::panic::AssertUnwindSafe;

use clap::ValueEnum;
use futures_util::FutureExt as _;

use crate::backend::Backend;
use crate::case::Case;
use crate::lane::Lane;
use crate::problem::Problem;
use crate::workloads::{Setup, Workload};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// The future is dropped after its k-th poll, for every k.
    Cancel,
    /// The caller panics: in place of its k-th poll, or at the k-th step of a body.
    Panic,
    /// The server ends the connection before, during and after the k-th packet.
    Terminate,
    /// The connection is cut after the n-th byte.
    Cut,
    /// The connection goes silent after the n-th byte, and the caller gives up.
    Stall,
}

/// A series of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Left out by `--quick`.
    pub(crate) thorough: bool,
}

/// How a run went, apart from what is in its journal.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) case: Case,
    /// The point was reached: the fault has struck.
    pub(crate) reached: bool,
    /// There are no more points after this one.
    pub(crate) last: bool,
    pub(crate) problem: Option<Problem>,
}

impl Struck {
    /// A run of which the point was reached, or which ended before it.
    fn new(case: Case, reached: bool, ended: Ended) -> Self {
        Self {
            case,
            reached,
            last: !reached,
            problem: ended.problem(),
        }
    }
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [
        Self::Cancel,
        Self::Panic,
        Self::Terminate,
        Self::Cut,
        Self::Stall,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Panic => "panic",
            Self::Terminate => "terminate",
            Self::Cut => "cut",
            Self::Stall => "stall",
        }
    }

    /// SQLite has no server that could end a connection, and no network. A pooler's connections to the server are
    /// its own, and nobody's in particular.
    pub(crate) fn applies_to(self, backend: Backend) -> bool {
        match backend {
            Backend::Sqlite | Backend::Pgbouncer => matches!(self, Self::Cancel | Self::Panic),
            _ => true,
        }
    }

    pub(crate) fn variants(self) -> &'static [Variant] {
        match self {
            Self::Cancel => cancel::VARIANTS,
            Self::Panic => panic::VARIANTS,
            Self::Terminate => terminate::VARIANTS,
            Self::Cut => cut::VARIANTS,
            Self::Stall => stall::VARIANTS,
        }
    }

    /// Whether a workload has points of this fault.
    pub(crate) fn concerns(self, workload: &Workload) -> bool {
        // A cut is found at once by whoever waits for an answer, but that ends no endless statement of
        // the workload's: its later bytes are never sent.
        let endless = workload.endless && !matches!(self, Self::Cancel | Self::Panic);
        // A connection of the application's pool that goes silent is that pool's to give up: it has no limit.
        let not_ours = self == Self::Stall && workload.setup == Setup::Foreign;
        !endless && !not_ours
    }

    /// Runs a workload and strikes at one point.
    pub(crate) async fn strike(
        self,
        lane: &mut Lane,
        workload: &Workload,
        variant: &str,
        at: u64,
    ) -> Struck {
        match self {
            Self::Cancel => cancel::strike(lane, workload, variant, at).await,
            Self::Panic => panic::strike(lane, workload, variant, at).await,
            Self::Terminate => terminate::strike(lane, workload, variant, at).await,
            Self::Cut => cut::strike(lane, workload, variant, at).await,
            Self::Stall => stall::strike(lane, workload, variant, at).await,
        }
    }
}

/// How a future of a workload ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done,
    /// Dropped before it was done.
    Dropped,
    /// The panic that was asked for.
    Panicked,
    /// Another one.
    PanickedByItself(String),
}

impl Ended {
    pub(crate) fn problem(self) -> Option<Problem> {
        match self {
            Self::PanickedByItself(message) => Some(Problem::Panicked { message }),
            _ => None,
        }
    }
}

/// What a planned panic's message begins with.
const PLANNED: [&str; 2] = ["torture: panic at", "panic at poll"];

/// Runs a future to its end, whatever that is. `None` of it: it was dropped.
pub(crate) async fn guarded<T>(future: impl Future<Output = Option<T>>) -> Ended {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(Some(_)) => Ended::Done,
        Ok(None) => Ended::Dropped,
        Err(payload) => {
            let message = text(&*payload);
            if PLANNED.iter().any(|planned| message.starts_with(planned)) {
                Ended::Panicked
            } else {
                Ended::PanickedByItself(message)
            }
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".to_owned())
}

/// Keeps the planned panics off the console.
pub(crate) fn hush_planned_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = text(info.payload());
        if !PLANNED.iter().any(|planned| message.starts_with(planned)) {
            others(info);
        }
    }));
}
