//! What the server has said so far on one connection.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::error_response;
use super::lsn::Positions;
use super::outgoing::{self, Outgoing};
use super::prepared::Statements;
use super::statement_sent::StatementSent;
use super::transaction_end::{EndTracker, Flight, TransactionEnd};
use crate::driver::postgres::sql::names::{Move, Names, Seen};
use crate::driver::postgres::sql::side_effects::SideEffects;
use crate::error::{Behind, StatementError};

/// Written by the stream as frames pass, read by the session.
#[derive(Debug, Default)]
pub(crate) struct ProtocolState {
    /// Messages sent that the server answers with ReadyForQuery.
    requests: AtomicU64,
    /// ReadyForQuery messages seen.
    answered: AtomicU64,
    closed: AtomicBool,
    /// The session ends the transaction.
    sealed: AtomicBool,
    pub(crate) statement_sent: StatementSent,
    statements: Statements,
    /// How often the names changed.
    names_changed: AtomicU64,
    /// The process that the server named at the start.
    process: AtomicU32,
    /// Answers to questions of our own.
    pub(crate) positions: Positions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(crate) struct State {
    status: Status,
    /// The first error of the current transaction, and the last one of all.
    first_error: Option<StatementError>,
    last_error: Option<StatementError>,
    /// A serialization failure or a deadlock was among the errors of the current transaction.
    met_conflict: bool,
    /// A command tag said that rows were changed.
    has_written: bool,
    /// The error after which the server closed the connection.
    fatal: Option<StatementError>,
    /// How the transaction ended that was begun since [`ProtocolState::begin_watch`].
    end_tracker: EndTracker,
    /// Settings of the server session were changed.
    changed: bool,
    /// Something ran that nobody can see into: it may have done more than change settings.
    opaque: bool,
    /// What is sent puts the session back.
    resetting: bool,
    /// What names stand for.
    names: Names,
    /// Something was done that no reset undoes.
    unclean: bool,
    /// The transaction has something to tell others when it commits, or something to lose.
    loud: bool,
    /// What is bound, and not sent up to its Sync, has so many SET that end with the transaction.
    bound_sets: u32,
    /// The same, and may end the transaction.
    bound_end: bool,
    /// When the last message went out that the server answers.
    sent: Option<Instant>,
}

/// The transaction status of ReadyForQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    #[default]
    Idle,
    InTransaction,
    Failed,
}

/// What is said of COPY to or from the client.
const COPY: &str = "COPY to or from the client is not supported on a session, and has cost its connection: \
     insert many rows by one statement (diesel::insert_into(table).values(&rows)), read them by a query, \
     or use a tokio_postgres client of your own for COPY";

/// How the session's transaction stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) first: Option<TransactionEnd>,
    pub(crate) behind: Option<Behind>,
    pub(crate) status: Status,
    pub(crate) in_doubt: bool,
}

/// The command tags of statements that change rows; a count follows.
const WRITES: [&[u8]; 4] = [b"INSERT ", b"UPDATE ", b"DELETE ", b"MERGE "];

/// The command tags of statements after which names may stand for something else begin so.
const DEFINITIONS: [&[u8]; 5] = [b"CREATE ", b"ALTER ", b"DROP ", b"IMPORT ", b"DISCARD T"];

impl ProtocolState {
    #[inline]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames from the server that tell something. Rows do while one of them may answer a question of our own.
    #[inline]
    pub(crate) fn wants_incoming(&self, tag: u8) -> bool {
        match tag {
            b'Z' | b'E' | b'C' | b'K' | b'G' | b'H' | b'W' => true,
            b'D' => self.positions.expecting(),
            _ => false,
        }
    }

    /// Frames to the server that tell something.
    #[inline]
    pub(crate) fn wants_outgoing(&self, tag: u8) -> bool {
        match tag {
            // Query, Sync, FunctionCall, and the start-up message.
            b'Q' | b'S' | b'F' | 0 => true,
            b'B' => self.statement_sent.wants(tag) || self.statements.any(),
            tag => self.statement_sent.wants(tag),
        }
    }

