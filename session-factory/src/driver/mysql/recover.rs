//! What happens to a connection whose session is gone, and what makes it as the next borrower expects it.

use std::time::{Duration, Instant};

use diesel::IntoSql;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use tokio::time::{timeout, timeout_at};

use super::link::{MysqlLink, Own};
use super::packet;
use super::statement::Flight;
use crate::driver::{Recovered, Running};
use crate::observe::unpanicked;

/// For an answer to a question that costs the server nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest `max_statement_time`.
const LONGEST_OF_MARIADB: Duration = Duration::from_secs(31_536_000);

/// How every borrower finds a connection: diesel's own settings, and every transaction begun by its first
/// statement.
#[derive(Debug)]
pub(super) struct Setup {
    sql: String,
    database: Option<String>,
}

impl Setup {
    pub(super) fn new(
        database: Option<String>,
        statement_timeout: Option<Duration>,
        is_mariadb: bool,
    ) -> Self {
        let mut sql = String::from(
            "SET time_zone = '+00:00', character_set_client = 'utf8mb4', \
             character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4', autocommit = 0",
        );
        if let Some(limit) = statement_timeout {
            let (name, value) = if is_mariadb {
                let limit = limit.min(LONGEST_OF_MARIADB);
                ("max_statement_time", limit.as_secs_f64().to_string())
            } else {
                let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
                ("max_execution_time", limit.max(1).to_string())
            };
            sql.extend([", ", name, " = ", &value]);
        }
        Self { sql, database }
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }
}

/// Cancels what runs, rolls back, checks. See `docs/recovery.md` for the states.
pub(super) async fn recover(
    link: &mut MysqlLink,
    running: Running,
    deadline: Instant,
) -> Recovered {
    timeout_at(deadline.into(), roll_back(link, running))
        .await
        .unwrap_or(Recovered::Failed)
}

async fn roll_back(link: &mut MysqlLink, running: Running) -> Recovered {
    link.leave_raw();
    if link.rest().own.is_none() {
        return roll_back_foreign(link).await;
    }
    let reusable = match running {
        // COMMIT is not cancelled, and does not need the client.
        Running::End => link.rest().is_in_step(),
        Running::Nothing | Running::Statement => is_reusable(link).await,
    };
    let Some(own) = &link.rest().own else {
        return Recovered::Failed;
    };
    if !reusable {
        leave_client(own, running != Running::End).await;
    }
    let ledger = own.wire.ledger();
    // Waits behind a COMMIT that is under way.
    if !matches!(own.wire.roll_back().await, Some(Ok(()))) {
        if ledger.is_closed() && link.rest().may_run_on() {
            own.killer.end().await;
        }
        return Recovered::Failed;
    }
    if !reusable || ledger.is_alone() {
        Recovered::Spent
    } else if ledger.is_closed() || ledger.in_transaction() || !ledger.is_quiet() {
        Recovered::Failed
    } else {
        Recovered::Clean
    }
}

/// Nothing was dropped half-way on this connection.
async fn is_reusable(link: &mut MysqlLink) -> bool {
    let rest = link.rest();
    let quiet = rest.ledger().is_some_and(super::ledger::Ledger::is_quiet);
    quiet && rest.is_in_step() && (!rest.unverified || verify(link).await)
}

/// Shuts the client out and waits until the server is done with what it had sent.
async fn leave_client(own: &Own, kill: bool) {
    own.wire.leave_client().await;
    let done = own.wire.ledger().quiet();
    if kill {
        own.killer.until(done).await;
    } else {
        done.await;
    }
}

/// Ends whatever statement was left running; the connection is lost.
pub(super) async fn settle(link: &mut MysqlLink) {
    if let Some(own) = &link.rest().own {
        let _settled = crate::runtime::within(leave_client(own, true)).await;
    } else {
        cancel_foreign(link).await;
    }
}

/// Asks for a number that nobody can have answered before: the client gets it only if it has read every
/// earlier answer. Skips rows that were left unread.
pub(super) async fn verify(link: &mut MysqlLink) -> bool {
    let number = fastrand::i64(..);
    let (connection, rest) = link.split();
    let flight = Flight::start(rest);
    let question = diesel::select(number.into_sql::<BigInt>());
    // diesel-async shows the question to the instrumentation when `load` is called.
    let answer = unpanicked(async move { question.load::<i64>(connection).await });
    let answer = crate::runtime::within(timeout(PATIENCE, answer)).await;
    let Ok(Ok(answer)) = answer else {
        return false;
    };
    let is_answered = matches!(flight.land(answer).as_deref(), Ok([answer]) if *answer == number);
    let rest = link.rest_mut();
    rest.out_of_step |= !is_answered;
    rest.unverified &= !is_answered;
    is_answered
}

/// Puts session settings back: the server forgets everything about the session but its user.
pub(super) async fn reset(link: &mut MysqlLink) -> bool {
    let Some(own) = &link.rest().own else {
        return false;
    };
    let wire = &own.wire;
    let reset = async {
        wire.ask(packet::COM_RESET_CONNECTION, b"").await?.ok()?;
        if let Some(database) = &own.setup.database {
            wire.ask(packet::COM_INIT_DB, database.as_bytes())
                .await?
                .ok()?;
        }
        wire.run(own.setup.sql()).await?.ok()
    };
    if reset.await.is_none() {
        return false;
    }
    wire.ledger().is_ready();
    link.forget_statements();
    true
}

async fn roll_back_foreign(link: &mut MysqlLink) -> Recovered {
    if !link.rest().is_in_step() || link.rest().unverified && !verify(link).await {
        cancel_foreign(link).await;
        return Recovered::Spent;
    }
    let (connection, rest) = link.split();
    let flight = Flight::start(rest);
    match flight.land(connection.batch_execute("ROLLBACK").await) {
        Ok(()) => Recovered::Clean,
        Err(_) => Recovered::Failed,
    }
}

async fn cancel_foreign(link: &mut MysqlLink) {
    let token = link.connection_mut().cancel_token();
    let _given_up = crate::runtime::within(timeout(PATIENCE, token.cancel_query())).await;
}
