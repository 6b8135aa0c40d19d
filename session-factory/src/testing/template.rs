//! The template of tests' databases. The first process that needs it builds it; afterwards no client connects to it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::fixture::{self, Fixture};
use super::names::{self, Note};
use super::place::Place;
use super::plan::Plan;
use crate::factory::SessionFactory;
use crate::sync::Mutex;

/// The pause between two checks whether another process has built the template.
const PAUSE: Duration = Duration::from_millis(50);

/// Identifies a template, and those that it replaces.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// A hash of the fixtures, the program that contains them, the server's version and this crate's.
    pub(super) key: String,
    /// Templates with the same fixtures of the same program: a new one replaces the others.
    pub(super) family: String,
}

impl Key {
    pub(super) fn of<F: SessionFactory>(
        plan: &Plan,
        fixtures: &[Fixture<F>],
        version: &str,
    ) -> Self {
        let names: Vec<_> = fixtures.iter().map(|fixture| fixture.name).collect();
        let texts: Vec<_> = fixtures.iter().map(Fixture::text).collect();
        // A function's effect is unknown, so it counts as changed whenever its program was rebuilt.
        let program = texts.contains(&None).then(program);
        let crate_version = env!("CARGO_PKG_VERSION");
        let family = names::hash((F::NAME, plan.package, &names, program_name()));
        let key = names::hash((&family, &texts, program, version, crate_version));
        Self { key, family }
    }
}

/// The program, and when it was built.
fn program() -> Option<(std::path::PathBuf, u64, SystemTime)> {
    let path = std::env::current_exe().ok()?;
    let data = path.metadata().ok()?;
    Some((path, data.len(), data.modified().ok()?))
}

/// The program's name without the hash that cargo appends.
fn program_name() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let name = path.file_stem()?.to_str()?;
    let plain = name.rsplit_once('-').map_or(name, |(name, _)| name);
    Some(plain.to_owned())
}

/// The templates that this process has seen. The lock is held while one is built, so that the other tests wait without
/// asking the server.
static READY: LazyLock<Mutex<HashMap<String, Arc<tokio::sync::Mutex<bool>>>>> =
    LazyLock::new(Mutex::default);

/// Makes sure that the template exists. Returns its name.
pub(super) async fn ensure<F: SessionFactory<Driver: Tested>>(
    databases: &mut DatabasesOf<F>,
    place: &Place<F>,
    key: &Key,
    fixtures: &[Fixture<F>],
) -> Setup<String> {
    let ready = Arc::clone(READY.lock().entry(key.key.clone()).or_default());
    let mut ready = ready.lock().await;
    let template = names::template(&key.key);
    if *ready {
        return Ok(template);
    }
    loop {
        let found = databases.list().await?;
        if let Some(found) = found.into_iter().find(|found| found.name == template) {
            let note = Note::template(&key.family).text();
            if found.note.as_deref() != Some(note.as_str()) {
                databases.note(&template, &note).await?;
            }
            break;
        }
        let lock = names::lock_of_template(&key.key);
        if databases.try_lock(&lock).await? {
            let built = build::<F>(databases, place, key, fixtures).await;
            databases.unlock(&lock).await?;
            built?;
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    *ready = true;
    Ok(template)
}

/// Another process has dropped the template.
pub(super) async fn forget(key: &Key) {
    let ready = READY.lock().get(&key.key).cloned();
    if let Some(ready) = ready {
        *ready.lock().await = false;
    }
}

async fn build<F: SessionFactory<Driver: Tested>>(
    databases: &mut DatabasesOf<F>,
    place: &Place<F>,
    key: &Key,
    fixtures: &[Fixture<F>],
) -> Setup<()> {
    let (building, template) = (names::building(&key.key), names::template(&key.key));
    let exists = |found: &[super::databases::Found], name: &str| {
        found.iter().any(|found| found.name == name)
    };
    let found = databases.list().await?;
    if exists(&found, &template) {
        // Built while this process waited for the lock.
        return Ok(());
    }
    if exists(&found, &building) {
        // The process that was building it was killed.
        databases.drop(&building).await?;
    }
    databases.create(&building, None).await?;
    let url = DatabasesOf::<F>::url(place.settings.url.expose(), &building);
    let ran = fixture::run_all::<F>(fixtures, place.config_of(&url)?).await;
    if let Err(error) = ran {
        databases.drop(&building).await?;
        return Err(error);
    }
    databases.rename(&building, &template).await?;
    let note = Note::template(&key.family).text();
    databases.note(&template, &note).await
}
