//! Sends two messages in one flight.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::join;

use crate::driver::Reply;
use crate::observe::Announced;

/// Sends the prelude and the statement in one flight.
pub(super) async fn pipelined<T>(
    mut connection: &AsyncPgConnection,
    ahead: &str,
    announced: Option<&Announced>,
    statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
) -> Reply<T> {
    // `join` polls in order, so the prelude is queued first.
    let ahead = connection.batch_execute(ahead).inspect(|answer| {
        if let Some(announced) = announced {
            announced.answered(answer);
        }
    });
    let (ahead, result) = join(ahead, statement).await;
    Reply {
        ahead,
        result,
        unsent: false,
    }
}
