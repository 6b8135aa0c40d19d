//! Reads all keys of a factory, and collects everything that is wrong.

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

/// Reads the keys of one factory. Each method takes the name of a setting and gives its value, or
/// `None` after noting what is wrong; [`finish`](Reader::finish) gives all that was noted.
///
/// A variable that is set but empty counts as not set. A secret may be in a file: that which the variable
/// with `_FILE` behind its name names, when `KEYS` has it.
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
    /// The names are those of the settings, and not of variables.
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

/// What the process's environment has under a name.
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

    /// Reads from a function from names to values.
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

    /// Asks for settings (`pool_size`) instead of variables, and names them so in errors.
    #[cfg(feature = "serde")]
    pub(super) fn by_setting(self) -> Self {
        Self {
            by_setting: true,
            ..self
        }
    }

    /// Notes what is wrong before a key is read.
    #[cfg(any(feature = "dotenv", feature = "serde"))]
    pub(super) fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// What `build` makes of the values, if nothing was wrong with any of them.
    ///
    /// # Errors
    /// All that was wrong.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        let Self {
            factory, problems, ..
        } = self;
        if !problems.is_empty() {
            return Err(ConfigError::new(factory, problems));
        }
        build().ok_or_else(|| ConfigError::new(factory, problems))
    }

    /// A table of what was read, from where, and what is wrong with it. Secrets are masked.
    #[must_use]
    pub fn describe(&self) -> String {
        super::describe::table(self.factory, &self.rows, &self.problems)
    }

    /// The name of a key, as errors print it.
    fn name(&self, key: &Key) -> &'static str {
        if self.by_setting {
            key.setting
        } else {
            key.name
        }
    }

    /// The key of a setting itself.
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

    /// The name of a setting, as errors print it: its key's when it has one.
    fn name_of(&self, setting: &'static str) -> &'static str {
        self.keys
            .iter()
            .find(|key| key.setting == setting && key.part.is_none())
            .map_or(setting, |key| self.name(key))
    }
}

#[cfg(test)]
mod tests;
