//! One connection's protocol state, as the server's messages and the client's own describe it.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

use super::error_response;
use super::lsn::Positions;
use super::outgoing::{self, Outgoing};
use super::prepared::Statements;
use super::statement_sent::StatementSent;
use super::transaction_end::{EndTracker, Flight, Sender};
use crate::call::LogPosition;
use crate::driver::TransactionEnd;
use crate::driver::postgres::sql::effects::Effects;
use crate::driver::postgres::sql::names::{Move, Names, Seen};
use crate::driver::postgres::sql::side_effects::SideEffects;
use crate::error::{AfterEnd, StatementError};
use crate::sync::Mutex;

/// The stream writes this state as frames pass; the session reads it.
///
/// # Order
/// `state` holds everything, and its lock is taken for every read and write, with one exception: `published` repeats
/// what the stream and the session read at every frame and every statement. It is written only under the lock, as the
/// last step of each change ([`publish`](Self::publish)), with `Release`, and read without the lock with `Acquire`. So:
/// - a reader that sees a published change also sees what the writer did before it;
/// - a reader without the lock may miss a change that another thread is just making, as if it had read a moment
///   earlier. So the session reads `published` before it sends, but takes the lock for what decides an outcome;
/// - a thread sees its own changes: the stream publishes a Parse before it looks at the Bind that follows.
#[derive(Debug, Default)]
pub(crate) struct ProtocolState {
    state: Mutex<State>,
    published: AtomicU64,
    /// Wakes the waiter for [`Expected::sent`].
    written: Notify,
}

/// The stream has ended.
const CLOSED: u64 = 1;
/// Bind messages have to be read.
const READS_BINDS: u64 = 1 << 1;
/// Rows have to be read.
const READS_ROWS: u64 = 1 << 2;
/// The bits from this one on hold [`Names::changes`].
const NAMES: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Number of messages sent that the server answers with ReadyForQuery.
    requests: u64,
    /// Number of ReadyForQuery messages received.
    answered: u64,
    closed: bool,
    /// Whether the next messages are the body's work or the session's. See [`ProtocolState::seal`].
    sender: Sender,
    statement_sent: StatementSent,
    statements: Statements,
    /// The server process, from `BackendKeyData`; 0 before startup.
    process: u32,
    /// Answers to the driver's own log position queries.
    positions: Positions,
    status: Status,
    transaction: Observed,
    /// The connection's last error.
    last_error: Option<StatementError>,
    /// The error with which the server closes the connection.
    fatal: Option<StatementError>,
    /// Tracks the end of the transaction begun since [`ProtocolState::begin_watch`].
    end_tracker: EndTracker,
    /// What statements left behind: [`Effects::NEEDS_RESET`] until the next reset, [`Effects::COMMIT_MATTERS`] until
    /// the next transaction.
    effects: Effects,
    /// A reset is under way: its own statements are not recorded as side effects.
    resetting: bool,
    /// Tracks what names in SQL resolve to.
    names: Names,
    /// What the statements bound since the last Sync do.
    bound: Flight,
    /// When the last message that the server answers with ReadyForQuery was sent.
    sent: Option<Instant>,
}

/// What the server reported about the current transaction.
#[derive(Debug, Default)]
struct Observed {
    first_error: Option<StatementError>,
    /// The error with which the server refused to commit.
    refused: Option<StatementError>,
    /// The row count of the last command tag before COMMIT's; `None` if no caller needs it.
    rows: Option<u64>,
    /// It met a serialization failure or a deadlock.
    met_conflict: bool,
    /// A command tag reported changed rows.
    has_written: bool,
    /// Of its statements: [`Effects::MAKES_TEMPORARY`].
    effects: Effects,
}

/// The transaction status of ReadyForQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    #[default]
    Idle,
    InTransaction,
    Failed,
}

/// The error when a caller runs COPY to or from the client.
const COPY: &str = "COPY to or from the client is not supported on a session, and has cost its connection: \
     insert many rows by one statement (diesel::insert_into(table).values(&rows)), read them by a query, \
     or use a tokio_postgres client of your own for COPY";

