//! Waits until a replica has replayed the log up to a commit.

use std::time::Duration;

use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use tokio::time::{Instant, sleep};

use super::connection::PgConnection;
use super::protocol::lsn::REPLAYED;
use crate::call::LogPosition as Position;
use crate::driver::DriverConnection;
use crate::error::StatementError;

/// The shortest and longest pause between two queries to a replica that lags.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(20);

/// Waits until a replica has replayed the log up to `position`. Returns false if the time runs out first.
pub(super) async fn has_replayed(
    connection: &mut PgConnection,
    position: Position,
    patience: Duration,
) -> Result<bool, StatementError> {
    if connection.is_pooled() {
        // Behind a pooler the next transaction may run on another server.
        return Ok(false);
    }
    let covers = |replayed: Option<Position>| replayed.is_some_and(|at| at.covers(position));
    if covers(connection.replayed()) {
        return Ok(true);
    }
    let deadline = Instant::from_std(crate::time::from_now(patience));
    let mut pause = SHORTEST;
    loop {
        let replayed = match replayed(connection).await {
            Ok(replayed) => replayed,
            Err(error) => return Err(connection.view().explain(&error)),
        };
        connection.set_replayed(replayed);
        if covers(replayed) {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn replayed(connection: &PgConnection) -> QueryResult<Option<Position>> {
    let Some(protocol) = connection.view().protocol() else {
        return Ok(None);
    };
    protocol.expect_position();
    let mut diesel = connection.diesel();
    diesel.batch_execute(REPLAYED).await?;
    Ok(protocol.take_position())
}
