//! One connection to MySQL and what is known about it.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{CacheSize, TransactionDepthChange};
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncMysqlConnection, TransactionManager,
};

use super::kill::Killer;
use super::ledger::Ledger;
use super::recover::Setup;
use super::wire::Wire;
use crate::driver::{Kill, as_conflict};
use crate::error::{StatementError, StatementErrorKind};
use crate::observe::{Events, Instrumented};

type Foreign = bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncMysqlConnection>>;

/// What the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct MysqlLink {
    held: Held,
    rest: Rest,
    /// Statements are not kept prepared.
    uncached: bool,
}

impl Rest {
    /// Where the events of a statement go.
    pub(super) fn events(&mut self) -> Option<Events> {
        self.observer.events().cloned()
    }
}

enum Held {
    Own(Box<AsyncMysqlConnection>),
    Foreign(Box<Foreign>),
}

/// The part of a link that is changed while the connection itself is lent to a statement.
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(super) struct Rest {
    /// None for a connection of the application's pool: its packets are not ours to watch.
    pub(super) own: Option<Own>,
    /// A statement is under way, or was dropped half-way: the client may take an earlier answer for its next.
    pub(super) out_of_step: bool,
    /// Rows are left unread. The client skips them with its next command.
    pub(super) half_read: bool,
    /// Statements may have been dropped that nobody told of (the raw connection was used).
    pub(super) unverified: bool,
    /// The raw connection was handed out in this transaction.
    raw: bool,
    /// Of a connection that is not watched: its transaction was given up by an error.
    pub(super) given_up: Option<StatementError>,
    condemned: bool,
    /// COMMIT was sent and not answered.
    pub(super) committing: bool,
    pub(super) observer: Instrumented,
}

/// What a connection has that was opened by us.
pub(super) struct Own {
    pub(super) wire: Wire,
    pub(super) killer: Killer,
    pub(super) setup: Setup,
}

impl MysqlLink {
    pub(super) fn own(
        connection: AsyncMysqlConnection,
        wire: Wire,
        killer: Killer,
        setup: Setup,
    ) -> Self {
        let own = Own {
            wire,
            killer,
            setup,
        };
        Self::new(
            Held::Own(Box::new(connection)),
            Some(own),
            Instrumented::default(),
        )
    }

    pub(super) fn foreign(connection: Foreign) -> Self {
        Self::new(
            Held::Foreign(Box::new(connection)),
            None,
            Instrumented::direct(),
        )
    }

    fn new(held: Held, own: Option<Own>, observer: Instrumented) -> Self {
        Self {
            held,
            rest: Rest {
                own,
                out_of_step: false,
                half_read: false,
                unverified: false,
                raw: false,
                given_up: None,
                condemned: false,
                committing: false,
                observer,
            },
            uncached: false,
        }
    }

    pub(super) fn connection_mut(&mut self) -> &mut AsyncMysqlConnection {
        self.split().0
    }

    /// The connection and the rest.
    pub(super) fn split(&mut self) -> (&mut AsyncMysqlConnection, &mut Rest) {
        let connection = match &mut self.held {
            Held::Own(connection) => &mut **connection,
            Held::Foreign(connection) => &mut ***connection,
        };
        (connection, &mut self.rest)
    }

    pub(super) fn rest(&self) -> &Rest {
        &self.rest
    }

    pub(super) fn rest_mut(&mut self) -> &mut Rest {
        &mut self.rest
    }

    /// Whether prepared statements are kept: diesel-async's cache keeps all or none, whatever the number.
    pub(super) fn set_cache(&mut self, statements: Option<usize>) {
        if statements == Some(0) {
            self.uncached = true;
            self.connection_mut()
                .set_prepared_statement_cache_size(CacheSize::Disabled);
        }
    }

    pub(super) fn cache(&self) -> CacheSize {
        if self.uncached {
            CacheSize::Disabled
        } else {
            CacheSize::Unbounded
        }
    }

    /// The server knows none of the prepared statements any more.
    pub(super) fn forget_statements(&mut self) {
        let size = self.cache();
        let connection = self.connection_mut();
        // A cache that is set to another size starts empty.
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        connection.set_prepared_statement_cache_size(size);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.rest.condemned || self.rest.ledger().is_some_and(Ledger::is_closed)
    }

