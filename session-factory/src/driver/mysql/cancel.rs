//! Cancels a running statement: sends KILL over a separate connection, and only to the same session of the same server.
//!
//! A connection's id alone is not enough: a server that was restarted counts from 1 again, and behind a load balancer
//! each server has its own ids.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::connect::address::Address;
use super::connect::{PATIENCE, open};
use super::protocol::session_state::Purpose;
use super::protocol::{COM_QUERY, Channel, Layout, error_code};
use super::url;
use crate::config::Settings;
use crate::error::StatementError;
use crate::sync::Mutex;

/// The most connections at one time that only send a KILL to one server. They come on top of the pool's.
const PERMITS: usize = 2;
/// The most failed attempts in a row. After one more, the server counts as gone, and the connection with it.
const UNREACHABLE: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);
/// The tolerated difference in seconds: a server's start is computed from two clocks that count whole seconds.
const TOLERANCE: i64 = 2;

static SERVERS: LazyLock<Mutex<HashMap<String, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// One run of one server.
#[derive(Debug)]
struct Server {
    /// The server's host name, its port, and `@@server_uuid` if it has one.
    names: Vec<Option<String>>,
    started: i64,
}

impl Server {
    fn is(&self, other: &Self) -> bool {
        self.names == other.names && (self.started - other.started).abs() <= TOLERANCE
    }
}

/// The server and the session of a connection, and what the server says about itself.
#[derive(Debug)]
pub(super) struct Identity {
    server: Server,
    id: u64,
    /// The client's address, as the server's process list has it.
    client: Option<String>,
    pub(super) longest_command: usize,
    is_mariadb: bool,
    /// True for a node of a Galera cluster.
    pub(super) is_clustered: bool,
}

impl Identity {
    /// # Errors
    /// Also for a Galera node that is outside its cluster: such a node might still answer, with old data.
    pub(super) async fn ask(
        channel: &mut Channel,
        is_mariadb: bool,
    ) -> Result<Self, StatementError> {
        const STATUS: &str = "SHOW GLOBAL STATUS \
             WHERE Variable_name IN ('Uptime', 'wsrep_provider_name', 'wsrep_ready')";
        let uuid = if is_mariadb { "NULL" } else { "@@server_uuid" };
        let session = format!(
            "SELECT @@hostname, @@port, {uuid}, UNIX_TIMESTAMP(), @@max_allowed_packet, CONNECTION_ID(), \
             (SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID())"
        );
        for question in [STATUS, &session] {
            let question = question.as_bytes();
            channel.send(COM_QUERY, question, Layout::Results, Purpose::Drivers)?;
        }
        let status = channel.rows().await?;
        let status = |name: &str| {
            let is_named = |row: &&Vec<_>| row.first() == Some(&Some(name.to_owned()));
            status.iter().find(is_named)?.get(1)?.as_deref()
        };
        let is_clustered = status("wsrep_provider_name").is_some_and(|name| !name.is_empty());
        if is_clustered && status("wsrep_ready") != Some("ON") {
            return Err(StatementError {
                code: Some(error_code::ALONE),
                ..StatementError::other("wsrep_ready is not ON")
            });
        }
        let session = channel.rows().await?;
        let read = || {
            let row = session.first()?;
            let number = |column: usize| row.get(column)?.as_deref()?.parse::<i64>().ok();
            Some(Self {
                server: Server {
                    names: row.get(..3)?.to_vec(),
                    started: number(3)? - status("Uptime")?.parse::<i64>().ok()?,
                },
                id: number(5)?.try_into().ok()?,
                client: row.get(6)?.clone(),
                longest_command: number(4)?.try_into().ok()?,
                is_mariadb,
                is_clustered,
            })
        };
        read().ok_or_else(|| StatementError::other("the server does not identify itself"))
    }
}

/// The outcome of an attempt to cancel.
enum Attempt {
    Killed,
    /// The session no longer exists.
    Gone,
    Unreachable,
    /// The KILL was sent and not answered, so it may arrive at any time.
    Unanswered,
}

/// Cancels the statements of one connection.
#[derive(Debug)]
pub(super) struct Canceller {
    settings: Settings,
    address: Address,
    identity: Identity,
    permits: Arc<Semaphore>,
}

impl Canceller {
    pub(super) fn new(mut settings: Settings, address: Address, identity: Identity) -> Self {
        settings.permit = None;
        let mut servers = SERVERS.lock();
        servers.retain(|_, permits| permits.strong_count() > 0);
        let name = address.to_string();
        let known = servers.get(&name).and_then(Weak::upgrade);
        let permits = known.unwrap_or_else(|| {
            let permits = Arc::new(Semaphore::new(PERMITS));
            servers.insert(name, Arc::downgrade(&permits));
            permits
        });
        Self {
            settings,
            address,
            identity,
            permits,
        }
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.identity.is_mariadb
    }

    /// Tries once to cancel the running statement. False if a KILL may still arrive.
    pub(super) async fn cancel(&self) -> bool {
        !matches!(self.attempt("QUERY").await, Attempt::Unanswered)
    }

    /// Ends the session on the server after the connection to it was lost, and waits until the session is gone.
    pub(super) async fn end(&self) {
        let mut failures = 0;
        while failures <= UNREACHABLE {
            match self.attempt("CONNECTION").await {
                Attempt::Gone => return,
                Attempt::Killed => failures = 0,
                Attempt::Unreachable | Attempt::Unanswered => failures += 1,
            }
            sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, what: &str) -> Attempt {
        let mut was_sent = false;
        let attempt = timeout(PATIENCE, async {
            let _permit = self.permits.acquire().await.ok()?;
            let mut channel = self.open().await?;
            let id = self.identity.id;
            match self.finds(&mut channel).await {
                Ok(true) => {}
                Ok(false) => return Some(Attempt::Gone),
                Err(_lost) => return None,
            }
            was_sent = true;
            match channel.run(&format!("KILL {what} {id}")).await {
                Ok(()) => Some(Attempt::Killed),
                Err(error) if error.code == Some(error_code::NO_SUCH_CONNECTION) => {
                    Some(Attempt::Gone)
                }
                Err(error) if error.is_connection() => Some(Attempt::Unanswered),
                Err(_refused) => None,
            }
        });
        match attempt.await {
            Ok(attempt) => attempt.unwrap_or(Attempt::Unreachable),
            Err(_late) if was_sent => Attempt::Unanswered,
            Err(_late) => Attempt::Unreachable,
        }
    }

    /// Uses current credentials, because those with which the pooled connection was opened may have expired.
    async fn open(&self) -> Option<Channel> {
        let mut settings = self.settings.clone();
        if let Some(source) = &settings.credential_source {
            settings.credentials = Some(source.ask(PATIENCE).await.ok()?);
        }
        let target = url::parse(settings.url.expose()).ok()?;
        let opened = open(&settings, &target, &self.address, None, None).await;
        opened.ok().map(|(channel, _)| channel)
    }

    /// True if the session exists on this server, and is still this connection's.
    async fn finds(&self, channel: &mut Channel) -> Result<bool, StatementError> {
        let Identity {
            server, id, client, ..
        } = &self.identity;
        let there = Identity::ask(channel, self.is_mariadb()).await?;
        if !server.is(&there.server) {
            return Ok(false);
        }
        let question = format!("SELECT host FROM information_schema.processlist WHERE id = {id}");
        let rows = channel.ask(&question).await?;
        Ok(rows.first().is_some_and(|row| row.first() == Some(client)))
    }
}
