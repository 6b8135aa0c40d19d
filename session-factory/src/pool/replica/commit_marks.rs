//! The log positions of this factory's commits. A session may rely on a replica only after the
//! replica has replayed the log up to these positions.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::call::LogPosition;
use crate::sync::Mutex;

/// How long a COMMIT without an answer may still take effect: as long as recovery checks it.
const IN_DOUBT: Duration = Duration::from_secs(30);

/// Written by sessions after their commits, and read by sessions that want to use a replica.
#[derive(Debug, Default)]
pub(crate) struct CommitMarks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    newest: Option<LogPosition>,
    /// The latest time at which a commit without a known position took effect, or may still take effect. A commit
    /// that is sent after this time has a later position.
    doubt: Option<Instant>,
    /// The number of unfinished commits whose callers were dropped.
    unfinished: u32,
}

/// The position that a replica must have replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// None: this factory has committed nothing yet.
    Nothing,
    /// This position.
    At(LogPosition),
    /// Unknown: only the primary certainly has everything.
    Unknown,
}

impl CommitMarks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(crate) fn mark(&self) -> Mark {
        let state = self.state();
        if state.doubt.is_some() || state.unfinished > 0 {
            return Mark::Unknown;
        }
        state.newest.map_or(Mark::Nothing, Mark::At)
    }

    /// Records the commit of a transaction that may have written. Its COMMIT was sent at `sent`.
    pub(crate) fn committed(&self, at: Option<LogPosition>, sent: Instant) {
        let mut state = self.state();
        match at {
            Some(_) => {
                state.newest = LogPosition::both(state.newest, at);
                state.seen(sent);
            }
            None => state.doubt = state.doubt.max(Some(Instant::now())),
        }
    }

    /// Records the commit of a transaction that has only read, on the primary. If its position is known, this
    /// ends a doubt that arose before its COMMIT was sent.
    pub(crate) fn passed(&self, at: Option<LogPosition>, sent: Instant) {
        let mut state = self.state();
        if at.is_some() && state.doubt.is_some_and(|doubt| sent > doubt) {
            // Without its time: this transaction wrote nothing, so no log record has that time.
            state.newest = LogPosition::both(state.newest, at.map(LogPosition::undated));
            state.seen(sent);
        }
    }

    /// Records that COMMIT got no answer.
    pub(crate) fn in_doubt(&self) {
        let mut state = self.state();
        state.doubt = state.doubt.max(Some(crate::time::from_now(IN_DOUBT)));
    }

    /// Records that the caller was dropped during COMMIT. [`finished`](Self::finished) follows.
    pub(crate) fn unfinished(&self) {
        self.state().unfinished += 1;
    }

    /// Records that the commit's outcome is known, or will never be known.
    pub(crate) fn finished(&self) {
        let mut state = self.state();
        state.unfinished = state.unfinished.saturating_sub(1);
    }
}

impl State {
    /// Ends a doubt that arose before `sent`: the position of the commit that was sent then is known, and later.
    fn seen(&mut self, sent: Instant) {
        self.doubt.take_if(|doubt| sent > *doubt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Option<LogPosition> = LogPosition::new(10, 0);
    const ELEVEN: Option<LogPosition> = LogPosition::new(11, 0);
    const TWELVE: Option<LogPosition> = LogPosition::new(12, 0);

    #[test]
    fn the_newest_commit_counts_whatever_the_order_of_the_answers() {
        let marks = CommitMarks::default();
        assert_eq!(marks.mark(), Mark::Nothing);
        marks.committed(ELEVEN, Instant::now());
        marks.committed(TEN, Instant::now());
        assert_eq!(marks.mark(), ELEVEN.map_or(Mark::Nothing, Mark::At));
        // A read does not move the mark.
        marks.passed(TWELVE, Instant::now());
        assert_eq!(marks.mark(), ELEVEN.map_or(Mark::Nothing, Mark::At));
    }

    #[test]
    fn a_commit_without_a_position_is_behind_the_next_one_that_is_sent() {
        let marks = CommitMarks::default();
        let before = Instant::now();
        marks.committed(None, before);
        assert_eq!(marks.mark(), Mark::Unknown);
        // Sent before the doubt arose, so its position may be earlier than the doubtful commit's.
        marks.committed(TEN, before);
        assert_eq!(marks.mark(), Mark::Unknown);
        std::thread::sleep(Duration::from_millis(1));
        marks.passed(TWELVE, Instant::now());
        assert_eq!(marks.mark(), TWELVE.map_or(Mark::Nothing, Mark::At));
    }

    #[test]
    fn a_commit_that_may_still_come_is_a_doubt_for_as_long() {
        let marks = CommitMarks::default();
        marks.in_doubt();
        marks.committed(TEN, Instant::now());
        assert_eq!(marks.mark(), Mark::Unknown);
        marks.committed(ELEVEN, Instant::now() + IN_DOUBT);
        assert_eq!(marks.mark(), ELEVEN.map_or(Mark::Nothing, Mark::At));
        marks.unfinished();
        assert_eq!(marks.mark(), Mark::Unknown);
        marks.finished();
        assert_eq!(marks.mark(), ELEVEN.map_or(Mark::Nothing, Mark::At));
    }
}
