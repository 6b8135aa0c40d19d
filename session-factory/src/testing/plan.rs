//! What the attribute says about a test.

use std::time::Duration;

/// How a test is run. `#[session_factory::test]` makes it a constant.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Plan {
    /// The test's path, such as `shop::tests::pays`.
    pub(super) name: &'static str,
    /// The folder of the test's package.
    pub(super) package: &'static str,
    /// None: the test's thread alone.
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
            workers: None,
            start_paused: false,
            within: Duration::from_secs(5),
            stray: Stray::Fail,
            keep: false,
            panics: None,
        }
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

    /// True if the test passes by panicking with this message.
    pub(super) fn expects(&self, message: Option<&str>) -> bool {
        match self.panics {
            None => false,
            Some(None) => true,
            Some(Some(expected)) => message.is_some_and(|message| message.contains(expected)),
        }
    }
}
