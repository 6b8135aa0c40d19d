//! A transaction's savepoints, and which of their statements the session still has to send.

use std::num::NonZeroU32;

use crate::driver::savepoint_name;
use crate::observe::{Change, Step};

/// The open savepoints, with the SAVEPOINT and RELEASE that wait for the next statement and travel with it.
#[derive(Debug, Default)]
pub(in crate::session) struct Savepoints {
    /// How many savepoints are open.
    depth: u32,
    waiting: Vec<Control>,
    undo: Option<Undo>,
    /// True if a rollback to a savepoint was sent, and the server has not confirmed it.
    undo_unconfirmed: bool,
    /// Savepoints of this level and below ended with a transaction that the body's SQL committed: the session can
    /// neither release them nor roll back to them.
    gone: u32,
}

/// The rollback that the session has to send before everything else.
#[derive(Debug, Clone, Copy)]
struct Undo {
    /// The outermost savepoint that the rollback removes.
    to: u32,
    /// The innermost savepoint that the rollback removes.
    from: u32,
}

impl Undo {
    fn text(self) -> String {
        let mut text = String::with_capacity(160);
        text.push_str("ROLLBACK TO SAVEPOINT ");
        push_name(self.to, &mut text);
        text.push_str("; RELEASE SAVEPOINT ");
        push_name(self.to, &mut text);
        text
    }

    fn steps(self) -> impl Iterator<Item = Step> {
        let text = move |level| {
            if level == self.to {
                self.text()
            } else {
                String::new()
            }
        };
        let level = self.to..=self.from;
        level
            .rev()
            .map(move |level| Step::new(Change::RollBack, depth(level), text(level)))
    }
}

/// Returns the depth as diesel counts it: the transaction itself is 1.
fn depth(level: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(level)
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
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Appends the statement's SQL.
    fn write(self, to: &mut String) {
        to.reserve(64);
        to.push_str(match self {
            Self::Savepoint(_) => "SAVEPOINT ",
            Self::Release(_) => "RELEASE SAVEPOINT ",
        });
        push_name(self.level(), to);
    }

    fn step(self) -> Step {
        let change = match self {
            Self::Savepoint(_) => Change::Begin,
            Self::Release(_) => Change::Commit,
        };
        Step::new(change, depth(self.level()), self.text())
    }
}

fn push_name(level: u32, to: &mut String) {
    to.push_str(savepoint_name::prefix());
    match u8::try_from(level) {
        // Most levels have one digit, and formatting costs more than the rest of the text.
        Ok(digit @ 0..=9) => to.push(char::from(b'0' + digit)),
        _ => to.push_str(&level.to_string()),
    }
}

impl Savepoints {
    pub(in crate::session) fn depth(&self) -> u32 {
        self.depth
    }

    /// Opens a savepoint and returns its level.
    pub(in crate::session) fn open(&mut self) -> u32 {
        self.depth += 1;
        self.waiting.push(Control::Savepoint(self.depth));
        self.depth
    }

    /// Releases this level's savepoint and all savepoints inside it.
    pub(in crate::session) fn release(&mut self, level: u32) {
        if level > self.depth {
            // The savepoint ended with its transaction.
            return;
        }
        self.depth = level - 1;
        let is_gone = self.is_gone(level);
        self.gone = self.gone.min(self.depth);
        if !self.unsend(level) && !is_gone {
            self.waiting.push(Control::Release(level));
        }
    }

    /// Rolls back to this level's savepoint. Returns true if the session has to send ROLLBACK TO.
    pub(in crate::session) fn undo(&mut self, level: u32) -> bool {
        if level > self.depth {
            return false;
        }
        let sent = self.sent_depth();
        self.depth = level - 1;
        let is_gone = self.is_gone(level);
        self.gone = self.gone.min(self.depth);
        if self.unsend(level) || is_gone {
            return false;
        }
        let from = self.undo.map_or(sent, |other| other.from.max(sent));
        self.undo = Some(Undo { to: level, from });
        true
    }

