//! A database for one test: created before it, dropped or kept after it.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::fixture::{self, Fixture};
use super::names::{self, Name, Note};
use super::place::{self, Place};
use super::plan::Plan;
use super::record::Record;
use super::sweep;
use super::template::{self, Key};
use crate::factory::{Factory, SessionFactory};
use crate::observe::Observer;
use crate::sync::Mutex;

/// How long a test waits for a slot that other processes have.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const PAUSE: Duration = Duration::from_millis(20);
/// The most tests at a time: more of them are no faster on one machine.
const MOST_SLOTS: usize = 8;

/// Where a test's database is.
pub(super) struct Site<F: SessionFactory> {
    pub(super) place: Place<F>,
    pub(super) name: String,
    key: Key,
    slot: u32,
}

impl<F: SessionFactory> Site<F> {
    /// A name for another database of the same test, which is dropped with the test's own.
    pub(super) fn another_name(&self) -> String {
        names::of_test(&self.key.key, self.slot)
    }
}

/// A test's database. The locks end with it.
pub(super) struct Lease<F: SessionFactory<Driver: Tested>> {
    databases: DatabasesOf<F>,
    pub(super) site: Arc<Site<F>>,
    pub(super) factory: Factory<F>,
    pub(super) record: Arc<Record>,
    pub(super) url: String,
    /// Last: the next test begins when this one has given everything back.
    _slot: OwnedSemaphorePermit,
}

/// `TEST_DB_SLOTS`, or as many as the machine has cores.
fn slots() -> usize {
    let wanted = std::env::var("TEST_DB_SLOTS").ok();
    let wanted = wanted.and_then(|text| text.trim().parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    wanted.unwrap_or_else(|| cores().min(MOST_SLOTS)).max(1)
}

/// The slots that this process may use at a time.
fn permits() -> Arc<Semaphore> {
    static PERMITS: OnceLock<Arc<Semaphore>> = OnceLock::new();
    Arc::clone(PERMITS.get_or_init(|| Arc::new(Semaphore::new(slots()))))
}

impl<F: SessionFactory<Driver: Tested>> Lease<F> {
    /// Creates the test's database.
    ///
    /// # Errors
    /// Why there is none, with what to do.
    pub(super) async fn take(plan: &Plan, fixtures: &[Fixture<F>]) -> Setup<Self> {
        let place = Place::<F>::find(DatabasesOf::<F>::IS_FILE)?;
        let closed = |_closed| "the test runner has ended".to_owned();
        let permit = permits().acquire_owned().await.map_err(closed)?;
        let opened = DatabasesOf::<F>::open(&place.settings).await;
        let mut databases = opened.map_err(|error| {
            let ways = place::three_ways::<F>(place::url_key::<F>());
            format!("the test has no server: {}\n{ways}", error.0)
        })?;
        let version = databases.version().await?;
        let server = place.settings.url.expose().to_owned();
        let key = Key::of(plan, fixtures, &version);
        sweep_once::<F>(&mut databases, plan, &key, &server).await?;
        let slot = free_slot(&mut databases, &key).await?;
        let name = names::of_test(&key.key, slot);
        let is_empty = fixtures.is_empty();
        if DatabasesOf::<F>::COPIES && !is_empty {
            let template = template::ensure::<F>(&mut databases, &place, &key, fixtures).await?;
            if let Err(error) = databases.create(&name, Some(&template)).await {
                // Another process may have replaced the template.
                template::forget(&key).await;
                let template =
                    template::ensure::<F>(&mut databases, &place, &key, fixtures).await?;
                let again = databases.create(&name, Some(&template)).await;
                again.map_err(|_again| error)?;
            }
        } else {
            databases.create(&name, None).await?;
        }
        let url = DatabasesOf::<F>::url(&server, &name);
        if !DatabasesOf::<F>::COPIES && !is_empty {
            let ran = fixture::run_all::<F>(fixtures, place.config_of(&url)?).await;
            if let Err(error) = ran {
                databases.drop(&name).await?;
                return Err(error);
            }
        }
        let record = Arc::new(Record::default());
        let observer: Arc<dyn Observer> = record.clone();
        Ok(Self {
            factory: Factory::new(place.config_of(&url)?).observed_by(observer),
            record,
            databases,
            site: Arc::new(Site {
                place,
                name,
                key,
                slot,
            }),
            url,
            _slot: permit,
        })
    }

    /// Drops the database, and the copies of it that the test has made.
    pub(super) async fn end(mut self) -> Setup<()> {
        clear(&mut self.databases, &self.site.key, self.site.slot).await
    }

    /// Leaves the database where it is. Returns its URL without the password.
    pub(super) async fn keep(mut self, plan: &Plan) -> Setup<String> {
        let project = names::hash(plan.package);
        let note = Note::kept(&project, plan.name).text();
        let site = &self.site;
        self.databases.note(&site.name, &note).await?;
        clear(&mut self.databases, &site.key, site.slot).await?;
        sweep::kept(&mut self.databases, &project).await?;
        let server = site.place.settings.url.expose();
        Ok(DatabasesOf::<F>::shown(server, &site.name))
    }
}

/// Takes the lock of a slot, and drops databases that a killed run has left in it.
async fn free_slot<D: Databases>(databases: &mut D, key: &Key) -> Setup<u32> {
    let started = Instant::now();
    let most = u32::try_from(slots()).unwrap_or(u32::MAX);
    loop {
        for slot in 1..=most {
            if databases
                .try_lock(&names::lock_of_slot(&key.key, slot))
                .await?
            {
                clear(databases, key, slot).await?;
                return Ok(slot);
            }
        }
        if started.elapsed() > PATIENCE {
            return Err(format!(
                "other test runs have used all {most} slots for {}: end them, or set TEST_DB_SLOTS to more",
                crate::time::text(PATIENCE)
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn clear<D: Databases>(databases: &mut D, key: &Key, slot: u32) -> Setup<()> {
    for found in databases.list().await? {
        let is_of_slot = Name::parse(&found.name)
            .is_some_and(|name| name.key == key.key && name.role == names::Role::Slot(slot));
        let is_kept = matches!(found.kept(), Some(Note::Kept { .. }));
        if is_of_slot && !is_kept {
            databases.drop(&found.name).await?;
        }
    }
    Ok(())
}

/// Sweeps a server when the process uses it for the first time.
async fn sweep_once<F: SessionFactory<Driver: Tested>>(
    databases: &mut DatabasesOf<F>,
    plan: &Plan,
    key: &Key,
    server: &str,
) -> Setup<()> {
    static SWEPT: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let is_first = SWEPT.lock().insert(names::hash((F::NAME, server)));
    if is_first {
        sweep::all(databases, key).await?;
        sweep::kept(databases, &names::hash(plan.package)).await?;
    }
    Ok(())
}