    /// A frame from the server. What comes together is taken in under one lock, which `held` keeps.
    pub(crate) fn incoming<'state>(
        &'state self,
        tag: u8,
        body: &[u8],
        held: &mut Option<MutexGuard<'state, State>>,
    ) {
        match tag {
            b'Z' => {
                let state = held.get_or_insert_with(|| self.state());
                state.ready(body.first().copied());
                self.publish(state);
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
            b'E' => {
                let state = held.get_or_insert_with(|| self.state());
                state.failed(body, self.statements.look_types_up());
                self.publish(state);
                if state.fatal.is_some() {
                    self.closed();
                }
            }
            b'C' => {
                if body.starts_with(b"COMMIT") {
                    self.positions.committed();
                }
                let state = held.get_or_insert_with(|| self.state());
                state.completed(body);
                self.publish(state);
            }
            b'D' => self.positions.row(body),
            // The client does not know what to do with it, and the server waits for more.
            b'G' | b'H' | b'W' => {
                let state = held.get_or_insert_with(|| self.state());
                state.fatal = Some(StatementError::connection(COPY));
                self.closed();
            }
            b'K' => {
                if let Some((process, _key)) = body.split_first_chunk::<4>() {
                    let process = u32::from_be_bytes(*process);
                    self.process.store(process, Ordering::SeqCst);
                }
            }
            _ => {}
        }
    }

    /// A frame to the server. What goes out together has the same time.
    pub(crate) fn outgoing(&self, tag: u8, body: &[u8], now: &mut Option<Instant>) {
        match tag {
            b'Q' => {
                self.requests.fetch_add(1, Ordering::SeqCst);
                let now = *now.get_or_insert_with(Instant::now);
                if let Some(flight) = outgoing::of_a_session(body) {
                    let mut state = self.state();
                    state.sent = Some(now);
                    self.is_sent(&mut state, flight);
                } else {
                    let outgoing = Outgoing::query(body);
                    let mut state = self.state();
                    state.sent = Some(now);
                    state.note(&outgoing.effects);
                    self.is_sent(&mut state, outgoing.flight);
                    self.publish(&state);
                }
            }
            b'P' => self.statements.prepared(body),
            b'C' => self.statements.closed(body),
            b'B' => {
                if let Some(prepared) = self.statements.bound(body) {
                    let mut state = self.state();
                    state.note(&prepared.effects);
                    state.bound_sets += prepared.effects.local_sets;
                    state.bound_end |= prepared.may_end;
                    self.publish(&state);
                }
            }
            // Sync, FunctionCall, and the start-up message.
            b'S' | b'F' | 0 => {
                self.requests.fetch_add(1, Ordering::SeqCst);
                let mut state = self.state();
                state.sent = Some(*now.get_or_insert_with(Instant::now));
                if tag == b'F' {
                    state.note(&SideEffects::ANY);
                }
                let local_sets = std::mem::take(&mut state.bound_sets);
                let may_end = std::mem::take(&mut state.bound_end);
                let flight = Flight {
                    may_end,
                    local_sets,
                    ..Flight::default()
                };
                self.is_sent(&mut state, flight);
            }
            _ => {}
        }
        self.statement_sent.outgoing(tag, body);
    }

    fn is_sent(&self, state: &mut State, flight: Flight) {
        let end_tracker = self.sealed.load(Ordering::Relaxed);
        state.end_tracker.sent(Flight {
            end_tracker,
            ..flight
        });
    }

    /// Has the session see that names changed.
    #[inline]
    fn publish(&self, state: &State) {
        let changes = state.names.changes();
        if changes != self.names_changed.load(Ordering::Relaxed) {
            self.names_changed.store(changes, Ordering::Relaxed);
        }
    }

    /// How often names have come to stand for something else.
    pub(crate) fn names_changed(&self) -> u64 {
        self.names_changed.load(Ordering::Relaxed)
    }

    /// What they stand for.
    pub(crate) fn names(&self) -> Seen {
        self.state().names.seen()
    }

    /// The stream is at its end.
    pub(crate) fn closed(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The process that the server named at the start.
    pub(crate) fn process(&self) -> u32 {
        self.process.load(Ordering::SeqCst)
    }

    /// How many of the messages sent are not answered yet.
    pub(crate) fn unanswered(&self) -> u64 {
        let answered = self.answered.load(Ordering::SeqCst);
        self.requests
            .load(Ordering::SeqCst)
            .saturating_sub(answered)
    }

    /// Everything that was sent is answered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.unanswered() == 0
    }

    /// Forgets earlier transactions.
    pub(crate) fn begin_watch(&self) {
        self.sealed.store(false, Ordering::Relaxed);
        let mut state = self.state();
        state.first_error = None;
        state.met_conflict = false;
        state.has_written = false;
        state.loud = false;
        state.end_tracker.begin_watch();
    }

    /// What is sent from now on is the session's own, up to the next transaction.
    pub(crate) fn seal(&self) {
        // The session goes on to send, and what is sent sees it.
        self.sealed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn last_sent(&self) -> Option<Instant> {
        self.state().sent
    }

    /// When the last of the messages that are not answered yet was sent.
    pub(crate) fn runs_since(&self) -> Option<Instant> {
        self.last_sent()
            .filter(|_| !self.is_quiet() && !self.is_beginning())
    }

    pub(crate) fn status(&self) -> Status {
        self.state().status
    }

    /// The connection and the transaction are as a statement expects them: there is nothing more to be known.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        let state = self.state();
        !self.is_closed() && state.status != Status::Failed && state.end_tracker.goes_on()
    }

    /// How the transaction ended, what became of statements that ran behind that, and how it stands, in one look.
    #[inline]
    pub(crate) fn standing(&self) -> Standing {
        let mut state = self.state();
        if self.is_closed() {
            state.end_tracker.lost();
        }
        let first = state.end_tracker.first();
        Standing {
            first,
            behind: first.and_then(|_| state.end_tracker.behind()),
            status: state.status,
            in_doubt: state.is_in_doubt(),
        }
    }

    /// The open transaction may not be the one that the session began, and the server can be asked.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.state().is_in_doubt()
    }

    /// See [`EndTracker::is_unsettled`].
    pub(crate) fn is_unsettled(&self) -> bool {
        self.state().end_tracker.is_unsettled()
    }

    /// The server has named the mark that the open transaction has.
    pub(crate) fn answered(&self, mark: Option<u64>) {
        self.state().end_tracker.answered(mark);
    }

    pub(crate) fn ended(&self) -> Option<TransactionEnd> {
        self.state().end_tracker.first()
    }

    /// BEGIN is sent, and not answered: a cancel request could hit it instead of the statement behind it.
    pub(crate) fn is_beginning(&self) -> bool {
        self.state().end_tracker.is_beginning()
    }

    pub(crate) fn first_error(&self) -> Option<StatementError> {
        self.state().first_error.clone()
    }

    /// The first thing that went wrong in the transaction was the end of the connection.
    pub(crate) fn ended_by_loss(&self) -> bool {
        let state = self.state();
        let first = state.first_error.as_ref().map(StatementError::message);
        first.is_some() && first == state.fatal.as_ref().map(StatementError::message)
    }

    pub(crate) fn met_conflict(&self) -> bool {
        self.state().met_conflict
    }

    pub(crate) fn has_written(&self) -> bool {
        self.state().has_written
    }

    pub(crate) fn last_error(&self) -> Option<StatementError> {
        self.state().last_error.clone()
    }

    pub(crate) fn fatal(&self) -> Option<StatementError> {
        self.state().fatal.clone()
    }

    /// The open transaction is answered in full, has changed nothing, and has nobody to tell of anything.
    pub(crate) fn has_only_read(&self) -> bool {
        let state = self.state();
        let noted =
            state.changed || state.opaque || state.unclean || state.loud || state.has_written;
        let is_open = state.status == Status::InTransaction && !state.end_tracker.is_in_doubt();
        is_open && self.is_quiet() && !noted
    }

    /// Session settings may differ from what the next borrower expects, or worse.
    pub(crate) fn needs_reset(&self) -> bool {
        let state = self.state();
        state.changed || state.opaque || state.unclean
    }

    /// Nobody can see what the session did: its reset has to look for more than settings.
    pub(crate) fn is_opaque(&self) -> bool {
        self.state().opaque
    }

    /// Something was done that a reset does not undo.
    pub(crate) fn is_unclean(&self) -> bool {
        self.state().unclean
    }

    /// What goes out next puts the session back. What it does to the session is no news.
    pub(crate) fn begin_reset(&self) {
        self.state().resetting = true;
    }

    /// That was not done.
    pub(crate) fn was_not_reset(&self) {
        self.state().resetting = false;
    }

    pub(crate) fn was_reset(&self) {
        let mut state = self.state();
        state.changed = false;
        state.opaque = false;
        state.resetting = false;
        state.names.was_reset();
        self.publish(&state);
    }

    /// What no reset undoes was undone, or was there before.
    pub(crate) fn set_unclean(&self, unclean: bool) {
        self.state().unclean = unclean;
    }
}

