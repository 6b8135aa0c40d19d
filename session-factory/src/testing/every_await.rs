//! Drops a call at each of its polls, and looks for what it has half done.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::test::Test;
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory};
use crate::session::Session;

/// How long a dropped call's connection may take to be recovered.
const RECOVERY: Duration = Duration::from_secs(60);
/// How often in a row a call has to end before its drop. On a busy machine an answer may arrive before the next poll,
/// and the call then has fewer polls than in another run.
const ENDS: u32 = 3;
const END: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// A call that is to be dropped at every poll: see [`Test::at_every_await`].
#[must_use = "the call runs in `.assert_all_or_nothing(…).await`"]
pub struct EveryAwait<'t, F: SessionFactory, C> {
    test: &'t Test<F>,
    call: C,
}

impl<F: SessionFactory, C> fmt::Debug for EveryAwait<'_, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EveryAwait").finish_non_exhaustive()
    }
}

impl<F: SessionFactory<Driver: Tested>> Test<F> {
    /// A call that is to be dropped at its first poll, at its second, and so on until it ends by itself, each time on a
    /// copy of the test's database as it is now: [`assert_all_or_nothing`](EveryAwait::assert_all_or_nothing) runs it.
    ///
    /// ```no_run
    /// # #[cfg(feature = "sqlite")] mod example {
    /// # use session_factory::{Session, SessionError, Test, with_session};
    /// # session_factory::session_factory! { pub struct AppDb(Sqlite); }
    /// # #[with_session] async fn transfer(db: &mut Session<AppDb>, from: i32, to: i32) -> Result<(), SessionError> { Ok(()) }
    /// # async fn balances(db: &mut Session<AppDb>) -> Result<Vec<i64>, SessionError> { Ok(Vec::new()) }
    /// # async fn test(db: Test<AppDb>) {
    /// db.at_every_await(|| transfer(1, 2))
    ///     .assert_all_or_nothing(async |s| balances(s).await)
    ///     .await;
    /// # } }
    /// ```
    pub fn at_every_await<C, B, T, E>(&self, call: C) -> EveryAwait<'_, F, C>
    where
        C: Fn() -> B,
        B: Future<Output = Result<T, E>>,
        E: fmt::Debug,
    {
        EveryAwait::new(self, call)
    }
}

/// What [`EveryAwait::assert_all_or_nothing`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Polls {
    /// The number of polls at which the call was dropped.
    pub dropped: usize,
    /// The first of them after which all of the call's work was there.
    pub committed_at: Option<usize>,
}

impl<'t, F: SessionFactory, C> EveryAwait<'t, F, C> {
    pub(super) fn new(test: &'t Test<F>, call: C) -> Self {
        Self { test, call }
    }
}

impl<F, C, B, T, E> EveryAwait<'_, F, C>
where
    F: SessionFactory<Driver: Tested>,
    C: Fn() -> B,
    B: Future<Output = Result<T, E>>,
    E: fmt::Debug,
{
    /// Runs the call once to its end, then drops it at its first poll, at its second, and so on, and asserts after each
    /// that `snapshot` sees either all that the whole call did, or nothing of it.
    ///
    /// Each run has a copy of the test's database as it was when this was called, so `snapshot` has to return what
    /// depends on the call alone: no time, no random number. If the call uses `db` itself instead of the factory that
    /// applies where it runs, it reaches the test's own database and not the copy.
    ///
    /// # Panics
    /// If the call leaves a half-done state: the message has the poll and the three snapshots. If the whole call fails, or
    /// changes nothing that `snapshot` sees. If a connection has not been recovered a minute after the call was dropped.
    pub async fn assert_all_or_nothing<S, X, L>(self, snapshot: L) -> Polls
    where
        L: AsyncFn(&mut Session<F>) -> Result<S, X>,
        S: PartialEq + fmt::Debug,
        X: fmt::Debug,
    {
        match self.run(&snapshot).await {
            Ok(polls) => polls,
            Err(message) => fail(&message),
        }
    }

    async fn run<S, X, L>(&self, snapshot: &L) -> Setup<Polls>
    where
        L: AsyncFn(&mut Session<F>) -> Result<S, X>,
        S: PartialEq + fmt::Debug,
        X: fmt::Debug,
    {
        let mut copies = Copies::of(self.test).await?;
        let whole = copies.copy().await?;
        let nothing = seen(&whole.factory, snapshot).await?;
        let ended = (self.call)().await;
        ended
            .map_err(|error| format!("the whole call, which nobody dropped, failed: {error:?}"))?;
        quiet(&whole.factory).await?;
        let everything = seen(&whole.factory, snapshot).await?;
        copies.end(whole).await?;
        if nothing == everything {
            return Err(format!(
                "the snapshot is the same before and after the whole call, so it cannot tell all from nothing: {nothing:?}"
            ));
        }
        let mut polls = Polls {
            dropped: 0,
            committed_at: None,
        };
        let (mut poll, mut ended_in_a_row) = (0, 0);
        loop {
            poll += 1;
            let run = copies.copy().await?;
            // Opened beforehand: the polls are the call's own, and not those of connecting.
            let in_words = |error: SessionError| error.to_string();
            run.factory.health().await.map_err(in_words)?;
            if drop_at(poll, (self.call)()).await.is_some() {
                copies.end(run).await?;
                ended_in_a_row += 1;
                if ended_in_a_row == ENDS {
                    return Ok(polls);
                }
                continue;
            }
            ended_in_a_row = 0;
            polls.dropped += 1;
            quiet(&run.factory).await?;
            let found = seen(&run.factory, snapshot).await?;
            copies.end(run).await?;
            if found == everything {
                polls.committed_at.get_or_insert(poll);
            } else if found != nothing {
                return Err(format!(
                    "the call was dropped at its poll number {poll} and has left a part of its work:\n  \
                     nothing:    {nothing:?}\n  \
                     this part:  {found:?}\n  \
                     everything: {everything:?}\n\
                     work that belongs together belongs into one session: call the joining functions (`…_in`) with it"
                ));
            }
        }
    }
}