/// A snapshot of the session's transaction.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) first: Option<TransactionEnd>,
    pub(crate) behind: Option<AfterEnd>,
    pub(crate) status: Status,
    pub(crate) in_doubt: bool,
    /// The error with which the server refused to commit.
    pub(crate) refused: Option<StatementError>,
}

/// The command tags of statements that change rows; a count follows.
const WRITES: [&[u8]; 4] = [b"INSERT ", b"UPDATE ", b"DELETE ", b"MERGE "];

/// Prefixes of the command tags after which a name may resolve to a different object.
const DEFINITIONS: [&[u8]; 5] = [b"CREATE ", b"ALTER ", b"DROP ", b"IMPORT ", b"DISCARD T"];

impl ProtocolState {
    #[inline]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    #[inline]
    fn is_published(&self, flag: u64) -> bool {
        self.published.load(Ordering::Acquire) & flag != 0
    }

    /// Makes a change readable without the lock. Call before the lock is released.
    #[inline]
    fn publish(&self, state: &State) {
        let now = state.to_publish();
        // Only the lock's holder writes, so this load returns the current value.
        if now != self.published.load(Ordering::Relaxed) {
            self.published.store(now, Ordering::Release);
        }
    }

    /// Changes the state, and publishes it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        self.publish(&state);
        result
    }

    /// True if [`incoming`](Self::incoming) reads frames with this tag. It reads rows only while one may answer the
    /// driver's own query.
    #[inline]
    pub(crate) fn wants_incoming(&self, tag: u8) -> bool {
        match tag {
            b'Z' | b'E' | b'C' | b'K' | b'G' | b'H' | b'W' => true,
            b'D' => self.is_published(READS_ROWS),
            _ => false,
        }
    }

    /// True if [`outgoing`](Self::outgoing) reads frames with this tag.
    #[inline]
    pub(crate) fn wants_outgoing(&self, tag: u8) -> bool {
        match tag {
            // Query, Parse, Close, Sync, FunctionCall, and the startup message.
            b'Q' | b'P' | b'C' | b'S' | b'F' | 0 => true,
            b'B' => self.is_published(READS_BINDS),
            _ => false,
        }
    }

    /// Records a frame from the server. The caller passes one `held` for all frames of a read, so they share one lock.
    pub(crate) fn incoming<'state>(
        &'state self,
        tag: u8,
        body: &[u8],
        held: &mut Option<MutexGuard<'state, State>>,
    ) {
        let state = held.get_or_insert_with(|| self.state());
        state.incoming(tag, body);
        self.publish(state);
    }

    /// Records a frame to the server. The caller passes one `held` and one `now` for all frames of a write.
    pub(crate) fn outgoing<'state>(
        &'state self,
        tag: u8,
        body: &[u8],
        held: &mut Option<MutexGuard<'state, State>>,
        now: &mut Option<Instant>,
    ) {
        let state = held.get_or_insert_with(|| self.state());
        state.outgoing(tag, body, now);
        let is_written = state.statement_sent.outgoing(tag, body);
        self.publish(state);
        if is_written {
            self.written.notify_one();
        }
    }

    /// Returns how often [`names`](Self::names) changed. While this stays the same, a caller can skip that call's lock.
    pub(crate) fn names_changed(&self) -> u64 {
        self.published.load(Ordering::Acquire) >> NAMES
    }

    /// Returns what names resolve to now.
    pub(crate) fn names(&self) -> Seen {
        self.state().names.seen()
    }

    /// Watches for a statement with this SQL until the result is dropped.
    pub(crate) fn expect_statement(&self, sql: &str) -> Expected<'_> {
        self.change(|state| state.statement_sent.expect(sql));
        Expected(self)
    }

    /// Call before a query for a log position is sent.
    pub(crate) fn expect_position(&self) {
        self.change(|state| state.positions.expect());
    }

    /// Takes the log position, if it arrived, and stops reading rows.
    pub(crate) fn take_position(&self) -> Option<LogPosition> {
        self.change(|state| state.positions.take())
    }

    /// True while the rows of a query for a log position are read.
    pub(crate) fn expects_position(&self) -> bool {
        self.is_published(READS_ROWS)
    }

    /// Records that the stream has ended.
    pub(crate) fn closed(&self) {
        self.change(|state| state.closed = true);
    }

    /// Treats the connection as closed, and records why the driver gives it up.
    pub(crate) fn give_up(&self, why: StatementError) {
        self.change(|state| {
            state.fatal.get_or_insert(why);
            state.closed = true;
        });
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_published(CLOSED)
    }

    /// Returns the server process's number, from `BackendKeyData`; 0 before startup.
    pub(crate) fn process(&self) -> u32 {
        self.state().process
    }

    /// Returns the number of sent messages whose ReadyForQuery is outstanding.
    pub(crate) fn unanswered(&self) -> u64 {
        self.state().unanswered()
    }

    /// True if the server has answered every message.
    pub(crate) fn is_quiet(&self) -> bool {
        self.unanswered() == 0
    }

    /// Clears what was recorded of earlier transactions. The next BEGIN starts the transaction to watch.
    pub(crate) fn begin_watch(&self) {
        let mut state = self.state();
        state.sender = Sender::Body;
        state.transaction = Observed::default();
        state.effects.remove(Effects::COMMIT_MATTERS);
        state.end_tracker.begin_watch();
    }

    /// Call when the body can send nothing more in this transaction: until the next one the session itself sends every
    /// message, and the tracker must not count these messages as the body's work.
    pub(crate) fn seal(&self) {
        self.state().sender = Sender::Session;
    }

    pub(crate) fn last_sent(&self) -> Option<Instant> {
        self.state().sent
    }

    /// Returns when the last message was sent, if an answer is outstanding and no BEGIN is unanswered.
    pub(crate) fn runs_since(&self) -> Option<Instant> {
        let state = self.state();
        let runs = state.unanswered() > 0 && !state.end_tracker.is_beginning();
        state.sent.filter(|_| runs)
    }

    pub(crate) fn status(&self) -> Status {
        self.state().status
    }

    /// True if the next statement can run: the connection is open, and the transaction has not failed or ended. The
    /// session then skips the detailed checks.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        let state = self.state();
        !state.closed && state.status != Status::Failed && state.end_tracker.goes_on()
    }

    /// Returns the transaction's end, the outcome of the statements that ran after the end, and the connection's
    /// status, all read under one lock.
    #[inline]
    pub(crate) fn standing(&self) -> Standing {
        let mut state = self.state();
        if state.closed {
            state.end_tracker.lost();
        }
        let first = state.end_tracker.first();
        Standing {
            first,
            behind: first.and_then(|_| state.end_tracker.behind()),
            status: state.status,
            in_doubt: state.is_in_doubt(),
            refused: state.transaction.refused.clone(),
        }
    }

    /// True if a transaction is open, but possibly not the one that the session began. The server can tell, by its
    /// answer to the query for the mark.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.state().is_in_doubt()
    }

    /// See [`EndTracker::is_unsettled`].
    pub(crate) fn is_unsettled(&self) -> bool {
        self.state().end_tracker.is_unsettled()
    }

    /// Records the server's answer to the query for the mark: the open transaction's mark.
    pub(crate) fn answered(&self, mark: Option<u64>) {
        self.state().end_tracker.answered(mark);
    }

    pub(crate) fn ended(&self) -> Option<TransactionEnd> {
        self.state().end_tracker.first()
    }

    /// True while a message that the body sent, and that may end the transaction, is unanswered.
    pub(crate) fn awaits_an_end(&self) -> bool {
        !self.is_quiet() && self.state().end_tracker.awaits_an_end()
    }

    /// True while BEGIN is unanswered: a cancel request could hit BEGIN instead of the statement after it.
    pub(crate) fn is_beginning(&self) -> bool {
        self.state().end_tracker.is_beginning()
    }

    pub(crate) fn first_error(&self) -> Option<StatementError> {
        self.state().transaction.first_error.clone()
    }

    /// True if the transaction's first error is the one that closed the connection.
    pub(crate) fn ended_by_loss(&self) -> bool {
        let state = self.state();
        let first = state.transaction.first_error.as_ref();
        let first = first.map(StatementError::message);
        first.is_some() && first == state.fatal.as_ref().map(StatementError::message)
    }

    pub(crate) fn met_conflict(&self) -> bool {
        self.state().transaction.met_conflict
    }

    /// Call before a statement that COMMIT follows: [`rows`](Self::rows) then returns the count in its command tag.
    pub(crate) fn count_rows(&self) {
        self.state().transaction.rows = Some(0);
    }

    /// Returns the row count of the statement since [`count_rows`](Self::count_rows), as diesel-async would report it.
    pub(crate) fn rows(&self) -> usize {
        let rows = self.state().transaction.rows.take().unwrap_or_default();
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    pub(crate) fn has_written(&self) -> bool {
        self.state().transaction.has_written
    }

    pub(crate) fn last_error(&self) -> Option<StatementError> {
        self.state().last_error.clone()
    }

    pub(crate) fn fatal(&self) -> Option<StatementError> {
        self.state().fatal.clone()
    }

    /// True if the open transaction has only read, and the server has answered all of its messages: its COMMIT then
    /// changes nothing, notifies no listener and cannot fail.
    pub(crate) fn has_only_read(&self) -> bool {
        let state = self.state();
        let noted = !state.effects.is_empty() || state.transaction.has_written;
        let is_open = state.status == Status::InTransaction && !state.end_tracker.is_in_doubt();
        is_open && state.unanswered() == 0 && !noted
    }

    /// True if the session may have left changed settings, or other state, to the next borrower.
    pub(crate) fn needs_reset(&self) -> bool {
        self.state().effects.intersects(Effects::NEEDS_RESET)
    }

    /// True if statements ran whose effects the text does not show: the reset has to check more than settings.
    pub(crate) fn is_opaque(&self) -> bool {
        self.state().effects.contains(Effects::UNKNOWN)
    }

    /// True if the session did something that no reset undoes.
    pub(crate) fn is_unclean(&self) -> bool {
        self.state().effects.contains(Effects::IRREVERSIBLE)
    }

    /// Call before the reset's statements. Their side effects are not recorded, or each reset would require the next.
    pub(crate) fn begin_reset(&self) {
        self.state().resetting = true;
    }

    /// Call if the reset failed: side effects are recorded again.
    pub(crate) fn was_not_reset(&self) {
        self.state().resetting = false;
    }

    pub(crate) fn was_reset(&self) {
        self.change(|state| {
            let restored = Effects::CHANGES_SESSION | Effects::UNKNOWN;
            state.effects.remove(restored);
            state.resetting = false;
            state.names.was_reset();
        });
    }

    /// Sets what [`is_unclean`](Self::is_unclean) returns, if the effect was undone or is older than the session.
    pub(crate) fn set_unclean(&self, unclean: bool) {
        self.state().effects.set(Effects::IRREVERSIBLE, unclean);
    }
}