impl State {
    /// A failed transaction answers no question, and commits nothing. What failed is a transaction still open only once
    /// the server has said so.
    fn is_in_doubt(&self) -> bool {
        self.end_tracker.is_in_doubt() && self.status == Status::InTransaction
            || self.end_tracker.is_unsettled()
    }

    /// Something runs that does this.
    fn note(&mut self, effects: &SideEffects) {
        if self.resetting {
            return;
        }
        self.changed |= effects.change;
        self.opaque |= effects.unknown;
        self.unclean |= effects.keep;
        self.loud |= effects.loud || effects.may_notify;
        if let Some(moves) = effects.moves {
            self.names.moves(moves);
        }
        if effects.defines {
            self.names.defines();
        }
        if effects.unknown {
            self.names.clouds(effects.key);
        }
    }

    fn ready(&mut self, status: Option<u8>) {
        let now = match status {
            Some(b'T') => Status::InTransaction,
            Some(b'E') => Status::Failed,
            _ => Status::Idle,
        };
        self.end_tracker.ready(now != Status::Idle);
        self.names.ready(now != Status::Idle);
        self.status = now;
    }

    fn failed(&mut self, body: &[u8], looks_types_up: bool) {
        let (mut error, fatal) = error_response::parse(body);
        if let (true, Some(known)) = (fatal, &self.fatal) {
            // A server that ends the connection over COPY says only that the protocol is out of step.
            error = known.clone();
        }
        if self.status == Status::InTransaction {
            // The client may hear of the error before the ReadyForQuery behind it.
            self.status = Status::Failed;
        }
        self.end_tracker.failed();
        self.names.undone();
        if looks_types_up && error_response::may_be_of_another_type(&error) {
            self.names.has_another_type();
        }
        self.met_conflict |= error.is_transient();
        // The client goes on to run them by their names: no statement of theirs would ever succeed.
        self.unclean |= error_response::is_of_prepared_statements(&error);
        if self.first_error.is_none() {
            self.first_error = Some(error.clone());
        }
        if fatal {
            self.fatal = Some(error.clone());
        }
        self.last_error = Some(error);
    }