#[track_caller]
#[allow(clippy::panic)] // how an assertion fails
fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// Polls a future up to this number of times, and drops it if it has not ended by then.
async fn drop_at<B: Future>(polls: usize, future: B) -> Option<B::Output> {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(move |context| {
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What the snapshot sees.
async fn seen<F, S, X, L>(factory: &Factory<F>, snapshot: &L) -> Setup<S>
where
    F: SessionFactory,
    L: AsyncFn(&mut Session<F>) -> Result<S, X>,
    X: fmt::Debug,
{
    let in_words = |error: SessionError| format!("the snapshot: {error}");
    let mut session = factory.create_session().await.map_err(in_words)?;
    let seen = snapshot(&mut session).await;
    let seen = seen.map_err(|error| format!("the snapshot failed: {error:?}"))?;
    session.close().await.map_err(in_words)?;
    Ok(seen)
}

/// Returns when no session is open and no detached call runs.
async fn quiet<F: SessionFactory>(factory: &Factory<F>) -> Setup<()> {
    let started = Instant::now();
    loop {
        let holders = factory.holders();
        if holders.is_empty() && !factory.has_detached_calls() {
            return Ok(());
        }
        if started.elapsed() > RECOVERY {
            let holders: Vec<_> = holders.into_iter().map(|holder| holder.holder).collect();
            return Err(format!(
                "{} after the call was dropped its connection is still in use: {}",
                crate::time::text(RECOVERY),
                holders.join(", ")
            ));
        }
        aside(async { tokio::time::sleep(PAUSE).await }).await?;
    }
}

/// Copies of a test's database. While one exists, the test's code uses it.
struct Copies<'t, F: SessionFactory<Driver: Tested>> {
    test: &'t Test<F>,
    databases: DatabasesOf<F>,
    /// The source of the other copies. It never has a connection.
    original: String,
}

struct Copy<F: SessionFactory> {
    name: String,
    factory: Factory<F>,
}

impl<'t, F: SessionFactory<Driver: Tested>> Copies<'t, F> {
    async fn of(test: &'t Test<F>) -> Setup<Self> {
        let site = test.site();
        if site.is_rolled_back {
            return Err(
                "`at_every_await` makes copies of the test's database, and a rolled-back test has none of its own: write \
                 `fresh`"
                    .to_owned(),
            );
        }
        quiet(test.factory()).await?;
        let original = site.another_name();
        let databases = aside(async {
            let opened = DatabasesOf::<F>::open(&site.place.settings).await;
            let mut databases = opened.map_err(|error| error.0)?;
            databases.disconnect(&site.name).await?;
            databases.create(&original, Some(&site.name)).await?;
            Ok::<_, String>(databases)
        });
        Ok(Self {
            databases: databases.await??,
            test,
            original,
        })
    }

    /// Makes another copy, which the test's code uses from now on.
    async fn copy(&mut self) -> Setup<Copy<F>> {
        let site = self.test.site();
        let name = site.another_name();
        let created = aside(self.databases.create(&name, Some(&self.original)));
        created.await??;
        let url = DatabasesOf::<F>::url(site.place.settings.url.expose(), &name);
        let factory = Factory::<F>::new(site.place.config_of(&url)?);
        self.test.context().replace(factory.clone());
        Ok(Copy { name, factory })
    }

    /// Drops a copy.
    async fn end(&mut self, copy: Copy<F>) -> Setup<()> {
        copy.factory.shutdown(END).await;
        aside(self.databases.drop(&copy.name)).await?
    }
}

impl<F: SessionFactory<Driver: Tested>> Drop for Copies<'_, F> {
    fn drop(&mut self) {
        // The copies themselves are dropped with the test's database.
        self.test.context().replace(self.test.factory().clone());
    }
}

/// Runs the crate's own work on the background runtime: the test's clock may be paused.
async fn aside<T>(work: impl Future<Output = T>) -> Setup<T> {
    let ran = crate::runtime::within(work).await;
    ran.map_err(|error| error.to_string())
}