/// A statement that the client is about to write to the socket.
pub(crate) struct Expected<'protocol>(&'protocol ProtocolState);

impl Expected<'_> {
    /// Returns once the whole statement is written.
    pub(crate) async fn sent(&self) {
        while !self.0.state().statement_sent.is_sent() {
            self.0.written.notified().await;
        }
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.statement_sent.forget());
    }
}

impl State {
    /// Returns what is readable without the lock.
    fn to_publish(&self) -> u64 {
        let reads_binds = self.statements.any() || self.statement_sent.is_expecting();
        let flag = |flag: u64, is_set: bool| if is_set { flag } else { 0 };
        flag(CLOSED, self.closed)
            | flag(READS_BINDS, reads_binds)
            | flag(READS_ROWS, self.positions.expecting())
            | self.names.changes() << NAMES
    }

    fn unanswered(&self) -> u64 {
        self.requests.saturating_sub(self.answered)
    }

    fn incoming(&mut self, tag: u8, body: &[u8]) {
        match tag {
            b'Z' => {
                self.ready(body.first().copied());
                self.answered += 1;
            }
            b'E' => {
                self.failed(body);
                self.closed |= self.fatal.is_some();
            }
            b'C' => {
                if body.starts_with(b"COMMIT") {
                    self.positions.committed();
                }
                self.completed(body);
            }
            b'D' => self.positions.row(body),
            // diesel-async cannot take part in COPY, and the server waits for data: the connection is lost.
            b'G' | b'H' | b'W' => {
                self.fatal = Some(StatementError::connection(COPY));
                self.closed = true;
            }
            b'K' => {
                if let Some((process, _key)) = body.split_first_chunk::<4>() {
                    self.process = u32::from_be_bytes(*process);
                }
            }
            _ => {}
        }
    }

