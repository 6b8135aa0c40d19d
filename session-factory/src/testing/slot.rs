//! The slots of this process: each is a lock on the server, and the connection that holds it. They are kept from test to
//! test, because connecting and locking cost more than most tests.
//!
//! Where copying a database takes long ([`Databases::SPARES`]), each slot has a spare: a copy of the template that is made
//! while a test runs, for the next one. What a test has used is dropped at that time too.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::databases::{Databases, Setup};
use super::names::{self, Name, Note, Role};
use super::place::slots;
use super::template::Key;
use crate::config::Settings;
use crate::sync::Mutex;

/// How long a test waits for a slot that other processes have.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const PAUSE: Duration = Duration::from_millis(20);

/// A connection to the server of the tests, and the slot that it has locked.
pub(super) struct Slot<D: Databases> {
    pub(super) databases: D,
    held: Option<Held>,
    server: Arc<Server>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A locked slot.
struct Held {
    key: String,
    number: u32,
    /// A copy of the template that no test has used.
    spare: Option<String>,
    /// Databases that no test uses any more.
    used: Vec<String>,
}

/// A server that tests of this process use.
pub(super) struct Server {
    idle: Mutex<Vec<Idle>>,
    /// One for each connection.
    permits: Arc<Semaphore>,
    /// A slot has become idle.
    returned: Notify,
    version: tokio::sync::Mutex<Option<Arc<str>>>,
}

/// A slot that no test has.
struct Idle {
    key: Option<String>,
    slot: Box<dyn Any + Send>,
}

impl Server {
    /// The server of these settings.
    pub(super) fn of<D: Databases>(settings: &Settings) -> Arc<Self> {
        type Servers = HashMap<(TypeId, String), Arc<Server>>;
        static SERVERS: LazyLock<Mutex<Servers>> = LazyLock::new(Mutex::default);
        let url = names::hash(settings.url.expose());
        let mut servers = SERVERS.lock();
        let server = servers.entry((TypeId::of::<D>(), url)).or_insert_with(|| {
            // Half of them for tests, half for those that are made ready meanwhile.
            Arc::new(Self {
                idle: Mutex::default(),
                permits: Arc::new(Semaphore::new(2 * slots())),
                returned: Notify::new(),
                version: tokio::sync::Mutex::default(),
            })
        });
        Arc::clone(server)
    }

    /// What the server said that it is. Asked once.
    pub(super) async fn version<D: Databases>(&self, databases: &mut D) -> Setup<Arc<str>> {
        let mut version = self.version.lock().await;
        if let Some(version) = &*version {
            return Ok(Arc::clone(version));
        }
        let asked: Arc<str> = databases.version().await?.into();
        Ok(Arc::clone(version.insert(asked)))
    }

    /// The version, if a test has asked for it.
    pub(super) async fn known_version(&self) -> Option<Arc<str>> {
        self.version.lock().await.clone()
    }

