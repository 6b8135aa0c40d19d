//! Reads all keys of a factory, and collects everything that is wrong.

use std::env::{VarError, var};
use std::fmt;
use std::time::Duration;

use super::error::quoted;
use super::secret::scheme;
use super::{ConfigError, ConfigValue, Key, Problem, SecretUrl, duration};
use crate::driver::Driver;
use crate::driver::scheme::is_one_of;

/// Reads the keys of one factory. Each method takes the name of a setting and gives its value, or
/// `None` after noting what is wrong; [`finish`](Reader::finish) gives all that was noted.
///
/// A variable that is set but empty counts as not set.
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
    problems: Vec<Problem>,
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
enum Variable {
    Unset,
    Set(String),
    NotUnicode,
}

/// What a key has to offer: its text and whether that is the key's own default.
enum Text {
    Found(String),
    Default(&'static str),
    None { empty: bool },
}

impl<'vars> Reader<'vars> {
    /// Reads from the process's environment.
    #[must_use]
    pub fn from_env(factory: &'static str, keys: &'static [Key]) -> Self {
        let vars = |name: &str| match var(name) {
            Ok(value) => Variable::Set(value),
            Err(VarError::NotPresent) => Variable::Unset,
            Err(VarError::NotUnicode(_)) => Variable::NotUnicode,
        };
        Self {
            factory,
            keys,
            vars: Box::new(vars),
            problems: Vec::new(),
        }
    }

    /// Reads from a function from names to values.
    #[must_use]
    pub fn from_vars(
        factory: &'static str,
        keys: &'static [Key],
        mut vars: impl FnMut(&str) -> Option<String> + 'vars,
    ) -> Self {
        let vars = move |name: &str| vars(name).map_or(Variable::Unset, Variable::Set);
        Self {
            factory,
            keys,
            vars: Box::new(vars),
            problems: Vec::new(),
        }
    }

    /// A value of any type; the key's default, or the type's own, when it is not set.
    pub fn read<T: ConfigValue>(&mut self, setting: &str) -> Option<T> {
        self.parse(setting, &T::expected(), T::parse, T::missing)
    }

    /// A value of any type, with a default that is not text.
    pub fn read_or<T: ConfigValue>(
        &mut self,
        setting: &str,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        // The key's own default is for people to read; the value is the closure's.
        let key = self.key(setting)?;
        match self.lookup(&Key {
            default: None,
            ..key
        })? {
            Text::Found(text) => self.accept(&key, &text, &T::expected(), T::parse),
            Text::Default(_) | Text::None { .. } => Some(default()),
        }
    }

    /// A number of at least 1.
    pub fn size(&mut self, setting: &str) -> Option<u32> {
        let expected = "a whole number of at least 1, such as 5";
        self.parse(
            setting,
            expected,
            |text| text.parse().ok().filter(|size| *size > 0),
            || None,
        )
    }

    /// A duration longer than zero.
    pub fn duration(&mut self, setting: &str) -> Option<Duration> {
        let expected = format!("{}, longer than zero", duration::EXPECTED);
        self.parse(setting, &expected, positive, || None)
    }

    /// A duration longer than zero; `off` or `none`, or no value and no default, turns it off.
    pub fn optional_duration(&mut self, setting: &str) -> Option<Option<Duration>> {
        let expected = format!("{}, longer than zero, or `off`", duration::EXPECTED);
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "off" | "none" => Some(None),
            _ => positive(text).map(Some),
        };
        self.parse(setting, &expected, parse, || Some(None))
    }

    /// A database URL that the driver understands.
    pub fn url<D: Driver>(&mut self, setting: &str) -> Option<SecretUrl> {
        self.url_in(setting, &Dialect::of::<D>())
    }