    fn outgoing(&mut self, tag: u8, body: &[u8], now: &mut Option<Instant>) {
        match tag {
            b'Q' => {
                let flight = outgoing::of_a_session(body).unwrap_or_else(|| {
                    let outgoing = Outgoing::query(body);
                    self.note(&outgoing.effects);
                    outgoing.flight
                });
                self.is_sent(flight, now);
            }
            b'P' => self.statements.prepared(body),
            b'C' => self.statements.closed(body),
            b'B' => {
                if let Some(prepared) = self.statements.bound(body) {
                    self.note(&prepared.effects);
                    self.bound.local_sets += prepared.effects.local_sets;
                    self.bound.may_end |= prepared.may_end;
                    self.bound.runs_block |= prepared.runs_block;
                }
            }
            // Sync, FunctionCall, and the startup message.
            b'S' | b'F' | 0 => {
                if tag == b'F' {
                    self.note(&SideEffects::ANY);
                }
                let flight = std::mem::take(&mut self.bound);
                self.is_sent(flight, now);
            }
            _ => {}
        }
    }

    /// Records a sent message that the server answers with ReadyForQuery.
    fn is_sent(&mut self, flight: Flight, now: &mut Option<Instant>) {
        self.requests += 1;
        self.sent = Some(*now.get_or_insert_with(Instant::now));
        let sender = self.sender;
        self.end_tracker.sent(Flight { sender, ..flight });
    }

