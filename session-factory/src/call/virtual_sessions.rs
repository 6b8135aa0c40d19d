//! The sessions of a test that is rolled back, as its virtual server knows them.

use std::collections::HashMap;
use std::time::Duration;

use super::Origin;
use crate::sync::Mutex;

/// The sessions of one test, and what the test cannot show.
#[derive(Debug)]
pub(crate) struct VirtualSessions {
    /// By the server process that the connection believes in.
    sessions: Mutex<HashMap<u32, VirtualSession>>,
    failures: Mutex<Vec<String>>,
    /// How long a session waits for its turn.
    pub(crate) within: Duration,
}

/// The session that uses a connection now.
#[derive(Debug, Clone)]
pub(crate) struct VirtualSession {
    origin: Origin,
    /// The sessions around the code that opened this one.
    around: Vec<Origin>,
}

impl VirtualSessions {
    pub(crate) fn new(within: Duration) -> Self {
        Self {
            sessions: Mutex::default(),
            failures: Mutex::default(),
            within,
        }
    }

    /// Notes which session uses the connection from now on.
    pub(crate) fn opened(&self, process: u32, origin: Origin, around: Vec<Origin>) {
        let session = VirtualSession { origin, around };
        self.sessions.lock().insert(process, session);
    }

    pub(crate) fn find(&self, process: u32) -> Option<VirtualSession> {
        self.sessions.lock().get(&process).cloned()
    }

    /// The test has done something that it cannot show.
    pub(crate) fn fail(&self, why: String) {
        let mut failures = self.failures.lock();
        if !failures.contains(&why) {
            failures.push(why);
        }
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().clone()
    }
}

impl VirtualSession {
    /// The function that opened it.
    pub(crate) fn function(&self) -> &'static str {
        self.origin.function()
    }

    /// The function, with its file and line.
    pub(crate) fn shown(&self) -> String {
        self.origin.to_string()
    }

    /// True if this session was opened by code that uses the other one, so that the other one waits.
    pub(crate) fn is_inside(&self, other: &Self) -> bool {
        let place = |origin: &Origin| (origin.function(), origin.file_and_line());
        self.around
            .iter()
            .any(|around| place(around) == place(&other.origin))
    }
}