    pub(super) fn condemn(&mut self) {
        self.rest.condemned = true;
        if let Held::Foreign(connection) = &mut self.held {
            // The application's pool drops a connection whose transaction manager is in error.
            AnsiTransactionManager::transaction_manager_status_mut(&mut ***connection)
                .set_in_error();
        }
    }

    /// Ends the connection whatever its session does: cancels what runs, then hangs up.
    pub(super) fn kill(&self) -> Option<Kill> {
        let own = self.rest.own.as_ref()?;
        let (killer, cut) = (own.killer.clone(), Arc::new(own.wire.cutter()));
        Some(Kill(Arc::new(move || {
            let (killer, cut) = (killer.clone(), Arc::clone(&cut));
            let _no_runtime = crate::runtime::spawn(async move {
                killer.fire().await;
                cut();
            });
        })))
    }

    pub(super) fn enter_raw(&mut self) -> QueryResult<()> {
        if !self.rest.raw {
            self.rest.raw = true;
            self.rest.unverified = true;
            self.rest.observer.lend();
            let connection = self.connection_mut();
            forget_transactions(connection);
            AnsiTransactionManager::transaction_manager_status_mut(connection)
                .transaction_state()?
                .change_transaction_depth(TransactionDepthChange::IncreaseDepth)?;
        }
        Ok(())
    }

    pub(super) fn leave_raw(&mut self) {
        if self.rest.raw {
            self.rest.raw = false;
            self.rest.observer.take_back();
            forget_transactions(self.connection_mut());
        }
    }

    pub(super) fn raw_is_unbalanced(&mut self) -> bool {
        self.rest.raw && raw_depth(self.connection_mut()).is_some_and(|depth| depth > 1)
    }

    /// A diesel error with the number and the SQLSTATE that diesel drops.
    pub(super) fn explain(&self, error: &Error) -> StatementError {
        let plain = StatementError::from(error);
        let Some(own) = &self.rest.own else {
            return plain;
        };
        if plain.kind == StatementErrorKind::Connection {
            // What the server said before it hung up is worth more than "connection closed".
            return own.wire.why_closed();
        }
        match own.wire.ledger().last_error() {
            Some(said) if said.message == plain.message => said,
            _ => plain,
        }
    }
}

impl Rest {
    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.own.as_ref().map(|own| &**own.wire.ledger())
    }

    /// When the connection is lost: the server may still be at work for it. A COMMIT is left to finish.
    pub(super) fn may_run_on(&self) -> bool {
        !self.committing
            && self
                .ledger()
                .is_some_and(|ledger| !ledger.is_quiet() || ledger.in_transaction())
    }

    /// The client has read every answer to its end, as far as anybody told.
    pub(super) fn is_in_step(&self) -> bool {
        !self.out_of_step && !self.half_read
    }

    /// Gives an error of the client the kind that it has: diesel has none for a deadlock and a lost
    /// connection. `said_before` is the number of errors that the server had said before.
    pub(super) fn classified(&mut self, error: Error, said_before: u64) -> Error {
        let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = &error else {
            return error;
        };
        let message = information.message();
        let Some(ledger) = self.ledger() else {
            if is_of_the_client(message) {
                return closed(&error);
            }
            // Of an application's pool only the text is left.
            if message.starts_with("Deadlock found") {
                let error = as_conflict(error);
                self.given_up = Some(StatementError::from(&error));
                return error;
            }
            return error;
        };
        if ledger.errors() == said_before {
            return closed(&error);
        }
        match ledger.last_error() {
            Some(said) if said.is_transient() && said.message == message => as_conflict(error),
            _ => error,
        }
    }
}

/// How mysql_async words what the server did not say.
fn is_of_the_client(message: &str) -> bool {
    [
        "Input/output error",
        "Driver error",
        "Other error",
        "URL error",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

/// The client gave the connection up.
fn closed(error: &Error) -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::ClosedConnection,
        Box::new(StatementError::connection(error.to_string())),
    )
}

/// Takes the diesel transaction manager of a raw connection back to "no transaction".
fn forget_transactions(connection: &mut AsyncMysqlConnection) {
    *connection.transaction_state() = AnsiTransactionManager::default();
}

/// The depth that diesel's own manager believes in.
fn raw_depth(connection: &mut AsyncMysqlConnection) -> Option<u32> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    status
        .transaction_depth()
        .ok()
        .flatten()
        .map(std::num::NonZeroU32::get)
}