    /// A failed transaction can neither answer a query nor commit, so it is not in doubt. But after an error only
    /// ReadyForQuery shows whether the transaction is still open, so the doubt remains until that arrives.
    fn is_in_doubt(&self) -> bool {
        self.end_tracker.is_in_doubt() && self.status == Status::InTransaction
            || self.end_tracker.is_unsettled()
    }

    /// Records the side effects of a statement that runs.
    fn note(&mut self, effects: &SideEffects) {
        if self.resetting {
            return;
        }
        self.effects |= effects.kinds & (Effects::NEEDS_RESET | Effects::COMMIT_MATTERS);
        if let Some(moves) = effects.moves {
            self.names.moves(moves);
        }
        self.transaction.effects |= effects.kinds & Effects::MAKES_TEMPORARY;
        if effects.kinds.contains(Effects::DEFINES) {
            self.names.defines();
        }
        if self.transaction.effects == Effects::MAKES_TEMPORARY {
            self.effects |= Effects::CHANGES_SESSION;
        }
        if effects.kinds.contains(Effects::UNKNOWN) {
            self.names.clouds(effects.key);
        }
    }

    fn ready(&mut self, status: Option<u8>) {
        let now = match status {
            Some(b'T') => Status::InTransaction,
            Some(b'E') => Status::Failed,
            _ => Status::Idle,
        };
        let by_error = self.end_tracker.ready(now != Status::Idle);
        if by_error {
            self.transaction.refused.clone_from(&self.last_error);
        }
        self.names.ready(now != Status::Idle);
        self.status = now;
    }

