//! A server for one test: its clients have transactions of their own, and all of them lie in one real transaction, which
//! is never committed.
//!
//! | the client sends | the server gets |
//! | --- | --- |
//! | BEGIN | SAVEPOINT |
//! | COMMIT | SET CONSTRAINTS ALL IMMEDIATE, RELEASE |
//! | ROLLBACK | ROLLBACK TO, RELEASE |
//! | anything else | the same, with other names for prepared statements |
//!
//! Savepoints lie on one another, so the clients take turns: a transaction begins when no other is open, or inside of one
//! whose session waits for it. What this cannot show fails the test.
//!
//! | file | does |
//! | --- | --- |
//! | `frame` | the protocol's messages |
//! | `statements` | the statements of a text, and what they do to the transaction |
//! | `wire` | the real connection |
//! | `turns` | whose transaction is open, and who waits |
//! | `shared` | what the clients share |
//! | `client` | one client's connection |

mod client;
mod frame;
mod shared;
mod statements;
mod turns;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use self::shared::Shared;
use self::turns::Turns;
use self::wire::Wire;
use super::connect::hand_over;
use super::connect::hand_over::HandedOver;
use crate::call::VirtualSessions;
use crate::config::Settings;
use crate::sync::Mutex;

/// Nobody's process: the numbers of the virtual ones begin here.
const FIRST_PROCESS: u32 = 1_000_000_000;
/// For clients that are about to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server, and its connection to the real one. It may serve one test after another.
pub(crate) struct VirtualServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Puts the sequences back; empty if there are none.
    sequences: String,
    _listening: AbortOnDropHandle<()>,
}

impl VirtualServer {
    /// Connects to the database, and begins to listen. Call on the runtime that is to run the server. `sequences` is SQL
    /// that puts the sequences back, or empty.
    ///
    /// # Errors
    /// Why there is no server, in words.
    pub(crate) async fn start(settings: &Settings, sequences: String) -> Result<Self, String> {
        let HandedOver {
            stream,
            route,
            parameters,
            process,
            key,
        } = hand_over::connect(settings)
            .await
            .map_err(|error| error.to_string())?;
        let mut wire = Wire::new(stream);
        let deferred = ask(&mut wire, DEFERRED).await?;
        if !sequences.is_empty() {
            // A killed run may have used them.
            run(&mut wire, &sequences).await?;
        }
        let io = |error: io::Error| error.to_string();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let shared = Arc::new(Shared {
            wire: tokio::sync::Mutex::new(wire),
            turns: Turns::default(),
            test: Mutex::default(),
            password: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            parameters,
            route,
            real: (process, key),
            keys: Mutex::default(),
            client_gone: Notify::new(),
            running: AtomicU32::new(0),
            deferred: deferred.concat(),
        });
        let clients = Arc::clone(&shared);
        let listening = tokio::spawn(async move {
            static NEXT: AtomicU32 = AtomicU32::new(FIRST_PROCESS);
            while let Ok((stream, _)) = listener.accept().await {
                let _slower_but_works = stream.set_nodelay(true);
                let process = NEXT.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(client::serve(Arc::clone(&clients), stream, process));
            }
        });
        Ok(Self {
            shared,
            address,
            sequences,
            _listening: AbortOnDropHandle::new(listening),
        })
    }

    /// Begins a test's transaction. Returns the URL for its clients.
    ///
    /// # Errors
    /// Why the real connection cannot be used any more.
    pub(crate) async fn begin(&self, test: Arc<VirtualSessions>) -> Result<String, String> {
        *self.shared.test.lock() = Some(test);
        let mut wire = self.shared.wire.lock().await;
        run(&mut wire, "BEGIN").await?;
        Ok(format!(
            "postgres://test:{}@{}/test?sslmode=disable",
            self.shared.password, self.address
        ))
    }

    /// Rolls the test's transaction back. True if the database is as it was.
    pub(crate) async fn end(&self) -> bool {
        let gone = tokio::time::timeout(PATIENCE, async {
            loop {
                let gone = self.shared.client_gone.notified();
                if self.shared.keys.lock().is_empty() {
                    return;
                }
                gone.await;
            }
        });
        let is_quiet = gone.await.is_ok();
        *self.shared.test.lock() = None;
        let mut wire = self.shared.wire.lock().await;
        let mut is_clean = is_quiet && wire.lost.is_none();
        for sql in ["ROLLBACK", "DISCARD ALL", self.sequences.as_str()] {
            is_clean = is_clean && (sql.is_empty() || run(&mut wire, sql).await.is_ok());
        }
        is_clean
    }
}

/// `; SET CONSTRAINTS … DEFERRED` for those that are initially deferred, or nothing.
const DEFERRED: &str = "SELECT '; SET CONSTRAINTS ' || string_agg(DISTINCT format('%I.%I', nspname, conname), ', ') || \
     ' DEFERRED' FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_namespace ON pg_namespace.oid = connamespace \
     WHERE condeferred HAVING count(*) > 0";

/// Asks for the SQL that puts each sequence where it is now.
pub(crate) const SEQUENCES: &str = "SELECT 'SELECT ' || string_agg(format('pg_catalog.setval(%L::regclass, %s, %s)', \
     format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), \
     CASE WHEN last_value IS NULL THEN 'false' ELSE 'true' END), ', ') \
     FROM pg_catalog.pg_sequences HAVING count(*) > 0";

async fn ask(wire: &mut Wire, sql: &str) -> Result<Vec<String>, String> {
    match wire.run(sql).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(error.field(b'M').unwrap_or_default().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn run(wire: &mut Wire, sql: &str) -> Result<(), String> {
    ask(wire, sql).await.map(drop)
}