    /// True if this level's savepoint ended with its transaction, which was committed.
    pub(in crate::session) fn is_gone(&self, level: u32) -> bool {
        level <= self.gone
    }

    /// Call when the body's SQL has committed the transaction: savepoints that were sent ended with it. Returns the
    /// savepoints of the next transaction, in which the session opens the unsent ones.
    pub(in crate::session) fn cut(&mut self) -> Self {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|control| matches!(control, Control::Savepoint(_)));
        let first = waiting.iter().map(|control| control.level()).min();
        Self {
            depth: self.depth,
            gone: first.map_or(self.depth, |first| first - 1),
            waiting,
            undo: None,
            undo_unconfirmed: false,
        }
    }

    /// True if the session has to roll back to a savepoint before COMMIT.
    pub(in crate::session) fn must_undo(&self) -> bool {
        self.undo.is_some()
    }

    /// True if `must_undo`, or if the session has sent that rollback and the server has not confirmed it.
    pub(in crate::session) fn is_undoing(&self) -> bool {
        self.undo_unconfirmed || self.must_undo()
    }

    /// Returns the savepoints' part of the next statement's prelude.
    pub(in crate::session) fn text(&self) -> Option<String> {
        if self.undo.is_none() && self.waiting.is_empty() {
            return None;
        }
        let mut all = self.undo.map(Undo::text).unwrap_or_default();
        for control in &self.waiting {
            if !all.is_empty() {
                all.push_str("; ");
            }
            control.write(&mut all);
        }
        Some(all)
    }

    /// Returns that part as steps, for an instrumentation that sees each of them.
    pub(in crate::session) fn steps(&self) -> impl Iterator<Item = Step> {
        let undo = self.undo.into_iter().flat_map(Undo::steps);
        undo.chain(self.waiting.iter().copied().map(Control::step))
    }

    /// Returns how the sent savepoints end if their transaction ends now: the session sends nothing more for them.
    pub(in crate::session) fn left(&self) -> impl Iterator<Item = Step> {
        let release = |control: &Control| matches!(control, Control::Release(_));
        let released = self
            .waiting
            .iter()
            .copied()
            .filter(release)
            .map(Control::step);
        let open = (1..=self.sent_depth())
            .rev()
            .map(|level| Step::new(Change::RollBack, depth(level), ""));
        let undo = self.undo.into_iter().flat_map(Undo::steps);
        undo.chain(released).chain(open).map(|step| Step {
            text: String::new(),
            ..step
        })
    }

    /// Returns how many of the open savepoints were sent.
    fn sent_depth(&self) -> u32 {
        let unsent = self.waiting.iter().filter_map(|control| match control {
            Control::Savepoint(level) => Some(level - 1),
            Control::Release(_) => None,
        });
        unsent.min().unwrap_or(self.depth)
    }

    /// Call when the waiting statements are being sent.
    pub(in crate::session) fn sent(&mut self) {
        self.waiting.clear();
        self.undo_unconfirmed |= self.undo.take().is_some();
    }

    /// Call when the server has run what was sent.
    pub(in crate::session) fn confirmed(&mut self) {
        self.undo_unconfirmed = false;
    }

    /// Call when BEGIN has failed: the savepoints that were opened with it do not exist.
    pub(in crate::session) fn forget(&mut self) {
        self.depth = self.gone;
    }

    /// Removes an unsent savepoint and the statements that wait after it. Returns false if the savepoint was sent.
    fn unsend(&mut self, level: u32) -> bool {
        let unsent = self
            .waiting
            .iter()
            .position(|control| *control == Control::Savepoint(level));
        match unsent {
            Some(position) => self.waiting.truncate(position),
            // The waiting statements of deeper savepoints go too, because those savepoints end with this one.
            None => self.waiting.retain(|control| control.level() < level),
        }
        unsent.is_some()
    }
}
