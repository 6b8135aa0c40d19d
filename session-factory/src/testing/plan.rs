//! What the attribute says about a test.

use std::time::Duration;

use super::databases::Databases;
use crate::factory::SessionFactory;

/// How a test is run. `#[session_factory::test]` makes it a constant.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Plan {
    /// The test's path, such as `shop::tests::pays`.
    pub(super) name: &'static str,
    /// The folder of the test's package.
    pub(super) package: &'static str,
    pub(super) mode: Mode,
    /// Sequences continue where the test before has left them.
    pub(super) ids_as_they_are: bool,
    /// None: one thread, the test's own.
    pub(super) workers: Option<Workers>,
    pub(super) start_paused: bool,
    /// How long sessions may stay open after the body's end. Then they fail the test.
    pub(super) within: Duration,
    pub(super) stray: Stray,
    pub(super) keep: bool,
    /// The test has to panic, with this text if there is one.
    #[allow(clippy::option_option)]
    pub(super) panics: Option<Option<&'static str>>,
}

/// What the test's database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `Rollback` where the backend has it.
    Default,
    /// A database of its own.
    Fresh,
    /// A transaction that is rolled back.
    Rollback,
}

/// A backend whose tests can be rolled back.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a test on `{Self}` cannot be rolled back",
    label = "`rollback` is for PostgreSQL",
    note = "write `fresh`: a database of its own"
)]
pub trait RollsBack {}

/// The threads of a `multi_thread` runtime.
#[derive(Debug, Clone, Copy)]
pub(super) enum Workers {
    Default,
    Number(usize),
}

/// What happens to sessions that are open when the body has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stray {
    Fail,
    Wait,
}

impl Plan {
    /// The defaults.
    pub const fn new(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            package,
            mode: Mode::Default,
            ids_as_they_are: false,
            workers: None,
            start_paused: false,
            within: Duration::from_secs(5),
            stray: Stray::Fail,
            keep: false,
            panics: None,
        }
    }

    /// `fresh`
    #[must_use]
    pub const fn fresh(mut self) -> Self {
        self.mode = Mode::Fresh;
        self
    }

    /// `rollback`
    #[must_use]
    pub const fn rollback(mut self) -> Self {
        self.mode = Mode::Rollback;
        self
    }

    /// `ids = "as_they_are"`
    #[must_use]
    pub const fn ids_as_they_are(mut self) -> Self {
        self.ids_as_they_are = true;
        self
    }

    /// `runtime = "multi_thread"`
    #[must_use]
    pub const fn multi_thread(mut self) -> Self {
        self.workers = Some(Workers::Default);
        self
    }

    /// `workers = 2`
    #[must_use]
    pub const fn workers(mut self, number: usize) -> Self {
        self.workers = Some(Workers::Number(number));
        self
    }

    /// `start_paused`
    #[must_use]
    pub const fn start_paused(mut self) -> Self {
        self.start_paused = true;
        self
    }

    /// `within = "5s"`
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// `stray = "wait"`
    #[must_use]
    pub const fn wait_for_strays(mut self) -> Self {
        self.stray = Stray::Wait;
        self
    }

    /// `keep`
    #[must_use]
    pub const fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// `#[should_panic]`
    #[must_use]
    pub const fn panics(mut self, expected: Option<&'static str>) -> Self {
        self.panics = Some(expected);
        self
    }

    /// True if a test on these databases runs in a transaction that is rolled back.
    pub(super) fn rolls_back<D: Databases>(&self) -> bool {
        match self.mode {
            Mode::Default => D::ROLLS_BACK && !self.keep,
            Mode::Fresh => false,
            Mode::Rollback => true,
        }
    }

    /// True if the test passes by panicking with this message.
    pub(super) fn expects(&self, message: Option<&str>) -> bool {
        match self.panics {
            None => false,
            Some(None) => true,
            Some(Some(expected)) => message.is_some_and(|message| message.contains(expected)),
        }
    }
}

/// Does not compile unless each test of the factory can be rolled back.
#[doc(hidden)]
pub const fn rolls_back<F: SessionFactory<Driver: RollsBack>>() {}
