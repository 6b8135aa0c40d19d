//! Group cancel: many statements are cancelled by one, as a group commit writes many transactions with one flush.
//!
//! Each request to cancel is a connection, and for the server a process. When hundreds of callers go away at once
//! that is more work than their statements were. So no more than [`AT_ONCE`] go on connections of their own; the rest
//! wait for a moment, and the first connection that is free again cancels their statements on its way back
//! (`pg_cancel_backend`). See `docs/decisions/0017-group-cancel.md`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::backend_id::{BackendId, SINCE};
use crate::driver::postgres::connect::stream::Address;

/// Requests on connections of their own, for one server.
const AT_ONCE: usize = 2;
/// Whoever is not taken along by then goes alone.
const PATIENCE: Duration = Duration::from_millis(50);
/// Whoever was taken along goes alone as well, unless there is an answer by then.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
/// Nor does the connection that took others along wait for longer.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);

/// Everybody who cancels on one server as one role.
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
    /// True: the server was told. Dropped: nobody knows.
    told: oneshot::Sender<bool>,
}

/// How a request goes.
#[derive(Debug)]
pub(crate) enum Way {
    /// On a connection of its own.
    Alone(Alone),
    /// Waits for somebody who takes it along.
    Along(Along),
}

/// Counts as one of those that go alone, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alone(Arc<Group>);

/// Waits for somebody who takes it along.
#[derive(Debug)]
pub(crate) struct Along {
    queued: Queued,
    told: oneshot::Receiver<bool>,
}

/// A place among those that wait, until it is dropped.
#[derive(Debug)]
struct Queued {
    group: Arc<Group>,
    number: u64,
}

/// What became of a request that waited.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The server has done what it says, if there was such a process.
    Told,
    /// Nobody has sent it, or the server would not.
    Not,
    /// It may arrive at any time.
    Unknown(Answer),
}

/// An answer that may still come; none if whoever would have told it is gone.
#[derive(Debug)]
pub(crate) struct Answer(Option<oneshot::Receiver<bool>>);

impl Group {
    /// The one for a server and a role.
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

    /// Cancels the statements of all who wait, by a text that `send` sends on a connection which has nothing else to do.
    /// `send` says whether the server did it, and nothing when nobody knows. False when that was not in time: the
    /// connection's text is still under way.
    ///
    /// Nobody else is hit, wherever the connection leads to: a process is named by its number and the time of its start.
    pub(crate) async fn take_along(&self, send: impl AsyncFnOnce(String) -> Option<bool>) -> bool {
        let members = std::mem::take(&mut self.state().waiting);
        if members.is_empty() {
            return true;
        }
        // Dropped from here on, it leaves everybody with "nobody knows".
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
    /// Waits for somebody to take it along, and for what the server says then.
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
            Ok(true) => Taken::Told,
            // An error is an answer as well: what the server was told before it is done.
            Ok(false) => Taken::Not,
            Err(_nobody_knows) => Taken::Unknown(Answer(None)),
        }
    }
}

impl Answer {
    /// True: it has come after all. False, and not before the time is over: the request may still come as well.
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
    /// False: it is not there any more, somebody has taken it along.
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

/// Counted, so that all are done before the first word of an answer: nothing is left to a moment in which the
/// numbers are old. Every name is the server's own, whatever the session has called its operators.
fn text(members: &[Member]) -> String {
    let mut text = format!(
        "SELECT pg_catalog.count(pg_catalog.pg_cancel_backend(pid)) FROM pg_catalog.pg_stat_get_activity(NULL) \
         WHERE pid::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) {SINCE} \
         OPERATOR(pg_catalog.=) ANY ('{{"
    );
    for (number, member) in members.iter().enumerate() {
        let separator = if number == 0 { "" } else { "," };
        let BackendId { process, since } = &*member.backend;
        // Both of the server's making, and looked at.
        let _infallible = write!(text, "{separator}\"{process} {since}\"");
    }
    text.push_str("}'::pg_catalog.text[])");
    text
}

#[cfg(test)]
mod tests;
