//! The faults that a test has armed.

use std::time::Duration;

use crate::error::{ConnectError, StatementError};
use crate::sync::Mutex;

/// A fault, and how often it is to strike.
#[derive(Debug)]
pub(crate) struct ArmedFault {
    pub(crate) effect: FaultEffect,
    pub(crate) point: FaultPoint,
    pub(crate) times: u32,
    pub(crate) function: Option<&'static str>,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultPoint {
    Acquire,
    Commit,
    /// At the statement with this number: each earlier statement subtracts one, and the fault strikes at 1.
    Statement(u32),
}

/// What a fault does.
#[derive(Debug, Clone)]
pub(crate) enum FaultEffect {
    /// The server refuses COMMIT with this error.
    Conflict(Option<StatementError>),
    /// The server commits, and its answer is lost.
    AnswerLost,
    /// The server does not commit, and no answer comes.
    CommitLost,
    ConnectionLost,
    Refused(ConnectError),
    Slow(Duration),
}

/// A test's faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<ArmedFault>>);

impl Faults {
    pub(crate) fn arm(&self, fault: ArmedFault) {
        self.0.lock().push(fault);
    }

    /// Returns the effects of the faults that strike a session of `function` at this point, and counts them as struck.
    fn strike(
        &self,
        is_here: impl Fn(&mut ArmedFault) -> bool,
        function: &str,
    ) -> Vec<FaultEffect> {
        let mut faults = self.0.lock();
        let mut effects = Vec::new();
        for fault in faults.iter_mut() {
            let is_of_function = fault.function.is_none_or(|of| of == function);
            if is_of_function && is_here(fault) {
                fault.times -= 1;
                effects.push(fault.effect.clone());
            }
        }
        faults.retain(|fault| fault.times > 0);
        effects
    }

    pub(crate) fn at_acquire(&self, function: &str) -> Vec<FaultEffect> {
        self.strike(|fault| fault.point == FaultPoint::Acquire, function)
    }

    /// Returns at most one effect, because a COMMIT has one outcome.
    pub(crate) fn at_commit(&self, function: &str) -> Option<FaultEffect> {
        let is_struck = std::cell::Cell::new(false);
        let is_first =
            |fault: &mut ArmedFault| fault.point == FaultPoint::Commit && !is_struck.replace(true);
        self.strike(is_first, function).pop()
    }

    pub(crate) fn at_statement(&self, function: &str) -> bool {
        let is_due = |fault: &mut ArmedFault| match &mut fault.point {
            FaultPoint::Statement(1) => true,
            FaultPoint::Statement(number) => {
                *number -= 1;
                false
            }
            _ => false,
        };
        !self.strike(is_due, function).is_empty()
    }

    /// True if a fault is armed for COMMIT.
    pub(crate) fn wait_for_commit(&self) -> bool {
        let faults = self.0.lock();
        faults.iter().any(|fault| fault.point == FaultPoint::Commit)
    }

    /// Describes the faults that have not struck.
    pub(crate) fn left(&self) -> Vec<String> {
        let faults = self.0.lock();
        let in_words = |fault: &ArmedFault| {
            let what = match fault.effect {
                FaultEffect::Conflict(_) => "a conflict",
                FaultEffect::AnswerLost | FaultEffect::CommitLost => "a lost answer",
                FaultEffect::ConnectionLost => "a lost connection",
                FaultEffect::Refused(_) => "a refused connection",
                FaultEffect::Slow(_) => "a slow connection",
            };
            let place = match fault.point {
                FaultPoint::Acquire => "when a session is opened".to_owned(),
                FaultPoint::Commit => "at COMMIT".to_owned(),
                FaultPoint::Statement(number) => format!("{number} statements ahead"),
            };
            let function = match fault.function {
                Some(function) => format!(" of `{function}`"),
                None => String::new(),
            };
            format!("{what} {place}{function}, {} times", fault.times)
        };
        faults.iter().map(in_words).collect()
    }
}
