//! The work that every system does.

use serde::Serialize;

/// One transaction.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Unit {
    /// The number of statements, each of which reads or changes the row.
    pub(crate) statements: u32,
    pub(crate) writes: bool,
    /// False if the body ends with an error.
    pub(crate) commits: bool,
    /// True if the first statement runs inside a savepoint.
    pub(crate) savepoint: bool,
    /// True if the last statement travels with COMMIT, in systems that support it.
    pub(crate) commit_with: bool,
    pub(crate) row: i32,
}

impl Unit {
    pub(crate) fn write(statements: u32) -> Self {
        Self {
            statements,
            writes: true,
            commits: true,
            savepoint: false,
            commit_with: false,
            row: 1,
        }
    }

    pub(crate) fn read(statements: u32) -> Self {
        Self {
            writes: false,
            ..Self::write(statements)
        }
    }

    pub(crate) fn rolled_back(self) -> Self {
        Self {
            commits: false,
            ..self
        }
    }

    pub(crate) fn with_savepoint(self) -> Self {
        Self {
            savepoint: true,
            ..self
        }
    }

    pub(crate) fn commit_with(self) -> Self {
        Self {
            commit_with: true,
            ..self
        }
    }

    pub(crate) fn on_row(self, row: i32) -> Self {
        Self { row, ..self }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match (self.writes, self.commits, self.commit_with) {
            (_, _, true) => "commit_with",
            (true, true, _) => "write",
            (true, false, _) => "rolled back",
            (false, _, _) => "read",
        }
    }
}