    fn take_idle<D: Databases>(&self, key: Option<&str>) -> Option<Slot<D>> {
        let mut idle = self.idle.lock();
        let same = idle.iter().position(|idle| idle.key.as_deref() == key);
        let at = same.or_else(|| idle.len().checked_sub(1))?;
        let idle = idle.swap_remove(at);
        idle.slot.downcast().ok().map(|slot| *slot)
    }
}

impl<D: Databases> Slot<D> {
    /// A connection that no test uses, if possible with a slot of this template. Without `waits` there may be more than
    /// the process's share.
    ///
    /// # Errors
    /// Why no connection could be opened.
    pub(super) async fn take(
        server: &Arc<Server>,
        settings: &Settings,
        key: Option<&str>,
        waits: bool,
    ) -> Setup<Self> {
        loop {
            let returned = server.returned.notified();
            if let Some(slot) = server.take_idle(key) {
                return Ok(slot);
            }
            let permits = Arc::clone(&server.permits);
            let permit = match permits.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_all_in_use) if !waits => None,
                Err(_all_in_use) => tokio::select! {
                    () = returned => continue,
                    permit = permits.acquire_owned() => permit.ok(),
                },
            };
            return Ok(Self {
                databases: D::open(settings).await.map_err(|error| error.0)?,
                held: None,
                server: Arc::clone(server),
                _permit: permit,
            });
        }
    }

    /// Takes the lock of one of the template's slots, and looks what a killed run has left in it.
    ///
    /// # Errors
    /// When other processes have all slots for [`PATIENCE`].
    pub(super) async fn hold(&mut self, key: &Key) -> Setup<()> {
        if let Some(held) = &self.held {
            if held.key == key.key {
                return Ok(());
            }
            let lock = names::lock_of_slot(&held.key, held.number);
            self.held = None;
            self.databases.let_go();
            self.databases.unlock(&lock).await?;
        }
        let most = u32::try_from(2 * slots()).unwrap_or(u32::MAX);
        let started = Instant::now();
        loop {
            for number in 1..=most {
                let lock = names::lock_of_slot(&key.key, number);
                if self.databases.try_lock(&lock).await? {
                    return self.look_around(key, number).await;
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

    async fn look_around(&mut self, key: &Key, number: u32) -> Setup<()> {
        let (mut spare, mut used) = (None, Vec::new());
        for found in self.databases.list().await? {
            let is_kept = matches!(found.kept(), Some(Note::Kept { .. }));
            match Name::parse(&found.name) {
                Some(name) if is_kept || name.key != key.key => {}
                Some(name) if name.role == Role::Slot(number) => used.push(found.name),
                Some(name) if name.role == Role::Spare(number) => spare = Some(found.name),
                _ => {}
            }
        }
        self.held = Some(Held {
            key: key.key.clone(),
            number,
            spare,
            used,
        });
        Ok(())
    }

    /// The slot's number.
    pub(super) fn number(&self) -> u32 {
        self.held.as_ref().map_or(0, |held| held.number)
    }

    /// Makes the spare the database of this name. False if there is none.
    pub(super) async fn use_spare(&mut self, name: &str) -> bool {
        let spare = self.held.as_mut().and_then(|held| held.spare.take());
        self.databases.let_go();
        match spare {
            Some(spare) => self.databases.rename(&spare, name).await.is_ok(),
            None => false,
        }
    }

    /// Notes databases that no test uses any more: [`clear`](Self::clear) drops them.
    pub(super) fn note_used(&mut self, names: impl IntoIterator<Item = String>) {
        if let Some(held) = &mut self.held {
            held.used.extend(names);
        }
    }

    /// Drops what no test uses any more.
    ///
    /// # Errors
    /// When the server refuses; the names stay noted.
    pub(super) async fn clear(&mut self) -> Setup<()> {
        while let Some(name) = self.held.as_ref().and_then(|held| held.used.last()) {
            self.databases.drop(name).await?;
            if let Some(held) = &mut self.held {
                held.used.pop();
            }
        }
        Ok(())
    }

    /// Makes a copy of the template for the next test.
    ///
    /// # Errors
    /// When the server refuses: the next test makes its copy itself.
    pub(super) async fn make_spare(&mut self, template: &str) -> Setup<()> {
        if let Some(held) = &mut self.held
            && held.spare.is_none()
        {
            let name = names::spare(&held.key, held.number);
            // One that a test has spoilt.
            if let Some(at) = held.used.iter().position(|used| *used == name) {
                self.databases.drop(&name).await?;
                held.used.swap_remove(at);
            }
            self.databases.create(&name, Some(template)).await?;
            held.spare = Some(name);
        }
        Ok(())
    }

    /// The spare is not a copy of the template any more.
    pub(super) fn discard_spare(&mut self) {
        self.databases.let_go();
        if let Some(held) = &mut self.held {
            held.used.extend(held.spare.take());
        }
    }

    /// Leaves the slot to the next test.
    pub(super) fn give_back(self) {
        let server = Arc::clone(&self.server);
        let key = self.held.as_ref().map(|held| held.key.clone());
        let slot = Box::new(self);
        server.idle.lock().push(Idle { key, slot });
        server.returned.notify_one();
    }
}
