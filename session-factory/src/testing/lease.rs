//! A database for one test: created before it, dropped or kept after it.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::fixture::{self, Fixture};
use super::names::{self, Note};
use super::place::{self, Place};
use super::plan::Plan;
use super::record::Record;
use super::slot::{Server, Slot};
use super::sweep;
use super::template::{self, Key, Template};
use crate::call::VirtualSessions;
use crate::factory::{Factory, FactoryConfig as _, SessionFactory};
use crate::observe::Observer;
use crate::sync::Mutex;

/// For connections that come back late.
const END: Duration = Duration::from_secs(5);

/// Where a test's database is.
pub(super) struct Site<F: SessionFactory> {
    pub(super) place: Place<F>,
    pub(super) name: String,
    key: Key,
    slot: u32,
    /// The test runs in one transaction, which is rolled back.
    pub(super) is_rolled_back: bool,
    /// Other databases that the test has made.
    others: Mutex<Vec<String>>,
}

impl<F: SessionFactory> Site<F> {
    /// A name for another database of the same test, which is dropped with the test's own.
    pub(super) fn another_name(&self) -> String {
        let name = names::of_test(&self.key.key, self.slot);
        self.others.lock().push(name.clone());
        name
    }
}

/// A test's database. The slot's lock ends with it.
pub(super) struct Lease<F: SessionFactory<Driver: Tested>> {
    slot: Kept<DatabasesOf<F>>,
    pub(super) site: Arc<Site<F>>,
    pub(super) factory: Factory<F>,
    pub(super) record: Arc<Record>,
    pub(super) url: String,
}

/// The slot of a running test.
enum Kept<D: Databases> {
    Here(Slot<D>),
    /// A task drops what earlier tests have used, and makes the next test's copy.
    AtWork(JoinHandle<Slot<D>>),
}

impl<D: Databases> Kept<D> {
    async fn take(self) -> Setup<Slot<D>> {
        match self {
            Self::Here(slot) => Ok(slot),
            Self::AtWork(task) => task.await.map_err(|error| error.to_string()),
        }
    }
}

impl<F: SessionFactory<Driver: Tested>> Lease<F> {
    /// Gives the test a database. Runs on the background runtime. A test that has one already does not wait for
    /// others.
    ///
    /// # Errors
    /// Why there is none, with what to do.
    pub(super) async fn take(
        plan: &Plan,
        fixtures: &[Fixture<F>],
        first: bool,
        sessions: &Arc<VirtualSessions>,
    ) -> Setup<Self> {
        let place = Place::<F>::find(DatabasesOf::<F>::IS_FILE)?;
        let server = Server::of::<DatabasesOf<F>>(&place.settings);
        let known = server.known_version().await;
        let known = known.map(|version| Key::of(plan, fixtures, &version));
        let wanted = known.as_ref().map(|key| key.key.as_str());
        let taken = Slot::<DatabasesOf<F>>::take(&server, &place.settings, wanted, first).await;
        let mut slot = taken.map_err(|error| {
            let ways = place::three_ways::<F>(place::url_key::<F>());
            format!("the test has no server: {error}\n{ways}")
        })?;
        let key = match known {
            Some(key) => key,
            None => Key::of(plan, fixtures, &server.version(&mut slot.databases).await?),
        };
        slot.hold(&key).await?;
        let is_rolled_back = plan.rolls_back::<DatabasesOf<F>>();
        let given = if is_rolled_back {
            roll::<F>(&mut slot, &place, &key, fixtures, sessions).await?
        } else {
            create::<F>(&mut slot, &place, &key, fixtures).await?
        };
        let Given {
            name,
            url,
            template,
        } = given;
        let record = Arc::new(Record::default());
        let observer: Arc<dyn Observer> = record.clone();
        let config = place.config_of(&url)?;
        let number = slot.number();
        let is_first = is_first::<F>(&server);
        let project = names::hash(plan.package);
        let own = key.clone();
        let prepare = async move {
            // What cannot be dropped or copied now is left to the next test.
            let _next_time = slot.clear().await;
            if let Some(template) = template.filter(|_| DatabasesOf::<F>::SPARES && !is_rolled_back)
            {
                let _next_time = slot.make_spare(&template.name).await;
            }
            if is_first {
                let _next_time = sweep::all(&mut slot.databases, &own, number).await;
                let _next_time = sweep::kept(&mut slot.databases, &project).await;
            }
            slot
        };
        Ok(Self {
            factory: Factory::new(config).observed_by(observer),
            record,
            slot: if DatabasesOf::<F>::SPARES {
                Kept::AtWork(tokio::spawn(prepare))
            } else {
                Kept::Here(prepare.await)
            },
            site: Arc::new(Site {
                place,
                name,
                key,
                slot: number,
                is_rolled_back,
                others: Mutex::default(),
            }),
            url,
        })
    }

