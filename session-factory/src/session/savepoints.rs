//! The savepoints of a transaction, and which of their statements still have to be sent.

/// SAVEPOINT and RELEASE wait for the next statement and travel with it.
#[derive(Debug, Default)]
pub(super) struct Savepoints {
    /// How many are open.
    depth: u32,
    waiting: Vec<Control>,
    /// The outermost one that has to be rolled back to before anything else.
    undo: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Savepoint(u32),
    Release(u32),
}

impl Control {
    fn level(self) -> u32 {
        match self {
            Self::Savepoint(level) | Self::Release(level) => level,
        }
    }

    fn text(self) -> String {
        let name = name(self.level());
        match self {
            Self::Savepoint(_) => format!("SAVEPOINT {name}"),
            Self::Release(_) => format!("RELEASE SAVEPOINT {name}"),
        }
    }
}

fn name(level: u32) -> String {
    format!("session_factory_{level}")
}

impl Savepoints {
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Opens one, and gives its level.
    pub(super) fn open(&mut self) -> u32 {
        self.depth += 1;
        self.waiting.push(Control::Savepoint(self.depth));
        self.depth
    }

    /// Releases the one of this level and all inside of it.
    pub(super) fn release(&mut self, level: u32) {
        if level > self.depth {
            // It went with its transaction.
            return;
        }
        self.depth = level - 1;
        if !self.unsend(level) {
            self.waiting.push(Control::Release(level));
        }
    }

    /// Rolls back to the one of this level. True when the server has to be told.
    pub(super) fn undo(&mut self, level: u32) -> bool {
        if level > self.depth {
            return false;
        }
        self.depth = level - 1;
        if self.unsend(level) {
            return false;
        }
        self.undo = Some(self.undo.map_or(level, |other| other.min(level)));
        true
    }

    /// Something has to be rolled back before COMMIT.
    pub(super) fn must_undo(&self) -> bool {
        self.undo.is_some()
    }

    /// What has to travel ahead of the next statement.
    pub(super) fn text(&self) -> Option<String> {
        if self.undo.is_none() && self.waiting.is_empty() {
            return None;
        }
        let undo = self.undo.map(|level| {
            let name = name(level);
            format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
        });
        let waiting = self.waiting.iter().copied().map(Control::text);
        let all: Vec<_> = undo.into_iter().chain(waiting).collect();
        Some(all.join("; "))
    }

    /// All that waited is on its way.
    pub(super) fn sent(&mut self) {
        self.waiting.clear();
        self.undo = None;
    }

    /// There is no transaction.
    pub(super) fn forget(&mut self) {
        self.depth = 0;
    }

    /// Forgets one that was not sent yet, and what waits behind it.
    fn unsend(&mut self, level: u32) -> bool {
        let unsent = self
            .waiting
            .iter()
            .position(|control| *control == Control::Savepoint(level));
        match unsent {
            Some(position) => self.waiting.truncate(position),
            // What waits belongs to savepoints inside of this one, and goes with it.
            None => self.waiting.retain(|control| control.level() < level),
        }
        unsent.is_some()
    }
}
