//! A server that replays exchanges. It speaks PostgreSQL's protocol and sends the known messages of
//! another database that cannot be run here.
//!
//! ```
//! # testbed::block_on(async {
//! use testbed::replay::{Replay, Said};
//!
//! let server = Replay::start()
//!     .await
//!     .says("COMMIT", [Said::error("40001", "restart transaction: TransactionRetryWithProtoRefreshError")]);
//! let url = server.url(); // what is tested connects here
//! # });
//! ```
//!
//! It tracks the transaction's status like PostgreSQL. A statement without a rule succeeds.

mod frames;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use self::frames::{Answer, Status};
use crate::background;

/// The server's reply to a statement.
#[derive(Clone, Debug)]
pub struct Said {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Fine,
    Row(Vec<&'static str>),
    Error {
        state: &'static str,
        message: &'static str,
        fatal: bool,
    },
    HangUp,
}

impl Said {
    /// The statement's usual reply.
    pub const fn fine() -> Self {
        Self { kind: Kind::Fine }
    }

    /// One row of text.
    pub fn row(columns: impl IntoIterator<Item = &'static str>) -> Self {
        let columns = columns.into_iter().collect();
        Self {
            kind: Kind::Row(columns),
        }
    }

    /// An error; the connection stays open.
    pub const fn error(state: &'static str, message: &'static str) -> Self {
        let fatal = false;
        Self {
            kind: Kind::Error {
                state,
                message,
                fatal,
            },
        }
    }

    /// An error after which the server closes the connection.
    pub const fn fatal(state: &'static str, message: &'static str) -> Self {
        let fatal = true;
        Self {
            kind: Kind::Error {
                state,
                message,
                fatal,
            },
        }
    }

    /// No reply: the connection is closed.
    pub const fn hang_up() -> Self {
        Self { kind: Kind::HangUp }
    }
}

/// The replies to statements that begin with a text, in turn. The last reply repeats.
#[derive(Debug)]
struct Rule {
    beginning: &'static str,
    said: VecDeque<Said>,
}

/// A replaying server. Dropping it closes its connections.
#[derive(Debug)]
pub struct Replay {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    listening: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<Rule>,
    heard: Vec<String>,
    opened: usize,
}

impl Replay {
    /// Starts a server without any rule.
    pub async fn start() -> Self {
        background::run(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.expect("a port of one's own");
            let address = listener.local_addr().expect("a listener has an address");
            let script = Arc::new(Mutex::new(Script::default()));
            let listening = tokio::spawn(listen(listener, Arc::clone(&script)));
            Self {
                address,
                script,
                listening,
            }
        })
        .await
    }

    /// Adds the replies to statements that begin with a text. A later rule takes precedence.
    #[must_use]
    pub fn says(self, beginning: &'static str, said: impl IntoIterator<Item = Said>) -> Self {
        let said = said.into_iter().collect();
        lock(&self.script).rules.insert(0, Rule { beginning, said });
        self
    }

    /// `postgres://app@127.0.0.1:PORT/app`
    pub fn url(&self) -> String {
        format!("postgres://app@{}/app", self.address)
    }

    /// Every statement that was received, one by one.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.script).heard.clone()
    }

    /// The number of connections that were opened, without cancel requests.
    pub fn opened(&self) -> usize {
        lock(&self.script).opened
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        connections.spawn(async move {
            // The error is that the client has left, which is expected.
            let _ = Connection::new(stream, script).serve().await;
        });
    }
}

/// One client.
struct Connection {
    stream: TcpStream,
    script: Arc<Mutex<Script>>,
    status: Status,
    /// The last Parse's statement. `skipping` is true after an error, until Sync.
    parsed: String,
    skipping: bool,
}

impl Connection {
    fn new(stream: TcpStream, script: Arc<Mutex<Script>>) -> Self {
        Self {
            stream,
            script,
            status: Status::Idle,
            parsed: String::new(),
            skipping: false,
        }
    }

