//! The names and notes of the tests' databases, and what they mean.
//!
//! | name | is |
//! | --- | --- |
//! | `sf_KEY_template` | the template that tests with the same fixtures copy |
//! | `sf_KEY_building` | the same while it is built |
//! | `sf_KEY_SLOT_NUMBER` | one test's database, in one of the slots |
//! | `sf_KEY_SLOT_spare` | a copy of the template for the slot's next test |
//!
//! The key is a hash of everything that the template depends on. A slot's lock has the name `sf_KEY_SLOT`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The beginning of every name.
pub(super) const PREFIX: &str = "sf_";
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// The parts of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) key: &'a str,
    pub(super) role: Role,
}

/// What a database is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    Template,
    Building,
    Slot(u32),
    Spare(u32),
}

impl<'a> Name<'a> {
    /// None for the name of a database that is not the tests'.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?;
        let (key, rest) = rest.split_once('_')?;
        let is_key = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let role = match rest {
            "template" => Role::Template,
            "building" => Role::Building,
            slot => match slot.split_once('_')? {
                (slot, "spare") => Role::Spare(slot.parse().ok()?),
                (slot, _) => Role::Slot(slot.parse().ok()?),
            },
        };
        is_key.then_some(Self { key, role })
    }

    /// The name of the lock that the database's user holds.
    pub(super) fn lock(&self) -> String {
        match self.role {
            Role::Template | Role::Building => lock_of_template(self.key),
            Role::Slot(slot) | Role::Spare(slot) => lock_of_slot(self.key, slot),
        }
    }
}

pub(super) fn template(key: &str) -> String {
    format!("{PREFIX}{key}_template")
}

pub(super) fn building(key: &str) -> String {
    format!("{PREFIX}{key}_building")
}

pub(super) fn spare(key: &str, slot: u32) -> String {
    format!("{PREFIX}{key}_{slot}_spare")
}

/// A name that no other test's database has.
pub(super) fn of_test(key: &str, slot: u32) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let millis = since_epoch().as_millis();
    format!("{PREFIX}{key}_{slot}_{millis:x}_{number:x}")
}

pub(super) fn lock_of_slot(key: &str, slot: u32) -> String {
    format!("{PREFIX}{key}_{slot}")
}

pub(super) fn lock_of_template(key: &str) -> String {
    format!("{PREFIX}{key}_build")
}

/// A hash that is the same in every process, in 16 digits.
pub(super) fn hash(parts: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What is written on a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// A template: the day on which it was last used, and its family. A new template of the family replaces it.
    Template { day: u64, family: String },
    /// A failed test's database of this project, which stays.
    Kept {
        millis: u64,
        project: String,
        test: String,
    },
}

impl Note {
    pub(super) fn template(family: &str) -> Self {
        Self::Template {
            day: today(),
            family: family.to_owned(),
        }
    }

    pub(super) fn kept(project: &str, test: &str) -> Self {
        Self::Kept {
            millis: u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX),
            project: project.to_owned(),
            test: test.to_owned(),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split(' ');
        match (words.next()?, words.next()?, words.next()?) {
            ("template", day, family) => Some(Self::Template {
                day: day.parse().ok()?,
                family: family.to_owned(),
            }),
            ("kept", millis, project) => Some(Self::Kept {
                millis: millis.parse().ok()?,
                project: project.to_owned(),
                test: words.next().unwrap_or_default().to_owned(),
            }),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Template { day, family } => format!("template {day} {family}"),
            Self::Kept {
                millis,
                project,
                test,
            } => format!("kept {millis} {project} {test}"),
        }
    }
}

/// Days since 1970.
pub(super) fn today() -> u64 {
    since_epoch().as_secs() / SECONDS_OF_A_DAY
}

fn since_epoch() -> std::time::Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_is_for_and_other_databases_are_none_of_ours() {
        let key = hash("fixtures");
        assert_eq!(key.len(), 16);
        let role = |name: &str| Name::parse(name).map(|name| name.role);
        assert_eq!(role(&template(&key)), Some(Role::Template));
        assert_eq!(role(&building(&key)), Some(Role::Building));
        assert_eq!(role(&of_test(&key, 12)), Some(Role::Slot(12)));
        assert_eq!(role(&spare(&key, 12)), Some(Role::Spare(12)));
        assert!(of_test(&key, 12) != of_test(&key, 12));
        assert!(of_test(&key, 99).len() < 63, "PostgreSQL cuts longer names");
        assert_eq!(
            Name::parse(&of_test(&key, 3)).unwrap().lock(),
            lock_of_slot(&key, 3)
        );
        for other in ["sf_", "sf_users", "app", "sf_0123_template", "sf_x_y_z"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_a_strangers_is_none() {
        for note in [Note::template("f"), Note::kept("p", "shop::tests::pays")] {
            assert_eq!(Note::parse(&note.text()), Some(note));
        }
        assert_eq!(Note::parse("the staging database"), None);
        assert_eq!(Note::parse(""), None);
    }
}
