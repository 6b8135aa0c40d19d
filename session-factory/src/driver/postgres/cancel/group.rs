//! Group cancel: one query cancels many statements, as a group commit writes many transactions with one flush.
//!
//! Each cancel request needs a connection, and the server forks a process for it. When hundreds of calls are dropped at
//! once, the requests cost more than the statements. So at most [`AT_ONCE`] requests use their own connection. The
//! others wait briefly, and the first connection that is free again cancels their statements with `pg_cancel_backend`
//! on its way back to the pool. See `docs/decisions/0017-group-cancel.md`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::backend_id::{BackendId, SINCE};
use crate::driver::postgres::connect::stream::Address;

/// The most concurrent requests on their own connections, for one server and role.
const AT_ONCE: usize = 2;
/// How long a request waits for a connection that takes it along. After that it uses its own connection.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a request that was taken along waits for the answer. After that it is sent again on its own connection.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
/// The longest time that a connection waits for the answer to the group's query.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);

/// All cancel requests for one server and role.
#[derive(Debug, Default)]
pub(crate) struct Group {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    alone: usize,
    last: u64,
    waiting: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    number: u64,
    backend: Arc<BackendId>,
    /// Sends true if the server has acted, false if the query failed. It is dropped if the outcome is unknown.
    told: oneshot::Sender<bool>,
}

/// How a request is sent.
#[derive(Debug)]
pub(crate) enum Way {
    /// On its own connection.
    Alone(Alone),
    /// With the group cancel that a free connection sends.
    Along(Along),
}

/// Occupies one of the [`AT_ONCE`] slots until dropped.
#[derive(Debug)]
pub(crate) struct Alone(Arc<Group>);

/// Waits for a free connection that sends the request with its group cancel.
#[derive(Debug)]
pub(crate) struct Along {
    queued: Queued,
    told: oneshot::Receiver<bool>,
}

/// A request's entry in the queue until dropped.
#[derive(Debug)]
struct Queued {
    group: Arc<Group>,
    number: u64,
}

/// The outcome of a waiting request.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The server has acted on it, if the process still existed.
    Cancelled,
    /// It was not sent, or the query failed.
    Not,
    /// The server may act on it at any later time.
    Unknown(Answer),
}

/// An answer that may still arrive; `None` if its sender is gone.
#[derive(Debug)]
pub(crate) struct Answer(Option<oneshot::Receiver<bool>>);

impl Group {
    /// Returns the group for a server and a role.
    pub(crate) fn of(address: &Address, role: &str) -> Arc<Self> {
        type Key = (Address, Box<str>);
        static GROUPS: LazyLock<Mutex<HashMap<Key, Weak<Group>>>> = LazyLock::new(Mutex::default);
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address.clone(), role.into());
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        groups.retain(|_, group| group.strong_count() > 0);
        let group = Arc::default();
        groups.insert(key, Arc::downgrade(&group));
        group
    }

    pub(crate) fn join(self: &Arc<Self>, backend: &Arc<BackendId>) -> Way {
        let mut state = self.state();
        if state.alone < AT_ONCE {
            state.alone += 1;
            return Way::Alone(Alone(Arc::clone(self)));
        }
        let (told, receiver) = oneshot::channel();
        state.last += 1;
        let number = state.last;
        state.waiting.push(Member {
            number,
            backend: Arc::clone(backend),
            told,
        });
        let group = Arc::clone(self);
        Way::Along(Along {
            queued: Queued { group, number },
            told: receiver,
        })
    }

    /// Cancels all waiting members' statements with one query, which `send` sends on an idle connection. `send` returns
    /// whether the query succeeded, or `None` if that is unknown. The result is false if `send` took longer than
    /// [`GIVEN_UP_AFTER`]: the query is then still under way on the connection.
    ///
    /// The query hits only the members' statements, whichever server the connection leads to, because it names each
    /// process by number and start time.
    pub(crate) async fn take_along(&self, send: impl AsyncFnOnce(String) -> Option<bool>) -> bool {
        let members = std::mem::take(&mut self.state().waiting);
        if members.is_empty() {
            return true;
        }
        // If this future is dropped from here on, each member sees a dropped sender: its outcome is unknown.
        let answer = timeout(GIVEN_UP_AFTER, send(text(&members))).await;
        if let Ok(Some(done)) = answer {
            for member in members {
                let _gone = member.told.send(done);
            }
        }
        answer.is_ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.state().alone -= 1;
    }
}

impl Along {
    /// Waits until a connection takes the request along, and then for the server's answer.
    pub(crate) async fn taken(self) -> Taken {
        let Self { queued, mut told } = self;
        let answer = match timeout(PATIENCE, &mut told).await {
            Ok(answer) => answer,
            Err(_nobody_came) if queued.leave() => return Taken::Not,
            Err(_on_its_way) => match timeout(ANSWERED_WITHIN, &mut told).await {
                Ok(answer) => answer,
                Err(_late) => return Taken::Unknown(Answer(Some(told))),
            },
        };
        match answer {
            Ok(true) => Taken::Cancelled,
            // The query failed, but its answer shows that the server will not act on it later.
            Ok(false) => Taken::Not,
            Err(_nobody_knows) => Taken::Unknown(Answer(None)),
        }
    }
}

impl Answer {
    /// Returns true once the answer arrives, and false only after `limit`: the server may then still act on the query.
    pub(crate) async fn comes_within(self, limit: Duration) -> bool {
        let comes = async {
            if let Some(Ok(_)) = OptionFuture::from(self.0).await {
                return;
            }
            std::future::pending::<()>().await;
        };
        timeout(limit, comes).await.is_ok()
    }
}

impl Queued {
    /// Leaves the queue. Returns false if the entry is gone, because a connection has taken the request along.
    fn leave(&self) -> bool {
        let waiting = &mut self.group.state().waiting;
        let place = waiting
            .iter()
            .position(|member| member.number == self.number);
        place.map(|place| waiting.swap_remove(place)).is_some()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Returns the group's query. `count` makes the server send every signal before it answers, so no process is signalled
/// after its number may have been reused. `pg_catalog` qualifies all names: the session may redefine operators.
fn text(members: &[Member]) -> String {
    let mut text = format!(
        "SELECT pg_catalog.count(pg_catalog.pg_cancel_backend(pid)) FROM pg_catalog.pg_stat_get_activity(NULL) \
         WHERE pid::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) {SINCE} \
         OPERATOR(pg_catalog.=) ANY ('{{"
    );
    for (number, member) in members.iter().enumerate() {
        let separator = if number == 0 { "" } else { "," };
        let BackendId { process, since } = &*member.backend;
        // Safe to quote: `process` is a number, and `BackendId::new` checked `since`.
        let _infallible = write!(text, "{separator}\"{process} {since}\"");
    }
    text.push_str("}'::pg_catalog.text[])");
    text
}

#[cfg(test)]
mod tests;
