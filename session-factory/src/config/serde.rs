//! Reads a configuration from any format of serde.
//!
//! Every value is handled like a variable's text, so durations, booleans, ranges and errors are the same in each
//! format. Errors here quote no value, because a value may be a secret whatever its name is.

use std::collections::HashMap;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};

use super::known_names::suggestion;
use super::reader::Variable;
use super::{Key, Problem, Reader, Source};

/// Reads the given settings by their names.
pub(crate) fn reader<'de, D: Deserializer<'de>>(
    factory: &'static str,
    keys: &'static [Key],
    settings: &'static [&'static str],
    deserializer: D,
) -> Result<Reader<'static>, D::Error> {
    // With `deserialize_struct`, a format could reject a text in the struct's place with an error that quotes the text.
    let given = deserializer.deserialize_any(Settings { factory, settings })?;
    let Given { values, problems } = given;
    let vars = move |name: &str| match values.get(name) {
        Some(Some(value)) => Variable::Set(value.clone(), Source::Given),
        _ => Variable::Unset,
    };
    let reader = Reader::new(factory, keys, vars).by_setting();
    Ok(reader.with_problems(problems))
}

/// The settings of every factory. If an input has one that is a constant of its factory, the error says so.
const STANDARD: [&str; 17] = [
    "url",
    "replica_url",
    "echo",
    "pool_size",
    "max_overflow",
    "pool_pre_ping",
    "pool_timeout",
    "pool_recycle",
    "idle_timeout",
    "connect_timeout",
    "statement_timeout",
    "statement_cache",
    "slow_statement",
    "slow_acquire",
    "leak_threshold",
    "statement_budget",
    "trace_text",
];

/// The given settings.
#[derive(Default)]
struct Given {
    values: HashMap<&'static str, Option<String>>,
    problems: Vec<Problem>,
}

// These errors replace serde's own, which would quote the value.
macro_rules! not_quoted {
    ($($visit:ident: $ty:ty),* $(,)?) => {$(
        fn $visit<E: Error>(self, _: $ty) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("found a single value (not shown), expected {}", Expected(&self))))
        }
    )*};
}

/// A visitor's expectation, as serde's errors print it.
struct Expected<'v, V>(&'v V);

impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }
}

struct Settings {
    factory: &'static str,
    settings: &'static [&'static str],
}

impl<'de> Visitor<'de> for Settings {
    type Value = Given;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a map of the settings of `{}`", self.factory)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut given = Given::default();
        while let Some(Name(name)) = map.next_key()? {
            let Some(setting) = self.settings.iter().find(|setting| **setting == name) else {
                map.next_value::<IgnoredAny>()?;
                // The name itself is not printed: it may contain a secret if a line is cut in the
                // wrong place.
                let expected = format!("one of the settings {}", self.settings.join(", "));
                let standard = STANDARD.into_iter().find(|standard| **standard == name);
                given.problems.push(if let Some(name) = standard {
                    Problem::malformed(name, expected, "a setting that is fixed in the program")
                } else {
                    let meant = suggestion(&name, self.settings.iter().copied());
                    let found = format!("an unknown setting{meant}");
                    Problem::malformed("a setting", expected, found)
                });
                continue;
            };
            let value = map.next_value_seed(Text(setting))?;
            if given.values.insert(setting, value).is_some() {
                given
                    .problems
                    .push(Problem::malformed(*setting, "one value", "two"));
            }
        }
        Ok(given)
    }

    not_quoted! {
        visit_str: &str,
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_i128: i128,
        visit_u128: u128,
        visit_f64: f64,
    }
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a setting")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name(name.to_owned()))
    }

    not_quoted! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_i128: i128,
        visit_u128: u128,
        visit_f64: f64,
    }
}

/// Deserializes one value as the text that a variable would have; `None` for null.
struct Text(&'static str);

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! as_text {
    ($($visit:ident: $ty:ty),* $(,)?) => {$(
        fn $visit<E: Error>(self, value: $ty) -> Result<Self::Value, E> {
            Ok(Some(value.to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a text, a number or a boolean for `{}`", self.0)
    }

    as_text! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_i128: i128,
        visit_u128: u128,
        visit_f64: f64,
        visit_char: char,
        visit_str: &str,
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}