    fn completed(&mut self, body: &[u8]) {
        let tag = body.strip_suffix(b"\0").unwrap_or(body);
        self.end_tracker.completed(tag);
        if self.resetting {
            return;
        }
        match tag {
            // Most that come.
            b"BEGIN" | b"COMMIT" => return,
            _ if tag.starts_with(b"SELECT ") => return,
            b"SET" if self.end_tracker.is_local_set() => {}
            b"SET" | b"RESET" | b"LISTEN" | b"UNLISTEN" | b"DECLARE CURSOR" | b"DISCARD"
            | b"DISCARD ALL" | b"DISCARD TEMP" | b"DISCARD PLANS" | b"DISCARD SEQUENCES"
            | b"CREATE TABLE" | b"CREATE VIEW" | b"CREATE SEQUENCE" | b"EXPLAIN" => {
                self.changed = true;
            }
            // What these run has no tag of its own.
            b"DO" | b"CALL" => {
                self.opaque = true;
                self.names.defined();
                self.names.moves(Move::ANYWHERE);
            }
            b"ROLLBACK" => self.names.undone(),
            b"NOTIFY" => self.loud = true,
            b"PREPARE" | b"DEALLOCATE" | b"DEALLOCATE ALL" | b"LOAD" => self.unclean = true,
            _ if WRITES.iter().any(|write| tag.starts_with(write)) => {
                self.has_written |= !tag.ends_with(b" 0");
                return;
            }
            _ => {}
        }
        if DEFINITIONS.iter().any(|begin| tag.starts_with(begin)) {
            self.names.defined();
        }
        if tag == b"DISCARD ALL" {
            // It also dropped the statements that the client believes to be prepared.
            self.unclean = true;
        }
    }
}

#[cfg(test)]
mod tests;
