//! What a test's code did: its units of work and its statements.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::observe::{Observer, Outcome, StatementReport, UnitReport};
use crate::sync::Mutex;

/// The function name of [`Test::look`](super::Test::look), which is not recorded.
pub(super) const LOOK: &str = "look";

/// Records what the test's factory reports.
#[derive(Debug, Default)]
pub(super) struct Record {
    units: Mutex<Vec<UnitReport>>,
    statements: Mutex<Vec<StatementReport>>,
}

impl Record {
    pub(super) fn units(&self) -> Units {
        Units(self.units.lock().clone())
    }

    pub(super) fn statements(&self) -> Statements {
        Statements {
            calls: self.units(),
            statements: self.statements.lock().clone(),
        }
    }
}

impl Observer for Record {
    fn statement(&self, statement: &StatementReport) {
        if statement.caller.function != LOOK {
            self.statements.lock().push(statement.clone());
        }
    }

    fn ended(&self, unit: &UnitReport) {
        if unit.caller.function != LOOK {
            self.units.lock().push(unit.clone());
        }
    }
}

/// The units of work that have ended in a test, in the order of their ends: of [`Test::units`](crate::Test::units). It
/// is a slice of [`UnitReport`]s.
#[derive(Debug, Clone)]
pub struct Units(Vec<UnitReport>);

impl Deref for Units {
    type Target = [UnitReport];

    fn deref(&self) -> &[UnitReport] {
        &self.0
    }
}

impl Units {
    /// The units of one function.
    pub fn of(&self, function: &str) -> impl Iterator<Item = &UnitReport> {
        self.0
            .iter()
            .filter(move |unit| unit.caller.function == function)
    }

    /// The number of the function's calls that have committed.
    pub fn committed(&self, function: &str) -> usize {
        self.ended(function, Outcome::Committed)
    }

    /// The number of the function's calls that were rolled back.
    pub fn rolled_back(&self, function: &str) -> usize {
        self.ended(function, Outcome::RolledBack)
    }

    fn ended(&self, function: &str, outcome: Outcome) -> usize {
        let of_function = self.of(function);
        of_function.filter(|unit| unit.outcome == outcome).count()
    }
}

/// The statements of a test, in the order of their ends: of [`Test::statements`](crate::Test::statements). It is a slice
/// of [`StatementReport`]s.
#[derive(Debug, Clone)]
pub struct Statements {
    statements: Vec<StatementReport>,
    calls: Units,
}

impl Deref for Statements {
    type Target = [StatementReport];

    fn deref(&self) -> &[StatementReport] {
        &self.statements
    }
}

/// A statement that one function runs again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeated {
    /// The function.
    pub function: &'static str,
    /// The statement's text, with `?` in place of each literal.
    pub text: String,
    /// How often it ran.
    pub times: usize,
    /// The number of ended calls of the function; at least 1.
    pub calls: usize,
}

impl Statements {
    /// The statements that a function runs at least `times` times in each call, on average. Usually such a statement runs
    /// for each row of another query's result.
    ///
    /// ```no_run
    /// # #[cfg(feature = "sqlite")] mod example {
    /// # session_factory::session_factory! { pub struct AppDb(Sqlite); }
    /// # fn test(db: session_factory::Test<AppDb>) {
    /// assert_eq!(db.statements().repeated(10), []);
    /// # } }
    /// ```
    pub fn repeated(&self, times: usize) -> Vec<Repeated> {
        let mut counts = BTreeMap::new();
        for statement in &self.statements {
            let key = (statement.caller.function, statement.text());
            *counts.entry(key).or_insert(0_usize) += 1;
        }
        let all = counts
            .into_iter()
            .map(|((function, text), times)| Repeated {
                function,
                text: text.to_owned(),
                times,
                calls: self.calls.of(function).count().max(1),
            });
        all.filter(|statement| statement.times >= times.max(1) * statement.calls)
            .collect()
    }
}
