//! Reads all keys of a factory, and collects all problems.

mod companion_keys;
mod cross_checks;
mod custom_keys;
mod dialect;
mod from_text;
mod lookup;
mod url;

use std::env::{VarError, var};
use std::fmt;

pub use self::cross_checks::CrossChecks;
pub use self::custom_keys::{ByFromStr, Custom, How, OptionByFromStr, Unreadable};
use super::describe::Row;
use super::{ConfigError, Key, Problem, Source};

/// Reads the keys of one factory. Each method takes a setting's name and returns its value, or
/// `None` after recording what is wrong; [`finish`](Reader::finish) returns all recorded problems.
///
/// An empty variable counts as unset. A secret may be in a file: if `KEYS` has a variable of the same name with
/// `_FILE` at its end, that variable names the file.
///
/// ```
/// use session_factory::config::{Key, Reader};
///
/// const KEYS: &[Key] = &[Key::new("DB_POOL_SIZE", "pool_size", "u32").default("5")];
///
/// let mut reader = Reader::from_vars("AppDb", KEYS, |_| None);
/// let pool_size = reader.read::<u32>("pool_size");
/// assert_eq!(reader.finish(|| pool_size).unwrap(), 5);
/// ```
pub struct Reader<'vars> {
    factory: &'static str,
    keys: &'static [Key],
    vars: Box<dyn FnMut(&str) -> Variable + 'vars>,
    /// True if `vars` takes names of settings rather than of variables.
    by_setting: bool,
    problems: Vec<Problem>,
    rows: Vec<Row>,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("factory", &self.factory)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// What was found under a name.
pub(super) enum Variable {
    Unset,
    Set(String, Source),
    NotUnicode,
}

/// Looks a name up in the process's environment.
pub(super) fn environment(name: &str) -> Variable {
    match var(name) {
        Ok(value) => Variable::Set(value, Source::Environment),
        Err(VarError::NotPresent) => Variable::Unset,
        Err(VarError::NotUnicode(_)) => Variable::NotUnicode,
    }
}

impl<'vars> Reader<'vars> {
    /// Reads from the process's environment.
    #[must_use]
    pub fn from_env(factory: &'static str, keys: &'static [Key]) -> Self {
        Self::new(factory, keys, environment)
    }

    /// Reads values from a function that maps names to values.
    #[must_use]
    pub fn from_vars(
        factory: &'static str,
        keys: &'static [Key],
        mut vars: impl FnMut(&str) -> Option<String> + 'vars,
    ) -> Self {
        Self::new(factory, keys, move |name| match vars(name) {
            Some(value) => Variable::Set(value, Source::Given),
            None => Variable::Unset,
        })
    }

    pub(super) fn new(
        factory: &'static str,
        keys: &'static [Key],
        vars: impl FnMut(&str) -> Variable + 'vars,
    ) -> Self {
        Self {
            factory,
            keys,
            vars: Box::new(vars),
            by_setting: false,
            problems: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Looks up settings (`pool_size`) instead of variables, and prints those names in errors.
    #[cfg(feature = "serde")]
    pub(super) fn by_setting(self) -> Self {
        Self {
            by_setting: true,
            ..self
        }
    }

    /// Records problems that were found before any key is read.
    #[cfg(any(feature = "dotenv", feature = "serde"))]
    pub(super) fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// If there was no problem, returns what `build` makes of the values.
    ///
    /// # Errors
    /// All recorded problems.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        let Self {
            factory, problems, ..
        } = self;
        if !problems.is_empty() {
            return Err(ConfigError::new(factory, problems));
        }
        build().ok_or_else(|| ConfigError::new(factory, problems))
    }

    /// Returns a table of all values, their sources and their problems. Secrets are masked.
    #[must_use]
    pub fn describe(&self) -> String {
        super::describe::table(self.factory, &self.rows, &self.problems)
    }

    /// Returns the key's name in errors.
    fn name(&self, key: &Key) -> &'static str {
        if self.by_setting {
            key.setting
        } else {
            key.name
        }
    }

    /// Returns the setting's own key, or `None` after reporting that the factory has none.
    fn key(&mut self, setting: &str) -> Option<Key> {
        let key = self
            .keys
            .iter()
            .find(|key| key.setting == setting && key.part.is_none())
            .copied();
        if key.is_none() {
            self.problems
                .push(Problem::missing(setting, "a key for this setting"));
        }
        key
    }

    /// Returns a setting's name in errors: its key's name, if it has a key.
    fn name_of(&self, setting: &'static str) -> &'static str {
        self.keys
            .iter()
            .find(|key| key.setting == setting && key.part.is_none())
            .map_or(setting, |key| self.name(key))
    }
}

#[cfg(test)]
mod tests;
