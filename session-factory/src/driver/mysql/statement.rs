//! Statements: prepared ones, texts, and their rows.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{InstrumentationEvent, StrQueryHelper};
use diesel::result::Error;
use futures_util::stream::{self, StreamExt};

use super::connection::Own;
use super::nature::nature;
use super::protocol::session_state::{Counters, Nature, Purpose, Suspicion};
use super::protocol::{
    COM_PING, COM_QUERY, COM_STMT_CLOSE, COM_STMT_PREPARE, Column, Event, Layout, MysqlRow,
    error_code, execute_command,
};
use super::query::{Query, Rows};
use super::statement_cache::Prepared;
use crate::error::StatementError;

const COM_STMT_EXECUTE: u8 = 0x17;

type Result<T> = std::result::Result<T, StatementError>;

/// The savepoint that shows whether a transaction is still the same one.
const MARK: &str = "SAVEPOINT session_factory_mark";
const RELEASE_MARK: &str = "RELEASE SAVEPOINT session_factory_mark";
const COUNTERS: &str = "SHOW SESSION STATUS WHERE Variable_name IN ('Com_commit', 'Com_rollback', 'Com_xa_rollback', \
     'Com_call_procedure', 'Com_compound_sql', 'Com_execute_immediate', 'Com_execute_sql', 'Handler_rollback')";

