//! tokio gives a task a budget for each poll. When it is used up, every resource answers "not yet",
//! and may keep what it has already acquired, such as the connection's lock. If a polled future is
//! then left without polls while another future waits for that lock, the wait never ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory_tests::{AppError, LiteBed, MyBed, PgBed, items};

/// tokio's budget for each poll.
const BUDGET: usize = 128;
/// More than a call uses between two waits.
const LAST: usize = 24;

/// Polls again within one poll of the task, until an answer has had time to arrive. An answer that
/// is there early is processed with the remaining budget.
struct Patient<F>(Pin<Box<F>>);

impl<F: Future> Future for Patient<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        for _ in 0..4 {
            if let Poll::Ready(output) = self.0.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Poll::Pending
    }
}

/// Runs a call in its own task, with `left` of the budget when the call begins.
async fn with_budget<F>(left: usize, call: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = tokio::spawn(async move {
        tokio::task::yield_now().await;
        for _ in left..BUDGET {
            tokio::task::consume_budget().await;
        }
        Patient(Box::pin(call)).await
    });
    let ended = tokio::time::timeout(Duration::from_secs(20), task);
    ended
        .await
        .unwrap_or_else(|_| panic!("with {left} left of its budget the call hangs"))
        .expect("the task ends")
}

macro_rules! on_a_runtime {
    ($backend:ident, $bed:ty, $($runtime:tt)+) => {
        mod $backend {
            use super::*;

            #[tokio::test($($runtime)+)]
            async fn a_call_is_answered_wherever_the_budget_of_its_task_ends() {
                let bed = <$bed>::with(|config| config.pool_size = 2).await;
                for left in 0..LAST {
                    let factory = bed.factory.clone();
                    let id = i32::try_from(left).unwrap();
                    let call = async move {
                        factory
                            .with_session(async |db| {
                                diesel::insert_into(items::table)
                                    .values((items::id.eq(id), items::name.eq("x")))
                                    .execute(db)
                                    .await?;
                                Ok::<_, AppError>(())
                            })
                            .await?;
                        let read = factory.session().read_only();
                        read.run(async |db| {
                            Ok::<_, AppError>(items::table.find(id).count().get_result::<i64>(db).await?)
                        })
                        .await
                    };
                    assert_eq!(with_budget(left, call).await.unwrap(), 1, "with {left} left");
                }
                assert_eq!(bed.count().await, i64::try_from(LAST).unwrap());
            }

            #[tokio::test($($runtime)+)]
            async fn a_call_dropped_where_the_budget_ends_leaves_a_connection_that_works() {
                let bed = <$bed>::with(|config| config.pool_size = 1).await;
                for left in 0..LAST {
                    for polls in 1..4 {
                        let factory = bed.factory.clone();
                        let call = async move {
                            let read = factory.session().read_only();
                            let call = read.run(async |db| {
                                Ok::<_, AppError>(items::table.count().get_result::<i64>(db).await?)
                            });
                            let _dropped = testbed::polls::drop_at(polls, call).await;
                        };
                        with_budget(left, call).await;
                        let after = bed.factory.with_session(async |db| {
                            Ok::<_, AppError>(items::table.count().get_result::<i64>(db).await?)
                        });
                        let after = tokio::time::timeout(Duration::from_secs(20), after).await;
                        let count = after.unwrap_or_else(|_| {
                            panic!("dropped at poll {polls} with {left} left: the next call hangs")
                        });
                        assert_eq!(count.unwrap(), 0);
                    }
                }
            }
        }
    };
}

on_a_runtime!(postgres, PgBed, flavor = "multi_thread", worker_threads = 2);
on_a_runtime!(mysql, MyBed, flavor = "multi_thread", worker_threads = 2);
on_a_runtime!(sqlite, LiteBed, flavor = "multi_thread", worker_threads = 2);

/// A connection's driver cannot run here while a call is polled: no answer arrives in the middle of a poll.
mod one_thread {
    use super::*;

    on_a_runtime!(postgres, PgBed, flavor = "current_thread");
    on_a_runtime!(mysql, MyBed, flavor = "current_thread");
    on_a_runtime!(sqlite, LiteBed, flavor = "current_thread");
}
