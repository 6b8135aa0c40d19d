//! One client's connection.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::frame::{Frame, Reader, terminated};
use super::shared::{CANCEL, Shared};
use super::statements::{Control, Part, parts};
use super::turns::Holder;
use super::wire::Wire;
use crate::one_line::one_line;

const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// The savepoint around what a client sends outside of a transaction.
const ALONE: &str = "session_factory_alone";
/// The driver's question for the process that answers.
const PROCESS: &str = "pg_catalog.pg_backend_pid()";
/// The driver's question for the start of that process, which it needs to cancel from another connection.
const START_OF_PROCESS: &str = "FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())";

/// Serves a client until it goes.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, process: u32) {
    let (input, mut stream) = stream.into_split();
    let (output, mut frames) = unbounded_channel::<Bytes>();
    tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if stream.write_all(&frame).await.is_err() {
                return;
            }
        }
    });
    let mut client = Client {
        shared,
        process,
        input: Reader::new(input),
        output,
        held: None,
        is_open: false,
        is_read_only: false,
        is_gone: false,
    };
    // What went wrong is known to the test, or the client has gone.
    if let Ok(true) = client.start_up().await {
        let _ended = client.run().await;
        client.leave().await;
    }
    client.shared.keys.lock().remove(&process);
    client.shared.client_gone.notify_waiters();
}

struct Client {
    shared: Arc<Shared>,
    /// The process that the client believes in.
    process: u32,
    input: Reader<OwnedReadHalf>,
    output: UnboundedSender<Bytes>,
    /// A message that waits until those before it are answered.
    held: Option<Frame>,
    /// A transaction is open.
    is_open: bool,
    is_read_only: bool,
    /// The client has closed its connection.
    is_gone: bool,
}

/// Messages that were sent to the server and not answered yet.
#[derive(Default)]
struct Flight {
    /// How many ReadyForQuery are to come.
    outstanding: u32,
    /// The extended protocol's messages since the last Sync.
    is_unfinished: bool,
    is_copying: bool,
    failed: bool,
    /// For each Close: whether it is ours.
    closes: VecDeque<bool>,
}

impl Client {
    fn answer(&self, frame: Frame) {
        // A client that has gone reads nothing.
        let _gone = self.output.send(frame.into_bytes());
    }

    /// True if a session follows.
    async fn start_up(&mut self) -> io::Result<bool> {
        loop {
            let Some((code, body)) = self.input.untagged().await? else {
                return Ok(false);
            };
            if ENCRYPTION.contains(&code) {
                let _gone = self.output.send(Bytes::from_static(b"N"));
                continue;
            }
            if code == CANCEL {
                let number = |at: usize| {
                    let bytes = body.get(at..at + 4)?;
                    Some(u32::from_be_bytes(bytes.try_into().ok()?))
                };
                if let (Some(process), Some(key)) = (number(0), number(4)) {
                    self.shared.cancel(process, key).await?;
                }
                return Ok(false);
            }
            break;
        }
        // AuthenticationCleartextPassword
        self.answer(Frame::new(b'R', &3_u32.to_be_bytes()));
        let password = self.input.frame().await?;
        let is_right = password.is_some_and(|frame| frame.text_at(0).0 == self.shared.password);
        if !is_right {
            let message = "this server is for one test, and for who has its URL";
            self.answer(Frame::error("FATAL", "28P01", message));
            return Ok(false);
        }
        self.answer(Frame::new(b'R', &0_u32.to_be_bytes()));
        let parameters = Bytes::copy_from_slice(&self.shared.parameters);
        let _gone = self.output.send(parameters);
        let key = fastrand::u32(..);
        self.shared.keys.lock().insert(self.process, key);
        let mut backend = self.process.to_be_bytes().to_vec();
        backend.extend(key.to_be_bytes());
        self.answer(Frame::new(b'K', &backend));
        self.answer(Frame::ready(b'I'));
        Ok(true)
    }

    async fn run(&mut self) -> io::Result<()> {
        while !self.is_gone {
            let frame = match self.held.take() {
                Some(frame) => frame,
                None => match self.input.frame().await? {
                    Some(frame) => frame,
                    None => return Ok(()),
                },
            };
            match frame.tag() {
                b'X' => return Ok(()),
                b'Q' => self.query(&frame).await?,
                _ => {
                    self.exchange(frame, true).await?;
                }
            }
        }
        Ok(())
    }

