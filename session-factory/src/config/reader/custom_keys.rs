//! How the reader reads an application's type: by its `ConfigValue`, else by its `FromStr`.
//!
//! Both cannot be one blanket implementation (`bool` has a `FromStr` that knows two words), and a type of
//! another crate can be given neither. So the expansion asks `(&Custom::<T>::new()).how()`: the compiler takes
//! the inherent method where `T: ConfigValue`, else that of a trait where `T: FromStr`, and else, one
//! reference further, the one that asks for what is missing and so makes the error message.

use std::marker::PhantomData;
use std::str::FromStr;

use crate::config::{ConfigValue, Key};

/// A question about the type `T`.
#[derive(Debug, Default)]
pub struct Custom<T>(PhantomData<T>);

/// How a value of the type `T` is read.
#[derive(Debug)]
pub struct How<T> {
    expected: fn(&Key) -> String,
    pub(super) parse: fn(&str) -> Option<T>,
    pub(super) missing: fn() -> Option<T>,
}

impl<T> How<T> {
    /// What a value looks like.
    pub(super) fn expected(&self, key: &Key) -> String {
        (self.expected)(key)
    }

    /// The value of a text that is written in `session_factory!`.
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
    /// The question.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ConfigValue> Custom<T> {
    /// As the type itself says.
    #[must_use]
    pub fn how(&self) -> How<T> {
        How::of_value()
    }
}

/// Types that can be read from text.
pub trait ByFromStr<T> {
    /// As `FromStr` does.
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

/// `Option`s of such types.
pub trait OptionByFromStr<T> {
    /// As `FromStr` does.
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

/// All others.
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
