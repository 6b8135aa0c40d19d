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
    prelude: &str,
    announced: Option<&Announced>,
    statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
) -> Reply<T> {
    // `join` polls in order, so the prelude is queued first.
    let prelude = connection.batch_execute(prelude).inspect(|answer| {
        if let Some(announced) = announced {
            announced.answered(answer);
        }
    });
    let (prelude, result) = join(prelude, statement).await;
    Reply {
        prelude,
        result,
        unsent: false,
    }
}