    async fn serve(mut self) -> std::io::Result<()> {
        if !self.greet().await? {
            return Ok(());
        }
        loop {
            let tag = self.stream.read_u8().await?;
            let body = self.body().await?;
            let mut out = Vec::new();
            let goes_on = self.answer(tag, &body, &mut out);
            self.stream.write_all(&out).await?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    async fn body(&mut self) -> std::io::Result<Vec<u8>> {
        let length = self.stream.read_u32().await?.saturating_sub(4);
        let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        Ok(body)
    }

    /// Returns false for a cancel request, which is read and changes nothing.
    async fn greet(&mut self) -> std::io::Result<bool> {
        loop {
            let body = self.body().await?;
            match body
                .first_chunk::<4>()
                .map(|code| u32::from_be_bytes(*code))
            {
                // Requests for TLS and GSSAPI are declined.
                Some(80_877_103 | 80_877_104) => self.stream.write_all(b"N").await?,
                Some(80_877_102) => return Ok(false),
                _ => break,
            }
        }
        lock(&self.script).opened += 1;
        self.stream.write_all(&frames::greeting(PROCESS)).await?;
        Ok(true)
    }

    fn answer(&mut self, tag: u8, body: &[u8], out: &mut Vec<u8>) -> bool {
        match tag {
            b'X' => return false,
            b'Q' => {
                let text = frames::text(body).to_owned();
                for statement in text.split(';').map(str::trim).filter(|one| !one.is_empty()) {
                    match self.run(statement, true, out) {
                        Answer::Done => {}
                        Answer::Failed => break,
                        Answer::Gone => return false,
                    }
                }
                frames::ready(self.status, out);
            }
            b'S' => {
                self.skipping = false;
                frames::ready(self.status, out);
            }
            _ if self.skipping => {}
            b'P' => {
                let name = body.iter().position(|byte| *byte == 0).unwrap_or(0);
                frames::text(&body[name + 1..]).clone_into(&mut self.parsed);
                frames::bare(b'1', out);
            }
            b'D' => frames::describes_nothing(out),
            b'B' => frames::bare(b'2', out),
            b'C' => frames::bare(b'3', out),
            b'E' => match self.run(&self.parsed.clone(), false, out) {
                Answer::Done => {}
                Answer::Failed => self.skipping = true,
                Answer::Gone => return false,
            },
            _ => {}
        }
        true
    }

    /// Runs one statement: replies by the script, and tracks the transaction like PostgreSQL.
    fn run(&mut self, statement: &str, described: bool, out: &mut Vec<u8>) -> Answer {
        let said = {
            let mut script = lock(&self.script);
            script.heard.push(statement.to_owned());
            let rule = script.rules.iter_mut();
            let rule = rule
                .into_iter()
                .find(|rule| statement.starts_with(rule.beginning));
            rule.and_then(|rule| match rule.said.len() {
                0 | 1 => rule.said.front().cloned(),
                _ => rule.said.pop_front(),
            })
        };
        let ends = frames::ends_transaction(statement);
        if self.status == Status::Failed && !ends {
            frames::error("ERROR", "25P02", "current transaction is aborted", out);
            return Answer::Failed;
        }
        match said.map_or(Kind::Fine, |said| said.kind) {
            Kind::Fine => frames::complete(statement, &mut self.status, out),
            Kind::Row(columns) => {
                frames::row(&columns, described, out);
                frames::complete(statement, &mut self.status, out);
            }
            Kind::Error {
                state,
                message,
                fatal,
            } => {
                frames::error(if fatal { "FATAL" } else { "ERROR" }, state, message, out);
                if fatal {
                    return Answer::Gone;
                }
                self.status = match self.status {
                    Status::Idle => Status::Idle,
                    // A failed COMMIT ends the transaction as well.
                    _ if ends => Status::Idle,
                    _ => Status::Failed,
                };
                return Answer::Failed;
            }
            Kind::HangUp => return Answer::Gone,
        }
        Answer::Done
    }
}

/// The process number in its cancel key, which `pg_backend_pid()` must return.
const PROCESS: u32 = 4711;