    /// A simple query.
    async fn query(&mut self, frame: &Frame) -> io::Result<()> {
        let (text, _) = frame.text_at(0);
        let parts = parts(text);
        if parts.is_empty() {
            self.answer(Frame::new(b'I', &[]));
            return self.ready().await;
        }
        if text.contains(START_OF_PROCESS) {
            self.answer(Frame::complete("SELECT 0"));
            return self.ready().await;
        }
        if parts.iter().all(|part| part.control == Control::None) {
            let text = if text.starts_with("SELECT pg_catalog.pg_backend_pid()") {
                text.replace(PROCESS, &self.process.to_string())
            } else {
                text.to_owned()
            };
            self.exchange(Frame::query(&text), true).await?;
            return Ok(());
        }
        for part in parts {
            if !self.part(&part).await? {
                break;
            }
        }
        self.ready().await
    }

    /// One statement of a text that has others. False if it failed.
    async fn part(&mut self, part: &Part<'_>) -> io::Result<bool> {
        match part.control {
            Control::None => self.exchange(Frame::query(part.sql), false).await,
            Control::Begin { read_only } => {
                if !self.is_open {
                    self.begin(read_only).await?;
                }
                self.answer(Frame::complete("BEGIN"));
                Ok(true)
            }
            Control::Commit { chain } => self.end(true, chain).await,
            Control::Rollback { chain } => self.end(false, chain).await,
            Control::RollbackTo => {
                for function in self.shared.turns.committed_inside(self.process) {
                    self.kept_by_production(&function, "rolled back to a savepoint");
                }
                self.exchange(Frame::query(part.sql), false).await
            }
            Control::Prepared => {
                let message = format!(
                    "{} uses a prepared transaction (`{}`)",
                    self.function(),
                    one_line(part.sql.trim())
                );
                self.shared.fail(&message);
                self.answer(Frame::error("ERROR", "0A000", &message));
                Ok(false)
            }
        }
    }

    /// ReadyForQuery, when nothing is under way.
    async fn ready(&mut self) -> io::Result<()> {
        let status = if self.is_open {
            let mut wire = self.shared.wire.lock().await;
            let settled = wire.settle().await;
            let status = wire.status;
            drop(wire);
            settled.map_err(|error| self.lost(error))?;
            status
        } else {
            b'I'
        };
        self.answer(Frame::ready(status));
        Ok(())
    }