    /// A database URL that the driver understands, or none.
    pub fn optional_url<D: Driver>(&mut self, setting: &str) -> Option<Option<SecretUrl>> {
        self.optional_url_in(setting, &Dialect::of::<D>())
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

    fn key(&mut self, setting: &str) -> Option<Key> {
        let key = self.keys.iter().find(|key| key.setting == setting).copied();
        if key.is_none() {
            self.problems
                .push(Problem::missing(setting, "a key for this setting"));
        }
        key
    }

    /// `None` after noting that the variable cannot be read at all.
    fn lookup(&mut self, key: &Key) -> Option<Text> {
        let empty = match (self.vars)(key.name) {
            Variable::Set(text) if !text.trim().is_empty() => {
                return Some(Text::Found(text.trim().to_owned()));
            }
            Variable::Set(_) => true,
            Variable::Unset => false,
            Variable::NotUnicode => {
                self.problems.push(Problem::malformed(
                    key.name,
                    "text",
                    "bytes that are not Unicode",
                ));
                return None;
            }
        };
        Some(key.default.map_or(Text::None { empty }, Text::Default))
    }

    fn parse<T>(
        &mut self,
        setting: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        missing: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let key = self.key(setting)?;
        match self.lookup(&key)? {
            Text::Found(text) => self.accept(&key, &text, expected, parse),
            Text::Default(text) => self.accept(&key, text, expected, parse),
            Text::None { empty } => missing().or_else(|| self.absent(&key, empty, expected)),
        }
    }

    fn accept<T>(
        &mut self,
        key: &Key,
        text: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            let found = if key.secret {
                "a secret (not shown)".to_owned()
            } else {
                quoted(text)
            };
            self.problems
                .push(Problem::malformed(key.name, expected, found));
        }
        value
    }

    fn url_in(&mut self, setting: &str, dialect: &Dialect) -> Option<SecretUrl> {
        let key = self.key(setting)?;
        match self.lookup(&key)? {
            Text::Found(text) => self.accept_url(&key, &text, dialect),
            Text::Default(text) => self.accept_url(&key, text, dialect),
            Text::None { empty } => self.absent(&key, empty, &dialect.expected()),
        }
    }

    // The outer one says whether there was a problem, as everywhere here.
    #[allow(clippy::option_option)]
    fn optional_url_in(&mut self, setting: &str, dialect: &Dialect) -> Option<Option<SecretUrl>> {
        let key = self.key(setting)?;
        match self.lookup(&key)? {
            Text::Found(text) => self.accept_url(&key, &text, dialect).map(Some),
            Text::Default(text) => self.accept_url(&key, text, dialect).map(Some),
            Text::None { .. } => Some(None),
        }
    }

    fn accept_url(&mut self, key: &Key, text: &str, dialect: &Dialect) -> Option<SecretUrl> {
        let Err(reason) = (dialect.check)(text) else {
            return Some(SecretUrl::from(text));
        };
        let found = match scheme(text) {
            Some(found) if !dialect.knows(found) => format!("the scheme `{found}`"),
            _ => reason,
        };
        self.problems
            .push(Problem::malformed(key.name, dialect.expected(), found));
        None
    }

    fn absent<T>(&mut self, key: &Key, empty: bool, expected: &str) -> Option<T> {
        let problem = if empty {
            Problem::empty
        } else {
            Problem::missing
        };
        self.problems.push(problem(key.name, expected));
        None
    }
}

fn positive(text: &str) -> Option<Duration> {
    duration::parse(text).filter(|duration| !duration.is_zero())
}

/// What a driver says about URLs.
struct Dialect {
    name: &'static str,
    schemes: &'static [&'static str],
    check: fn(&str) -> Result<(), String>,
}

impl Dialect {
    fn of<D: Driver>() -> Self {
        Self {
            name: D::NAME,
            schemes: D::SCHEMES,
            check: D::check_url,
        }
    }

    fn knows(&self, scheme: &str) -> bool {
        is_one_of(scheme, self.schemes)
    }

    fn expected(&self) -> String {
        let example = match self.schemes.first() {
            Some(&"sqlite") => "sqlite:app.db".to_owned(),
            scheme => {
                let scheme = scheme.unwrap_or(&"scheme");
                format!("{scheme}://user:password@localhost/app")
            }
        };
        format!("a URL for {}, such as `{example}`", self.name)
    }
}

#[cfg(test)]
mod tests;
