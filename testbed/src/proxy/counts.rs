//! What was seen.

use std::collections::BTreeMap;

/// What passed the proxy since it started, or since [`reset_counts`](super::Proxy::reset_counts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections opened; cancel requests are not among them, as far as one can see: one inside of TLS is.
    pub opened: u64,
    /// Connections open now, as the server sees it. Not changed by a reset.
    pub open: u64,
    /// The most connections that were open at one time.
    pub most_open: u64,
    /// PostgreSQL: connections that carried a cancel request and nothing else.
    pub cancel_requests: u64,
    /// Bytes passed on to the server.
    pub bytes_to_server: u64,
    /// Bytes passed on to clients.
    pub bytes_to_client: u64,
    /// How often a client sent something after the server had last answered: the times that
    /// somebody waited for the network, over all connections.
    ///
    /// A client that pipelines two requests in two packets may be answered between them, and
    /// then seems to have waited. A small delay of the answers (`delay(Direction::ToClient, 3 ms)`)
    /// makes the count exact: what is sent before the answer *arrives* is the same round trip.
    /// A goodbye (Terminate, `COM_QUIT`) waits for nothing and is not counted.
    pub round_trips: u64,
    /// PostgreSQL: messages from clients by their type byte, `Q` (Query), `P` (Parse), `B` (Bind),
    /// `D` (Describe), `E` (Execute), `S` (Sync), `C` (Close), `X` (Terminate), … MySQL: commands, by the
    /// letter of their like, and `p` (ping), `R` (reset).
    pub from_client: BTreeMap<char, u64>,
    /// PostgreSQL: messages from the server by their type byte, `Z` (ReadyForQuery),
    /// `C` (CommandComplete), `E` (ErrorResponse), `D` (`DataRow`), …
    pub from_server: BTreeMap<char, u64>,
    /// Faults that struck: armed cuts that found their byte.
    pub faults: u64,
}

impl Counts {
    /// Query messages: simple queries, such as `BEGIN`.
    pub fn queries(&self) -> u64 {
        self.message('Q')
    }

    /// Parse messages: statements prepared.
    pub fn parses(&self) -> u64 {
        self.message('P')
    }

    /// Execute messages: prepared statements run.
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

    /// ReadyForQuery messages: requests that the server has done with.
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

/// PostgreSQL and MySQL: one statement that a client sent, in the order in which they passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// The connection's number: the first one through this proxy has 1.
    pub connection: u64,
    /// How it was sent.
    pub kind: StatementKind,
    /// Its SQL.
    pub sql: String,
}

/// How a statement was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// As a simple query: run at once.
    Query,
    /// To be prepared. Not run yet.
    Parse,
    /// A statement prepared before, with its values: run.
    Bind,
}

impl StatementKind {
    /// Whether the statement was run, not only prepared.
    pub fn is_run(self) -> bool {
        self != Self::Parse
    }
}
