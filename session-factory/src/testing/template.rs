//! The template of tests' databases. The first process that needs it builds it; afterwards no client connects to it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::fixture::{self, Fixture};
use super::names::{self, Note};
use super::place::Place;
use super::plan::Plan;
use crate::factory::{FactoryConfig as _, SessionFactory};
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

/// A template that exists.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    /// SQL that puts the sequences of a copy back, or nothing.
    pub(super) sequences: String,
}

/// The templates that this process has seen. The lock is held while one is built, so that the other tests wait without
/// asking the server.
static READY: LazyLock<Mutex<HashMap<String, Ready>>> = LazyLock::new(Mutex::default);

/// One template, once it exists.
type Ready = Arc<tokio::sync::Mutex<Option<Arc<Template>>>>;

/// Makes sure that the template exists.
pub(super) async fn ensure<F: SessionFactory<Driver: Tested>>(
    databases: &mut DatabasesOf<F>,
    place: &Place<F>,
    key: &Key,
    fixtures: &[Fixture<F>],
) -> Setup<Arc<Template>> {
    let ready = Arc::clone(READY.lock().entry(key.key.clone()).or_default());
    let mut ready = ready.lock().await;
    if let Some(template) = &*ready {
        return Ok(Arc::clone(template));
    }
    let name = names::template(&key.key);
    let sequences = loop {
        let found = databases.list().await?;
        if let Some(found) = found.into_iter().find(|found| found.name == name) {
            let before = found.note.unwrap_or_default();
            let sequences = before.split_once('\n').map_or("", |(_, rest)| rest);
            let note = noted(key, sequences);
            if before != note {
                databases.note(&name, &note).await?;
            }
            break sequences.to_owned();
        }
        let lock = names::lock_of_template(&key.key);
        if databases.try_lock(&lock).await? {
            let built = build::<F>(databases, place, key, fixtures).await;
            databases.unlock(&lock).await?;
            built?;
            continue;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let template = Arc::new(Template { name, sequences });
    *ready = Some(Arc::clone(&template));
    Ok(template)
}

/// A template's note.
fn noted(key: &Key, sequences: &str) -> String {
    let note = Note::template(&key.family).text();
    if sequences.is_empty() {
        note
    } else {
        format!("{note}\n{sequences}")
    }
}

/// The template has gone: somebody has dropped it.
pub(super) async fn forget(key: &Key) {
    let ready = READY.lock().get(&key.key).cloned();
    if let Some(ready) = ready {
        *ready.lock().await = None;
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
    let config = place.config_of(&url)?;
    let settings = config.settings();
    let sequences = match fixture::run_all::<F>(fixtures, config).await {
        Ok(()) => DatabasesOf::<F>::describe(&settings).await,
        Err(error) => Err(error),
    };
    let sequences = match sequences {
        Ok(sequences) => sequences,
        Err(error) => {
            databases.drop(&building).await?;
            return Err(error);
        }
    };
    // Before it is a template: a killed builder leaves none without its note.
    databases.note(&building, &noted(key, &sequences)).await?;
    databases.rename(&building, &template).await
}