impl Own {
    /// Reads what earlier statements left unread, and asks the server what their flags left open.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(super) async fn ready(&mut self) -> Result<()> {
        self.channel.drain().await?;
        self.settle().await
    }

    /// Asks the server what the last statement's flags leave open.
    pub(super) async fn settle(&mut self) -> Result<()> {
        if let Some(suspicion) = self.channel.state.suspicion() {
            self.verify(suspicion).await?;
        }
        if self.channel.state.autocommits() {
            // The body switched it on. Switch it off, so that later statements belong to the session's transaction.
            const OFF: &str = "SET autocommit = 0";
            let mut switched = self.channel.run(OFF).await;
            if switched.as_ref().is_err_and(is_lost_conflict) {
                switched = self.channel.run(OFF).await;
            }
            switched?;
        }
        match self.channel.lost() {
            Some(lost) => Err(lost.clone()),
            None => Ok(()),
        }
    }

    async fn verify(&mut self, suspicion: Suspicion) -> Result<()> {
        let is_opaque = self.channel.state.is_opaque();
        if suspicion == Suspicion::Failed {
            self.channel
                .send(COM_PING, b"", Layout::Results, Purpose::Drivers)?;
            // The result is not needed here: the state has recorded its status flags or its error.
            let _noted = self.channel.finish().await;
        }
        let is_same = match suspicion {
            Suspicion::Ended => false,
            Suspicion::Failed if self.channel.state.met_deadlock() => false,
            Suspicion::Failed if !is_opaque => !self.channel.state.is_gone(),
            Suspicion::Failed | Suspicion::Flagged => self.finds_mark().await?,
        };
        if is_same {
            self.channel.state.is_the_same();
            return Ok(());
        }
        if !is_opaque {
            self.channel.state.counted(None);
            return Ok(());
        }
        let mut counters = self.counters().await;
        if counters.as_ref().is_err_and(is_lost_conflict) {
            counters = self.counters().await;
        }
        self.channel.state.counted(Some(counters?));
        Ok(())
    }

    /// True if the transaction is the one in which the mark was set.
    async fn finds_mark(&mut self) -> Result<bool> {
        if self.channel.state.found_mark().is_none() {
            let text = RELEASE_MARK.as_bytes();
            self.channel
                .send(COM_QUERY, text, Layout::Results, Purpose::ReleaseMark)?;
            let _noted = self.channel.finish().await;
        }
        match self.channel.lost() {
            Some(lost) => Err(lost.clone()),
            None => Ok(self.channel.state.found_mark() == Some(true)),
        }
    }

    async fn counters(&mut self) -> Result<Counters> {
        let mut counters = Counters::default();
        for row in self.channel.ask(COUNTERS).await? {
            let [Some(name), Some(value)] = row.as_slice() else {
                continue;
            };
            let value = value.parse().unwrap_or(0);
            match name.to_ascii_lowercase().as_str() {
                "com_commit" => counters.commits += value,
                "com_rollback" | "com_xa_rollback" => counters.rollbacks += value,
                "handler_rollback" => counters.undone += value,
                _ => counters.nested += value,
            }
        }
        Ok(counters)
    }

    /// Queues what goes ahead of a statement of this nature. With a Galera node, waits for the reply before sending the
    /// statement: the reply may say that the transaction was rolled back; the statement would then run in another one.
    async fn begin(&mut self, nature: Nature) -> Result<()> {
        let is_marked = nature == Nature::Opaque;
        if is_marked && self.channel.state.is_clustered() {
            self.in_flight = true;
            self.mark_and_wait().await?;
        }
        self.in_flight = true;
        self.channel.state.announce(nature);
        for id in std::mem::take(&mut self.cache.spent) {
            self.channel.tell(COM_STMT_CLOSE, &id.to_le_bytes());
        }
        if is_marked && !self.channel.state.is_clustered() {
            self.channel.send(
                COM_QUERY,
                MARK.as_bytes(),
                Layout::Results,
                Purpose::Drivers,
            )?;
        }
        Ok(())
    }

    async fn mark_and_wait(&mut self) -> Result<()> {
        self.channel.run(MARK).await?;
        if self.channel.state.lacks_baseline() {
            let counters = self.counters().await?;
            self.channel.state.has_baseline(counters);
        }
        Ok(())
    }

    /// Reads the reply to the mark that was sent ahead. If setting the mark failed, releasing it fails later.
    async fn marked(&mut self, nature: Nature) -> Result<()> {
        if nature == Nature::Opaque && !self.channel.state.is_clustered() {
            let _missed_later = self.channel.finish().await;
        }
        self.channel.lost().map_or(Ok(()), |lost| Err(lost.clone()))
    }

    /// Call when a statement's future resolves: reads all replies, and asks what the statement left open.
    async fn land<T>(&mut self, result: Result<T>) -> QueryResult<T> {
        let settled = match self.channel.drain().await {
            Ok(()) => self.settle().await,
            Err(lost) => Err(lost),
        };
        self.in_flight = false;
        let value = result?;
        settled?;
        Ok(value)
    }

    /// Runs one of the application's SQL texts.
    pub(super) async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.tell(InstrumentationEvent::start_query(&StrQueryHelper::new(sql)));
        let result = self.run_text(sql).await;
        let result = self.land(result).await;
        let error = result.as_ref().err();
        self.tell(InstrumentationEvent::finish_query(
            &StrQueryHelper::new(sql),
            error,
        ));
        result
    }

    async fn run_text(&mut self, sql: &str) -> Result<()> {
        self.ready().await?;
        self.begin(Nature::Opaque).await?;
        self.channel
            .send(COM_QUERY, sql.as_bytes(), Layout::Results, Purpose::Users)?;
        self.marked(Nature::Opaque).await?;
        self.channel.finish().await.map(drop)
    }

    /// Runs a statement that returns the number of changed rows.
    pub(super) async fn execute(&mut self, query: &Query) -> QueryResult<usize> {
        let result = match self.send(query).await {
            Ok(()) => self.channel.finish().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        let result = self.over(query, result).await?;
        Ok(result
            .and_then(|rows| usize::try_from(rows).ok())
            .unwrap_or_default())
    }

    /// Runs a statement that returns a stream of rows.
    pub(super) async fn load(&mut self, query: &Query) -> QueryResult<Rows<'_>> {
        let head = match self.send(query).await {
            Ok(()) => self.head().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        let columns = match head {
            Ok(Some(columns)) => columns,
            Ok(None) => {
                self.over(query, Ok(())).await?;
                return Ok(stream::empty().boxed());
            }
            Err(error) => {
                self.over(query, Err::<(), _>(error)).await?;
                return Ok(stream::empty().boxed());
            }
        };
        self.in_flight = false;
        self.tell(InstrumentationEvent::finish_query(
            &StrQueryHelper::new(&query.sql),
            None,
        ));
        let rows = stream::unfold(Some((self, columns)), |state| async move {
            let (own, columns) = state?;
            match own.row(&columns).await {
                Ok(Some(row)) => Some((Ok(row), Some((own, columns)))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(rows.boxed())
    }

    /// Prepares the statement if that is not done, and sends it. Errors in its binds are found here, not by the server.
    async fn send(&mut self, query: &Query) -> QueryResult<()> {
        self.tell(InstrumentationEvent::start_query(&StrQueryHelper::new(
            &query.sql,
        )));
        self.ready().await?;
        let prepared = self.prepare(query).await?;
        self.begin(prepared.nature).await?;
        if !self.keeps(query) {
            self.cache.spent.push(prepared.id);
        }
        let body = execute_command(prepared.id, &query.types, &query.binds)?;
        self.channel
            .send(COM_STMT_EXECUTE, &body, Layout::Results, Purpose::Users)?;
        self.marked(prepared.nature).await?;
        Ok(())
    }

    fn keeps(&self, query: &Query) -> bool {
        query.is_cacheable && self.cache.size > 0
    }

    async fn prepare(&mut self, query: &Query) -> Result<Prepared> {
        if self.channel.state.take_stale() {
            self.cache.clear();
        }
        let keep = self.keeps(query);
        if let Some(prepared) = self.cache.get(&query.sql).filter(|_| keep) {
            return Ok(prepared);
        }
        self.begin(Nature::Plain).await?;
        self.channel.send(
            COM_STMT_PREPARE,
            query.sql.as_bytes(),
            Layout::Prepared,
            Purpose::Users,
        )?;
        loop {
            match self.channel.next().await? {
                Event::Prepared { id, parameters } => {
                    if usize::from(parameters) != query.binds.len() {
                        return Err(StatementError::other(
                            "the statement has not as many parameters as binds",
                        ));
                    }
                    let prepared = Prepared {
                        id,
                        nature: nature(&query.sql),
                    };
                    if keep {
                        self.cache.put(&query.sql, prepared);
                    }
                    return Ok(prepared);
                }
                Event::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Returns the columns of the first result that has rows; `None` if there is none.
    async fn head(&mut self) -> Result<Option<Arc<[Column]>>> {
        loop {
            match self.channel.next().await? {
                Event::Columns(columns) => return Ok(Some(columns)),
                Event::Done { is_last: true, .. } => return Ok(None),
                Event::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Returns the next row; `None` if there are no more.
    async fn row(&mut self, columns: &Arc<[Column]>) -> QueryResult<Option<MysqlRow>> {
        if self.channel.is_quiet() {
            self.settle().await?;
            return Ok(None);
        }
        match self.channel.next().await {
            Ok(Event::Row(message)) => {
                let row = MysqlRow::parse(columns, message);
                if self.channel.read_end().is_some() {
                    // The reply is over. Usually it leaves no question open; one that it does leave is asked later.
                    let _asked_later = self.channel.state.suspicion();
                }
                let malformed = || Error::DeserializationError("a row is not well-formed".into());
                row.map(Some).ok_or_else(malformed)
            }
            Ok(Event::Failed(error)) | Err(error) => self.land(Err(error)).await,
            // Only a procedure's first result is returned, so skip the others.
            Ok(_done) => self.land(Ok(None)).await,
        }
    }

    /// Call when a statement is over: asks what it left open, and reports the end to the instrumentation.
    async fn over<T>(&mut self, query: &Query, result: QueryResult<T>) -> QueryResult<T> {
        let landed = self.land(Ok(())).await;
        let result = result.and_then(|value| landed.map(|()| value));
        let error = result.as_ref().err();
        self.tell(InstrumentationEvent::finish_query(
            &StrQueryHelper::new(&query.sql),
            error,
        ));
        result
    }
}

/// True if a Galera node reported that the transaction lost a conflict, in reply to one of the driver's own commands.
fn is_lost_conflict(error: &StatementError) -> bool {
    error.code.is_some_and(error_code::rolls_back)
}
