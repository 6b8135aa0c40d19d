//! How the reader parses an application's type: with its `ConfigValue`, else with its `FromStr`.
//!
//! One blanket implementation cannot cover both: the `FromStr` of `bool` knows only two words, and an
//! application cannot implement our trait for another crate's type. So the expansion calls
//! `(&Custom::<T>::new()).how()`, for which the compiler tries three methods in turn: the inherent method, which
//! exists if `T: ConfigValue`; a trait's method, which exists if `T: FromStr`; and, with one more reference, the
//! method whose bound fails and produces the error message.

use std::marker::PhantomData;
use std::str::FromStr;

use crate::config::{ConfigValue, Key};

/// Selects how the type `T` is parsed.
#[derive(Debug, Default)]
pub struct Custom<T>(PhantomData<T>);

/// How a value of the type `T` is parsed.
#[derive(Debug)]
pub struct How<T> {
    expected: fn(&Key) -> String,
    pub(super) parse: fn(&str) -> Option<T>,
    pub(super) missing: fn() -> Option<T>,
}

impl<T> How<T> {
    /// Returns the expected value, in words.
    pub(super) fn expected(&self, key: &Key) -> String {
        (self.expected)(key)
    }

    /// Parses a text that is written in `session_factory!`.
    pub fn value(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }
}

impl<T: ConfigValue> How<T> {
    pub(super) fn of_value() -> Self {
        Self {
            expected: |key| key.range.map_or_else(T::expected, T::expected_in),
            parse: T::parse,
            missing: T::missing,
        }
    }
}

impl<T> Custom<T> {
    /// Begins the selection.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ConfigValue> Custom<T> {
    /// Uses the type's `ConfigValue`.
    #[must_use]
    pub fn how(&self) -> How<T> {
        How::of_value()
    }
}

/// Types that have a `FromStr`.
pub trait ByFromStr<T> {
    /// Uses the type's `FromStr`.
    fn how(&self) -> How<T>;
}

impl<T: FromStr> ByFromStr<T> for Custom<T> {
    fn how(&self) -> How<T> {
        How {
            expected: of_type,
            parse: |text| text.parse().ok(),
            missing: || None,
        }
    }
}

/// `Option`s of types that have a `FromStr`.
pub trait OptionByFromStr<T> {
    /// Uses the inner type's `FromStr`.
    fn how(&self) -> How<T>;
}

impl<T: FromStr> OptionByFromStr<Option<T>> for Custom<Option<T>> {
    fn how(&self) -> How<Option<T>> {
        How {
            expected: of_type,
            parse: |text| text.parse().ok().map(Some),
            missing: || Some(None),
        }
    }
}

/// The selection for all other types.
pub trait Unreadable<T> {
    /// Does not compile.
    fn how(&self) -> How<T>
    where
        T: ConfigValue;
}

impl<T> Unreadable<T> for &Custom<T> {
    fn how(&self) -> How<T>
    where
        T: ConfigValue,
    {
        How::of_value()
    }
}

fn of_type(key: &Key) -> String {
    let ty = key
        .ty
        .strip_prefix("Option<")
        .and_then(|ty| ty.strip_suffix('>'))
        .unwrap_or(key.ty);
    match key.range {
        Some(range) => format!("a value of the type `{ty}`, in {range}"),
        None => format!("a value of the type `{ty}`"),
    }
}