    fn failed(&mut self, body: &[u8]) {
        let (mut error, fatal) = error_response::parse(body);
        if let (true, Some(known)) = (fatal || self.closed, &self.fatal) {
            // After COPY the server reports protocol errors and closes. Keep the earlier error, which names COPY.
            error = known.clone();
        }
        if self.status == Status::InTransaction {
            // Set it now: the client may read the error before the ReadyForQuery that reports the failed transaction.
            self.status = Status::Failed;
        }
        self.end_tracker.failed();
        self.names.undone();
        if self.statements.look_types_up() && error_response::may_be_of_another_type(&error) {
            self.names.has_another_type();
        }
        self.transaction.met_conflict |= error.is_transient();
        // The client keeps using stale prepared statements by name, and each use would fail. No reset drops them.
        let is_stale = error_response::is_of_prepared_statements(&error);
        self.effects |= Effects::IRREVERSIBLE.when(is_stale);
        if self.transaction.first_error.is_none() {
            self.transaction.first_error = Some(error.clone());
        }
        if fatal {
            self.fatal = Some(error.clone());
        }
        self.last_error = Some(error);
    }

    fn completed(&mut self, body: &[u8]) {
        let tag = body.strip_suffix(b"\0").unwrap_or(body);
        if self.transaction.rows.is_some() && tag != b"COMMIT" && self.end_tracker.first().is_none()
        {
            self.transaction.rows = Some(row_count(tag));
        }
        self.end_tracker.completed(tag);
        if self.resetting {
            return;
        }
        match tag {
            // The most frequent tags.
            b"BEGIN" => return,
            b"COMMIT" | b"PREPARE TRANSACTION" => {
                self.names.ended();
                return;
            }
            _ if tag.starts_with(b"SELECT ") => return,
            b"SET" if self.end_tracker.is_local_set() => {}
            b"SET" | b"RESET" | b"LISTEN" | b"UNLISTEN" | b"DECLARE CURSOR" | b"DISCARD"
            | b"DISCARD TEMP" | b"DISCARD PLANS" | b"DISCARD SEQUENCES" | b"CREATE TABLE"
            | b"CREATE VIEW" | b"CREATE SEQUENCE" | b"EXPLAIN" => {
                self.effects |= Effects::CHANGES_SESSION;
            }
            // The statements inside a DO block or a procedure send no command tag, so their effects are unknown.
            b"DO" | b"CALL" => {
                self.effects |= Effects::UNKNOWN;
                self.names.defined();
                self.names.moves(Move::ANYWHERE);
            }
            b"ROLLBACK" => self.names.undone(),
            b"NOTIFY" => self.effects |= Effects::NOTIFIES,
            b"PREPARE" | b"LOAD" => self.effects |= Effects::IRREVERSIBLE,
            // The client's cache still lists the prepared statements that these drop.
            b"DEALLOCATE" | b"DEALLOCATE ALL" | b"DISCARD ALL" => {
                self.effects |= Effects::IRREVERSIBLE;
                self.names.forget();
            }
            _ if WRITES.iter().any(|write| tag.starts_with(write)) => {
                self.transaction.has_written |= !tag.ends_with(b" 0");
                return;
            }
            _ => {}
        }
        if DEFINITIONS.iter().any(|begin| tag.starts_with(begin)) {
            self.names.defined();
        }
    }
}

/// Returns the number at the end of a command tag; 0 without one.
fn row_count(tag: &[u8]) -> u64 {
    let number = tag.rsplit(|byte| *byte == b' ').next();
    let number = number.and_then(|number| std::str::from_utf8(number).ok());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;

impl crate::observe::ServerErrors for ProtocolState {
    fn last_error(&self) -> Option<StatementError> {
        self.last_error()
    }
}
