//! The proxy's counts.

use std::collections::BTreeMap;

/// What the proxy has forwarded since its start, or since
/// [`reset_counts`](super::Proxy::reset_counts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections opened. Cancel requests are excluded, unless TLS hides them.
    pub opened: u64,
    /// Connections that are open on the server now. A reset does not change it.
    pub open: u64,
    /// The greatest number of connections that were open at one time.
    pub most_open: u64,
    /// PostgreSQL: connections that carried a cancel request and nothing else.
    pub cancel_requests: u64,
    /// Bytes forwarded to the server.
    pub bytes_to_server: u64,
    /// Bytes forwarded to clients.
    pub bytes_to_client: u64,
    /// How many times a client sent bytes after the server had last answered: the number of waits
    /// for the network, over all connections.
    ///
    /// If a client pipelines two requests in two packets, the server may answer between them, and
    /// the client seems to have waited. A small delay of the answers (`delay(Direction::ToClient, 3
    /// ms)`) makes the count exact: requests sent before the answer *arrives* are one round trip. A
    /// goodbye (Terminate, `COM_QUIT`) waits for nothing and is not counted.
    pub round_trips: u64,
    /// PostgreSQL: clients' messages by their type byte, `Q` (Query), `P` (Parse), `B` (Bind), `D`
    /// (Describe), `E` (Execute), `S` (Sync), `C` (Close), `X` (Terminate), … MySQL: commands,
    /// under PostgreSQL's letter for a similar message, and `p` (ping), `R` (reset).
    pub from_client: BTreeMap<char, u64>,
    /// PostgreSQL: the server's messages by their type byte, `Z` (ReadyForQuery), `C`
    /// (CommandComplete), `E` (ErrorResponse), `D` (`DataRow`), …
    pub from_server: BTreeMap<char, u64>,
    /// The number of armed cuts that reached their byte.
    pub faults: u64,
}

impl Counts {
    /// Query messages: simple queries, such as `BEGIN`.
    pub fn queries(&self) -> u64 {
        self.message('Q')
    }

    /// Parse messages: statements that were prepared.
    pub fn parses(&self) -> u64 {
        self.message('P')
    }

    /// Execute messages: prepared statements that were run.
    pub fn executes(&self) -> u64 {
        self.message('E')
    }

    /// Sync messages.
    pub fn syncs(&self) -> u64 {
        self.message('S')
    }

    /// Messages of one type from clients.
    pub fn message(&self, kind: char) -> u64 {
        self.from_client.get(&kind).copied().unwrap_or_default()
    }

    /// ReadyForQuery messages: requests that the server has finished.
    pub fn ready(&self) -> u64 {
        self.answer('Z')
    }

    /// ErrorResponse messages.
    pub fn errors(&self) -> u64 {
        self.answer('E')
    }

    /// Messages of one type from the server.
    pub fn answer(&self, kind: char) -> u64 {
        self.from_server.get(&kind).copied().unwrap_or_default()
    }
}

/// PostgreSQL and MySQL: a statement that a client sent. Statements are kept in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// The connection's number; the proxy's first connection has 1.
    pub connection: u64,
    /// How it was sent.
    pub kind: StatementKind,
    /// The statement's SQL.
    pub sql: String,
}

/// How a statement was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// As a simple query, which runs at once.
    Query,
    /// To be prepared, which does not run it.
    Parse,
    /// As a prepared statement with values, which runs it.
    Bind,
}

impl StatementKind {
    /// True if the statement was run rather than only prepared.
    pub fn is_run(self) -> bool {
        self != Self::Parse
    }
}
