//! The plan: series of points, each for one workload and one fault.

use crate::backend::Backend;
use crate::faults::Fault;
use crate::workloads::{self, Workload};

/// Points of one fault in one workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) fault: Fault,
    pub(crate) workload: &'static Workload,
    pub(crate) variant: &'static str,
    /// The first point; `step` is the distance between points.
    pub(crate) first: u64,
    pub(crate) step: u64,
    /// The last point; `None` for the workload's end.
    pub(crate) last: Option<u64>,
}

/// Up to this byte, every byte is a point. In larger transfers, one of [`SPARSE`] follows.
const DENSE: u64 = 3000;
const SPARSE: u64 = 61;

impl Series {
    /// The series' points. The workload's end, which only the run knows, cuts them off.
    pub(crate) fn points(&self) -> impl Iterator<Item = u64> + use<> {
        let (step, last) = (self.step, self.last.unwrap_or(u64::MAX));
        std::iter::successors(Some(self.first), move |at| {
            let step = if *at < DENSE { step } else { step * SPARSE };
            at.checked_add(step)
        })
        .take_while(move |at| *at <= last)
    }
}

/// How much is tested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Only a sample, for CI.
    pub(crate) quick: bool,
    /// Every byte; otherwise every second one.
    pub(crate) every_byte: bool,
    pub(crate) seed: u64,
}

impl Extent {
    /// All series of a backend and a fault.
    pub(crate) fn series(self, backend: Backend, fault: Fault, only: &[String]) -> Vec<Series> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut all = Vec::new();
        let workloads = workloads::all(backend)
            .filter(|workload| fault.concerns(workload))
            .filter(|workload| only.is_empty() || only.iter().any(|name| name == workload.name));
        for workload in workloads {
            for variant in fault.variants() {
                let left_out = variant.thorough || fault == Fault::Stall && random.bool();
                if self.quick && left_out {
                    continue;
                }
                // Several series in parallel, each with the points that the others skip.
                let (step, tried) = self.steps(fault);
                for _ in 0..tried {
                    all.push(Series {
                        fault,
                        workload,
                        variant: variant.name,
                        first: 0,
                        step,
                        last: None,
                    });
                }
                let series = all.len() - tried..;
                let mut firsts: Vec<u64> = (0..step).collect();
                random.shuffle(&mut firsts);
                for (series, first) in all[series].iter_mut().zip(firsts) {
                    series.first = first;
                    if self.quick && fault == Fault::Stall {
                        series.last = Some(first);
                    }
                }
            }
        }
        all
    }

    /// The distance between points, and how many of the series with that distance are run. If both
    /// are equal, all points are covered. A stalled case takes half a minute, so fewer of those
    /// run.
    fn steps(self, fault: Fault) -> (u64, usize) {
        match (fault, self.quick) {
            (Fault::Cancel | Fault::Panic | Fault::Terminate, _) => (1, 1),
            (Fault::Cut, false) => (4, if self.every_byte { 4 } else { 2 }),
            (Fault::Cut, true) => (61, 1),
            (Fault::Stall, false) => (1499, 8),
            (Fault::Stall, true) => (499, 1),
        }
    }
}
