//! Reads values of each type.

use std::time::Duration;

use super::Reader;
use super::custom_keys::How;
use super::lookup::{Found, Text};
use crate::config::error::{plain, quoted};
use crate::config::{ConfigValue, Key, Problem, Source, UrlDialect, duration};

impl Reader<'_> {
    /// Reads a value of any type. For an unset key, returns the key's default, or the type's.
    pub fn read<T: ConfigValue>(&mut self, setting: &str) -> Option<T> {
        self.custom(setting, &How::of_value())
    }

    /// Reads a value of any type, with a default that is computed rather than parsed from a text.
    pub fn read_or<T: ConfigValue>(
        &mut self,
        setting: &str,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        self.custom_or(setting, &How::of_value(), default)
    }

    /// Reads a value of a type that `how` parses.
    #[doc(hidden)]
    pub fn custom<T>(&mut self, setting: &str, how: &How<T>) -> Option<T> {
        let key = self.key(setting)?;
        self.parse(&key, &how.expected(&key), how.parse, how.missing)
    }

    /// Like `custom`, with a default that is computed rather than parsed from a text.
    #[doc(hidden)]
    pub fn custom_or<T>(
        &mut self,
        setting: &str,
        how: &How<T>,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        // The key's own default is text for the documentation; the closure provides the value.
        let key = self.key(setting)?;
        let undefaulted = Key {
            default: None,
            ..key
        };
        match self.lookup(&undefaulted)? {
            Text::Found(found) => self.accept(&found, &how.expected(&key), how.parse),
            Text::Default(_) | Text::None { .. } => {
                self.settle(
                    self.name(&key),
                    Source::Default,
                    key.default.unwrap_or_default(),
                );
                Some(default())
            }
        }
    }

    /// Records a constant of `session_factory!`.
    pub fn constant<T>(
        &mut self,
        setting: &'static str,
        shown: &str,
        value: Option<T>,
    ) -> Option<T> {
        self.settled(setting, shown, value, Source::Constant)
    }

    /// Records a value that was fixed at compile time, by the variable or by its default.
    pub fn built<T>(
        &mut self,
        setting: &'static str,
        shown: &str,
        value: Option<T>,
        source: Source,
    ) -> Option<T> {
        self.settled(setting, shown, value, source)
    }

    /// Records the backend that `build_env` selected.
    #[doc(hidden)]
    pub fn backend<D: UrlDialect>(&mut self) {
        let name = self.name_of("backend");
        self.rows
            .push(super::Row::new(name, Source::Build, D::NAME));
    }

    fn settled<T>(
        &mut self,
        setting: &'static str,
        shown: &str,
        value: Option<T>,
        source: Source,
    ) -> Option<T> {
        let name = self.name_of(setting);
        self.rows.push(super::Row::new(name, source, plain(shown)));
        if value.is_none() {
            let expected = "a value that its type can be read from";
            let found = format!("{}, which the program was built with", quoted(shown));
            self.problems
                .push(Problem::malformed(name, expected, found));
        }
        value
    }

    /// Reads a number of at least 1.
    pub fn size(&mut self, setting: &str) -> Option<u32> {
        let key = self.key(setting)?;
        let expected = match key.range {
            Some(range) => format!("a whole number in {range}"),
            None => "a whole number of at least 1, such as 5".to_owned(),
        };
        let parse = |text: &str| text.parse().ok().filter(|size| *size > 0);
        self.parse(&key, &expected, parse, || None)
    }

    /// Reads a number of at least 1. `off`, `none` or `never`, or an unset key without a default, gives `Some(None)`.
    pub fn optional_size(&mut self, setting: &str) -> Option<Option<u32>> {
        let key = self.key(setting)?;
        let expected = match key.range {
            Some(range) => format!("a whole number in {range}, or `off`"),
            None => "a whole number of at least 1, or `off`".to_owned(),
        };
        let parse = |text: &str| {
            if duration::is_off(text) {
                return Some(None);
            }
            text.parse().ok().filter(|size| *size > 0).map(Some)
        };
        self.parse(&key, &expected, parse, || Some(None))
    }

    /// Reads a duration longer than zero; `off`, `none` or `never` gives `Duration::MAX`.
    pub fn duration(&mut self, setting: &str) -> Option<Duration> {
        let key = self.key(setting)?;
        let expected = match key.range {
            Some(range) => format!("{}, in {range}", duration::EXPECTED),
            None => format!("{}, longer than zero, or `off`", duration::EXPECTED),
        };
        self.parse(&key, &expected, duration::parse_limit, || None)
    }

    /// Reads a duration longer than zero. `off`, `none` or `never`, or an unset key
    /// without a default, gives `Some(None)`.
    pub fn optional_duration(&mut self, setting: &str) -> Option<Option<Duration>> {
        let key = self.key(setting)?;
        let expected = match key.range {
            Some(range) => format!("{}, in {range}, or `off`", duration::EXPECTED),
            None => format!("{}, longer than zero, or `off`", duration::EXPECTED),
        };
        let parse = |text: &str| {
            duration::parse_limit(text).map(|limit| Some(limit).filter(|_| !duration::is_off(text)))
        };
        self.parse(&key, &expected, parse, || Some(None))
    }

    fn parse<T>(
        &mut self,
        key: &Key,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        missing: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        match self.lookup(key)? {
            Text::Found(found) => self.accept(&found, expected, parse),
            Text::Default(text) => {
                let found = Found {
                    name: self.name(key),
                    secret: key.secret,
                    text: text.to_owned(),
                };
                self.accept(&found, expected, parse)
            }
            Text::None { empty } => missing().or_else(|| self.absent(key, empty, expected)),
        }
    }
}
