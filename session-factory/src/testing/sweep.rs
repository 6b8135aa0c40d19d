//! Removes databases that killed runs and old builds have left. A database whose lock is held is in use, however old it
//! is.

use super::databases::{Databases, Found, Setup};
use super::names::{self, Name, Note, Role};
use super::template::Key;

/// The age at which an unused template is removed.
const DAYS: u64 = 7;
/// How many databases of failed tests stay, unless `TEST_DB_KEEP` says otherwise.
const KEPT: usize = 3;

impl Found {
    /// The note that this crate wrote.
    pub(super) fn kept(&self) -> Option<Note> {
        self.note.as_deref().and_then(Note::parse)
    }
}

/// Removes databases that no test uses, and templates that no test will use. `slot` is the caller's.
pub(super) async fn all<D: Databases>(databases: &mut D, own: &Key, slot: u32) -> Setup<()> {
    let all = databases.list().await?;
    let is_due_template = |found: &Found| match found.kept() {
        Some(Note::Template { day, family }) => {
            let is_replaced = family == own.family && found.name != names::template(&own.key);
            is_replaced || day + DAYS < names::today()
        }
        _ => false,
    };
    let stays = |key: &str| {
        let template = names::template(key);
        all.iter()
            .any(|found| found.name == template && !is_due_template(found))
    };
    for found in &all {
        let Some(name) = Name::parse(&found.name) else {
            continue;
        };
        let is_due = match (&name.role, found.kept()) {
            // The lock is this connection's, so it would be free.
            (Role::Slot(of) | Role::Spare(of), _) if *of == slot && name.key == own.key => false,
            (Role::Slot(_), Some(Note::Kept { .. })) => false,
            (Role::Slot(_) | Role::Building, _) => true,
            (Role::Spare(_), _) => !stays(name.key),
            (Role::Template, _) => is_due_template(found),
        };
        let lock = name.lock();
        if is_due && databases.try_lock(&lock).await? {
            // Another process may have removed it, or may be copying the template: the next run tries again.
            let _in_use = databases.drop(&found.name).await;
            databases.unlock(&lock).await?;
        }
    }
    Ok(())
}

/// Removes all but the newest databases that a project has kept.
pub(super) async fn kept<D: Databases>(databases: &mut D, project: &str) -> Setup<()> {
    let wanted = std::env::var("TEST_DB_KEEP").ok();
    let wanted = wanted.and_then(|text| text.trim().parse().ok());
    let mut kept: Vec<_> = databases.list().await?.into_iter().collect();
    kept.retain(
        |found| matches!(found.kept(), Some(Note::Kept { project: of, .. }) if of == project),
    );
    kept.sort_by_key(|found| match found.kept() {
        Some(Note::Kept { millis, .. }) => std::cmp::Reverse(millis),
        _ => std::cmp::Reverse(0),
    });
    for found in kept.into_iter().skip(wanted.unwrap_or(KEPT)) {
        databases.drop(&found.name).await?;
    }
    Ok(())
}
