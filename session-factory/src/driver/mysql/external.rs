//! A connection of the application's pool, whose packets the driver cannot read.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::mysql::Mysql;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::row::{Field, Row};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnectionCore, AsyncMysqlConnection, SimpleAsyncConnection,
    TransactionManager,
};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::connect::PATIENCE;
use super::protocol::{Column, MysqlRow};
use super::query::{Query, Rows};
use crate::driver::{CommitOutcome, Prelude, RecoveryOutcome, TransactionStatus, as_conflict};
use crate::error::StatementError;
use crate::observe::{Events, Instrumented, ObservedStatement};

type Pooled = bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncMysqlConnection>>;

pub(super) struct External {
    pooled: Pooled,
    pub(super) observer: Instrumented,
    /// True while a statement is in flight or was dropped: the client could take its reply for the next statement's.
    out_of_step: bool,
    /// The error with which the server rolled the transaction back.
    given_up: Option<StatementError>,
}

impl External {
    pub(super) fn new(pooled: Pooled) -> Self {
        Self {
            pooled,
            observer: Instrumented::direct(),
            out_of_step: false,
            given_up: None,
        }
    }

    pub(super) fn connection(&mut self) -> &mut AsyncMysqlConnection {
        &mut self.pooled
    }

    /// Puts the transaction manager in error, so that the pool drops the connection.
    pub(super) fn condemn(&mut self) {
        AnsiTransactionManager::transaction_manager_status_mut(self.connection()).set_in_error();
    }

    pub(super) fn watch(&self) -> TransactionStatus {
        match &self.given_up {
            Some(error) => TransactionStatus::Ended {
                committed: false,
                error: Some(error.clone()),
            },
            None => TransactionStatus::Unknown,
        }
    }

    pub(super) fn is_in_step(&self) -> bool {
        !self.out_of_step
    }

    fn events(&mut self) -> Option<Events> {
        self.observer.events().cloned()
    }

    /// Runs the prelude. The application's connection may have autocommit on, so a transaction is begun explicitly.
    async fn start(&mut self, prelude: &Prelude) -> QueryResult<()> {
        if self.out_of_step {
            return Err(StatementError::connection(
                "a statement was dropped half-way on this connection, so no later one may run on it",
            )
            .into());
        }
        self.out_of_step = true;
        prelude.announced.start();
        let text = match &prelude.begin {
            Some(options) => {
                self.given_up = None;
                let options = Some(&**options).filter(|options| !options.is_empty());
                let parts = [
                    options,
                    Some("START TRANSACTION"),
                    prelude.control.as_deref(),
                ];
                Some(Cow::from(
                    parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
                ))
            }
            None => prelude.text(),
        };
        if let Some(text) = text {
            let result = self.pooled.batch_execute(&text).await;
            if let Err(error) = self.land(result) {
                prelude.announced.failed(&error, false);
                return Err(error);
            }
            self.out_of_step = true;
        }
        prelude.announced.succeeded();
        Ok(())
    }

    /// Call when a statement's future has resolved. After a connection error, the connection stays out of step.
    fn land<T>(&mut self, result: QueryResult<T>) -> QueryResult<T> {
        let result = result.map_err(|error| self.classified(error));
        let is_lost = |error: &Error| {
            matches!(
                error,
                Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            )
        };
        self.out_of_step = result.as_ref().is_err_and(is_lost);
        result
    }

    /// diesel has no kinds for a deadlock and a lost connection, so only the message's text distinguishes them.
    fn classified(&mut self, error: Error) -> Error {
        let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = &error else {
            return error;
        };
        let message = information.message();
        let of_the_client = [
            "Input/output error",
            "Driver error",
            "Other error",
            "URL error",
        ];
        if of_the_client.iter().any(|start| message.starts_with(start)) {
            return StatementError::connection(message).into();
        }
        if message.starts_with("Deadlock found") {
            let error = as_conflict(error);
            self.given_up = Some(StatementError::from(&error));
            return error;
        }
        error
    }

    pub(super) async fn batch(
        &mut self,
        prelude: &Prelude,
        sql: &str,
    ) -> Result<QueryResult<()>, Error> {
        self.start(prelude).await?;
        if sql.is_empty() {
            return Ok(self.land(Ok(())));
        }
        let events = self.events();
        let result = {
            let batch = std::pin::pin!(self.pooled.batch_execute(sql));
            ObservedStatement::new(events, || batch).await
        };
        Ok(self.land(result))
    }

    pub(super) async fn execute(
        &mut self,
        prelude: &Prelude,
        query: Query,
    ) -> Result<QueryResult<usize>, Error> {
        self.start(prelude).await?;
        let events = self.events();
        let query = query.collected();
        let result =
            ObservedStatement::new(events, || self.pooled.execute_returning_count(query)).await;
        Ok(self.land(result))
    }

    pub(super) async fn load(
        &mut self,
        prelude: &Prelude,
        query: Query,
    ) -> Result<QueryResult<Rows<'_>>, Error> {
        self.start(prelude).await?;
        let events = self.events();
        let query = query.collected();
        // Read to the end: otherwise the client reads the rest with the next statement, where the driver cannot see it.
        let read = async {
            let rows = ObservedStatement::new(events, || self.pooled.load(query)).await?;
            let rows: Vec<_> = rows.map(|row| row.map(|row| copied(&row))).collect().await;
            Ok(rows)
        };
        let result = read.await;
        Ok(self
            .land(result)
            .map(|rows| futures_util::stream::iter(rows).boxed()))
    }

    pub(super) async fn run(&mut self, sql: &str) -> Result<(), StatementError> {
        if self.out_of_step {
            self.cancel().await;
            return Err(StatementError::connection(
                "a statement was dropped half-way on this connection",
            ));
        }
        self.out_of_step = true;
        let result = self.pooled.batch_execute(sql).await;
        self.land(result)
            .map_err(|error| StatementError::from(&error))
    }

    pub(super) async fn commit(&mut self) -> CommitOutcome {
        if self.out_of_step {
            return CommitOutcome::NotSent(StatementError::connection(
                "a statement was dropped half-way on this connection",
            ));
        }
        match self.run("COMMIT").await {
            Ok(()) => CommitOutcome::Committed,
            Err(error) if error.is_connection() => CommitOutcome::Unknown(error),
            Err(error) => CommitOutcome::Refused(error),
        }
    }

    pub(super) async fn recover(&mut self) -> RecoveryOutcome {
        if self.out_of_step {
            self.cancel().await;
            return RecoveryOutcome::Spent;
        }
        match self.run("ROLLBACK").await {
            Ok(()) => RecoveryOutcome::Clean,
            Err(_) => RecoveryOutcome::Failed,
        }
    }

    async fn cancel(&mut self) {
        let token = self.pooled.cancel_token();
        let _given_up = crate::runtime::within(timeout(PATIENCE, token.cancel_query())).await;
    }
}

fn copied(row: &<AsyncMysqlConnection as AsyncConnectionCore>::Row<'_, '_>) -> MysqlRow {
    let count = Row::<'_, Mysql>::field_count(row);
    let field = |index| {
        let field = Row::<'_, Mysql>::get(row, index)?;
        let value = field.value();
        let kind = value.as_ref().map_or(
            diesel::mysql::MysqlType::String,
            diesel::mysql::MysqlValue::value_type,
        );
        let column = Column {
            name: field.field_name().unwrap_or_default().to_owned(),
            kind,
        };
        Some((column, value.map(|value| value.as_bytes().to_vec())))
    };
    MysqlRow::copied((0..count).filter_map(field).collect())
}