    async fn begin(&mut self, read_only: bool) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let session = shared.session(self.process);
        let may_be_inside = |holder: u32| {
            let holder = shared.session(holder);
            match (&session, holder) {
                (Some(session), Some(holder)) => session.is_inside(&holder),
                _ => false,
            }
        };
        let turn = shared
            .turns
            .begin(self.process, shared.within(), may_be_inside)
            .await;
        turn.map_err(|holder| self.waits_in_vain(&holder))?;
        self.is_open = true;
        self.is_read_only = read_only;
        let mut wire = shared.wire.lock().await;
        let savepoint = self.savepoint();
        wire.send_own(&format!("SAVEPOINT {savepoint}"));
        if read_only {
            wire.send_own("SET TRANSACTION READ ONLY");
        }
        Ok(())
    }

    /// COMMIT or ROLLBACK. False if COMMIT failed.
    async fn end(&mut self, commits: bool, chain: bool) -> io::Result<bool> {
        let tag = if commits { "COMMIT" } else { "ROLLBACK" };
        if !self.is_open {
            self.answer(Frame::complete(tag));
            return Ok(true);
        }
        self.go_on().await?;
        let shared = Arc::clone(&self.shared);
        let mut wire = shared.wire.lock().await;
        wire.settle().await.map_err(|error| self.lost(error))?;
        let savepoint = self.savepoint();
        let back = format!("ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}");
        let mut refused = None;
        let is_committed = commits && wire.status == b'T' && {
            let commit = format!(
                "SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT {savepoint}; RESET ALL{}",
                shared.deferred
            );
            let committed = wire.run(&commit).await.map_err(|error| self.lost(error))?;
            refused = committed.err();
            refused.is_none()
        };
        self.is_open = false;
        if is_committed {
            // What a read-only transaction has committed is nothing that a rollback could lose.
            let function = (!self.is_read_only).then(|| self.function());
            shared.turns.committed(self.process, function);
        } else {
            wire.send_own(&back);
            self.was_rolled_back();
        }
        drop(wire);
        if let Some(error) = refused {
            self.answer(error);
            return Ok(false);
        }
        let tag = if is_committed { "COMMIT" } else { "ROLLBACK" };
        self.answer(Frame::complete(tag));
        if chain {
            self.begin(self.is_read_only).await?;
        }
        Ok(true)
    }

    fn was_rolled_back(&self) {
        for function in self.shared.turns.rolled_back(self.process) {
            self.kept_by_production(&function, "rolled back");
        }
    }

    /// Passes messages on, beginning with this one, until all of them are answered. False if one failed. Without
    /// `last_ready`, the last ReadyForQuery is the caller's to send.
    async fn exchange(&mut self, first: Frame, last_ready: bool) -> io::Result<bool> {
        if self.is_open {
            self.go_on().await?;
        }
        let shared = Arc::clone(&self.shared);
        let mut wire = shared.wire.lock().await;
        shared.running.store(self.process, Ordering::SeqCst);
        let exchanged = self.exchange_on(&mut wire, first, last_ready).await;
        shared.running.store(0, Ordering::SeqCst);
        exchanged
    }

    async fn exchange_on(
        &mut self,
        wire: &mut Wire,
        first: Frame,
        last_ready: bool,
    ) -> io::Result<bool> {
        // Close, which drops a statement, changes nothing.
        let is_alone = !self.is_open && first.tag() != b'C';
        if is_alone {
            wire.send_own(&format!("SAVEPOINT {ALONE}"));
        }
        let mut flight = Flight::default();
        self.pass_on(wire, &mut flight, first);
        while flight.outstanding > 0 || flight.is_unfinished {
            let is_next_alone = !self.is_open && flight.outstanding > 0 && !flight.is_copying;
            let reads = self.held.is_none() && !self.is_gone && !is_next_alone;
            tokio::select! {
                frame = wire.frame() => {
                    let frame = frame.map_err(|error| self.lost(error))?;
                    if let Some(why) = &wire.lost {
                        // Noted before the client gets the error, because the test may end then.
                        return Err(self.lost(io::Error::other(why.clone())));
                    }
                    let withholds = is_alone || !last_ready;
                    self.pass_back(frame, &mut flight, withholds);
                }
                frame = self.input.frame(), if reads => match frame {
                    Ok(Some(frame)) if frame.tag() == b'Q' => self.held = Some(frame),
                    Ok(Some(frame)) if frame.tag() != b'X' => self.pass_on(wire, &mut flight, frame),
                    _ => {
                        self.is_gone = true;
                        finish(wire, &mut flight);
                    }
                }
            }
        }
        if self.is_open && wire.status == b'I' {
            let why = io::Error::other("its transaction has ended");
            return Err(self.lost(why));
        }
        if is_alone {
            wire.send_own(&if wire.status == b'E' {
                format!("ROLLBACK TO SAVEPOINT {ALONE}; RELEASE SAVEPOINT {ALONE}")
            } else {
                format!("RELEASE SAVEPOINT {ALONE}")
            });
            if last_ready {
                self.answer(Frame::ready(b'I'));
            }
        }
        Ok(!flight.failed)
    }

    /// Sends one of the client's messages to the server, with names that no other client uses.
    fn pass_on(&self, wire: &Wire, flight: &mut Flight, frame: Frame) {
        let process = self.process;
        let renamed = |name: &str| terminated(&format!("v{process}_{name}"));
        let portal = |name: &str| {
            if name.is_empty() {
                terminated("")
            } else {
                renamed(name)
            }
        };
        flight.is_unfinished = true;
        let frame = match frame.tag() {
            b'Q' | b'S' => {
                flight.outstanding += 1;
                flight.is_unfinished = false;
                frame
            }
            b'P' => {
                let (name, rest) = frame.text_at(0);
                let text = frame.text_at(name.len() + 1).0;
                self.check(text);
                if name.is_empty() {
                    // The unnamed one is replaced without a Close.
                    let mut close = vec![b'S'];
                    close.extend(renamed(name));
                    wire.send(Frame::new(b'C', &close));
                    flight.closes.push_back(true);
                }
                Frame::new(b'P', &[&renamed(name), rest].concat())
            }
            b'B' => {
                let (to, _) = frame.text_at(0);
                let (statement, rest) = frame.text_at(to.len() + 1);
                Frame::new(b'B', &[&portal(to), &renamed(statement), rest].concat())
            }
            b'E' => {
                let (name, rest) = frame.text_at(0);
                Frame::new(b'E', &[&portal(name), rest].concat())
            }
            b'D' | b'C' => {
                let kind = frame.body().first().copied().unwrap_or(b'S');
                let (name, _) = frame.text_at(1);
                if frame.tag() == b'C' {
                    flight.closes.push_back(false);
                }
                let name = if kind == b'P' {
                    portal(name)
                } else {
                    renamed(name)
                };
                Frame::new(frame.tag(), &[&[kind], name.as_slice()].concat())
            }
            b'd' | b'c' | b'f' => {
                // Of COPY, whose end is the query's.
                flight.is_unfinished = flight.outstanding == 0;
                frame
            }
            _ => frame,
        };
        wire.send(frame);
    }

    /// A prepared statement that ends the transaction would end the test's.
    fn check(&self, text: &str) {
        let parts = parts(text);
        let ends = parts
            .iter()
            .any(|part| !matches!(part.control, Control::None | Control::RollbackTo));
        if ends {
            let text = one_line(text);
            self.shared.fail(&format!(
                "{} prepares `{text}`, which ends the test's transaction",
                self.function()
            ));
        }
    }

    /// Sends one of the server's messages to the client.
    fn pass_back(&self, frame: Frame, flight: &mut Flight, withholds: bool) {
        match frame.tag() {
            b'Z' => {
                flight.outstanding = flight.outstanding.saturating_sub(1);
                flight.closes.clear();
                flight.is_copying = false;
                let status = if self.is_open {
                    frame.body().first().copied()
                } else {
                    None
                };
                if flight.outstanding > 0 || !withholds {
                    self.answer(Frame::ready(status.unwrap_or(b'I')));
                }
                return;
            }
            b'3' if flight.closes.pop_front() == Some(true) => return,
            b'G' | b'W' => flight.is_copying = true,
            b'C' => flight.is_copying = false,
            b'E' => {
                flight.failed = true;
                flight.is_copying = false;
                // active_sql_transaction: outside of a transaction it would have run.
                if frame.field(b'C') == Some("25001") && !self.is_open {
                    let said = frame.field(b'M').unwrap_or_default();
                    self.shared.fail(&format!("{}: {said}", self.function()));
                }
            }
            _ => {}
        }
        self.answer(frame);
    }

    /// The client has gone, perhaps in the middle of its transaction.
    async fn leave(&mut self) {
        if !self.is_open || self.go_on().await.is_err() {
            self.was_rolled_back();
            return;
        }
        let shared = Arc::clone(&self.shared);
        let mut wire = shared.wire.lock().await;
        let savepoint = self.savepoint();
        wire.send_own(&format!(
            "ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}"
        ));
        self.was_rolled_back();
    }

    async fn go_on(&self) -> io::Result<()> {
        let within = self.shared.within();
        let turn = self.shared.turns.go_on(self.process, within).await;
        turn.map_err(|holder| self.waits_in_vain(&holder))
    }

    fn savepoint(&self) -> String {
        format!("session_factory_test_{}", self.process)
    }

    fn function(&self) -> String {
        self.shared.function(self.process)
    }

    fn kept_by_production(&self, function: &str, how: &str) {
        self.shared.fail(&format!(
            "{function} committed inside of {}, which was {how}: production keeps it",
            self.function()
        ));
    }

    /// The client's connection ends: another client does not give its turn back.
    fn waits_in_vain(&self, holder: &Holder) -> io::Error {
        let shown = |process: u32| {
            let session = self.shared.session(process);
            session.map_or_else(|| "a session".to_owned(), |session| session.shown())
        };
        let message = format!(
            "{} waits for {}, which has had its transaction open for {}: sessions that are open at the same time",
            shown(self.process),
            shown(holder.process),
            crate::time::in_millis(holder.held_for)
        );
        self.shared.fail(&message);
        self.answer(Frame::error("FATAL", "57P05", &message));
        io::Error::other(message)
    }

    /// The client's connection ends: the real one has.
    fn lost(&self, error: io::Error) -> io::Error {
        let message = format!(
            "the test's transaction has ended while {} used it: {error}",
            self.function()
        );
        self.shared.fail(&message);
        self.answer(Frame::error("FATAL", "57P01", &message));
        error
    }
}

/// Ends what a client has begun to send and left.
fn finish(wire: &Wire, flight: &mut Flight) {
    if flight.is_copying {
        wire.send(Frame::new(b'f', &terminated("the client has gone")));
    }
    if flight.is_unfinished {
        wire.send(Frame::new(b'S', &[]));
        flight.is_unfinished = false;
        flight.outstanding += 1;
    }
}