    /// Drops the database and those that the test has made beside it, or leaves that to the slot's next test.
    pub(super) async fn end(self, plan: &Plan) -> Setup<()> {
        let spoils = plan.ids_as_they_are;
        let Self {
            slot,
            factory,
            site,
            ..
        } = self;
        let others: Vec<_> = site.others.lock().drain(..).collect();
        // Only the test's own database may wait, so that a slot never has more than one to drop.
        let waits = DatabasesOf::<F>::SPARES && others.is_empty();
        let end = async move {
            factory.shutdown(END).await;
            let mut slot = slot.take().await?;
            slot.note_used(others);
            if !site.is_rolled_back {
                slot.note_used([site.name.clone()]);
            } else if !slot.databases.roll_back().await || spoils {
                slot.discard_spare();
            }
            if !waits {
                slot.clear().await?;
            }
            slot.give_back();
            Ok(())
        };
        if waits {
            // The test's verdict does not wait for it.
            tokio::spawn(end);
            return Ok(());
        }
        end.await
    }

    /// Leaves the database where it is, unless the test is rolled back. Returns its URL without the password.
    pub(super) async fn keep(self, plan: &Plan) -> Setup<Option<String>> {
        if self.site.is_rolled_back {
            return self.end(plan).await.map(|()| None);
        }
        self.factory.shutdown(END).await;
        let site = self.site;
        let mut slot = self.slot.take().await?;
        let project = names::hash(plan.package);
        let note = Note::kept(&project, plan.name).text();
        slot.databases.note(&site.name, &note).await?;
        slot.note_used(site.others.lock().drain(..));
        slot.clear().await?;
        sweep::kept(&mut slot.databases, &project).await?;
        slot.give_back();
        let server = site.place.settings.url.expose();
        Ok(Some(DatabasesOf::<F>::shown(server, &site.name)))
    }
}

/// The database that a test was given.
struct Given {
    name: String,
    /// Where the test finds it.
    url: String,
    /// What it is a copy of.
    template: Option<Arc<Template>>,
}

/// Creates the test's database.
async fn create<F: SessionFactory<Driver: Tested>>(
    slot: &mut Slot<DatabasesOf<F>>,
    place: &Place<F>,
    key: &Key,
    fixtures: &[Fixture<F>],
) -> Setup<Given> {
    let name = names::of_test(&key.key, slot.number());
    let url = DatabasesOf::<F>::url(place.settings.url.expose(), &name);
    let databases = &mut slot.databases;
    if fixtures.is_empty() || !DatabasesOf::<F>::COPIES {
        databases.create(&name, None).await?;
        let ran = match fixtures {
            [] => Ok(()),
            _ => fixture::run_all::<F>(fixtures, place.config_of(&url)?).await,
        };
        if let Err(error) = ran {
            databases.drop(&name).await?;
            return Err(error);
        }
        return Ok(Given {
            name,
            url,
            template: None,
        });
    }
    let mut template = template::ensure::<F>(databases, place, key, fixtures).await?;
    if !slot.use_spare(&name).await
        && let Err(error) = slot.databases.create(&name, Some(&template.name)).await
    {
        // Another process may have replaced the template.
        template::forget(key).await;
        template = template::ensure::<F>(&mut slot.databases, place, key, fixtures).await?;
        let again = slot.databases.create(&name, Some(&template.name)).await;
        again.map_err(|_again| error)?;
    }
    Ok(Given {
        name,
        url,
        template: Some(template),
    })
}

/// Begins the test's transaction in the slot's spare, which stays a spare.
async fn roll<F: SessionFactory<Driver: Tested>>(
    slot: &mut Slot<DatabasesOf<F>>,
    place: &Place<F>,
    key: &Key,
    fixtures: &[Fixture<F>],
    sessions: &Arc<VirtualSessions>,
) -> Setup<Given> {
    let mut template = template::ensure::<F>(&mut slot.databases, place, key, fixtures).await?;
    if let Err(error) = slot.make_spare(&template.name).await {
        // Another process may have replaced the template.
        template::forget(key).await;
        template = template::ensure::<F>(&mut slot.databases, place, key, fixtures).await?;
        let again = slot.make_spare(&template.name).await;
        again.map_err(|_again| error)?;
    }
    let name = names::spare(&key.key, slot.number());
    let url = DatabasesOf::<F>::url(place.settings.url.expose(), &name);
    let settings = place.config_of(&url)?.settings();
    let sessions = Arc::clone(sessions);
    let rolled = slot
        .databases
        .roll(&settings, &name, &template.sequences, sessions);
    Ok(Given {
        url: rolled.await?,
        name,
        template: Some(template),
    })
}

/// True once for each factory and server: the process then looks for what others have left.
fn is_first<F: SessionFactory>(server: &Arc<Server>) -> bool {
    static SWEPT: LazyLock<Mutex<HashSet<(&str, usize)>>> = LazyLock::new(Mutex::default);
    SWEPT.lock().insert((F::NAME, Arc::as_ptr(server).addr()))
}
