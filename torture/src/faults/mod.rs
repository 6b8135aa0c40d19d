//! The faults. Each has points, numbered from 0 until a workload ends before one.

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

/// The result of a run, in addition to its journal.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) case: Case,
    /// True if the run reached the point, so that the fault struck.
    pub(crate) reached: bool,
    /// True if no point follows this one.
    pub(crate) last: bool,
    pub(crate) problem: Option<Problem>,
}

impl Struck {
    /// The result of a run that reached its point, or ended before it.
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

    /// SQLite has neither a server nor a network. A pooler's connections to the server belong to
    /// the pooler and to no particular client.
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

    /// True if a workload has points of this fault.
    pub(crate) fn concerns(self, workload: &Workload) -> bool {
        // A cut does not end a workload with an endless statement: its later bytes are never sent.
        let endless = workload.endless && !matches!(self, Self::Cancel | Self::Panic);
        // A silent connection of the external pool is that pool's responsibility, and it has no
        // time limit.
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
    /// Dropped before it was ready.
    Dropped,
    /// The planned panic.
    Panicked,
    /// Another panic.
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

/// The beginnings of planned panics' messages.
const PLANNED: [&str; 2] = ["torture: panic at", "panic at poll"];

/// Runs a future to its end, whatever that is. A result of `None` means that it was dropped.
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

/// Keeps planned panics off the console.
pub(crate) fn hush_planned_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = text(info.payload());
        if !PLANNED.iter().any(|planned| message.starts_with(planned)) {
            others(info);
        }
    }));
}
