//! Types that can be parsed from a variable's text.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::{SecretString, SecretUrl, duration};

/// A type that can be parsed from an environment variable's text.
///
/// It is implemented for `bool`, the numbers, `char`, `String`, [`Duration`], `PathBuf`, the
/// addresses of `std::net`, the secrets of this module, and `Option` of all of these. A custom key
/// in [`session_factory!`](crate::session_factory) can have such a type, or any other type with a
/// [`FromStr`](std::str::FromStr), or an `Option` of one. With this trait, errors also say what was
/// expected:
///
/// ```
/// use session_factory::config::ConfigValue;
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum Level { Low, High }
///
/// impl ConfigValue for Level {
///     fn expected() -> String {
///         "`low` or `high`".to_owned()
///     }
///     fn parse(text: &str) -> Option<Self> {
///         match text {
///             "low" => Some(Level::Low),
///             "high" => Some(Level::High),
///             _ => None,
///         }
///     }
/// }
///
/// assert_eq!(Level::parse("high"), Some(Level::High));
/// assert_eq!(Level::parse("hihg"), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from an environment variable",
    label = "has neither `FromStr` nor `ConfigValue`",
    note = "write `impl std::str::FromStr for {Self}`; for a type of another crate write a struct around it with that `impl`",
    note = "types that can be read: `bool`, numbers, `String`, `Duration`, `PathBuf`, `SocketAddr`, `SecretString`, whatever has a \
            `FromStr`, and `Option` of these"
)]
pub trait ConfigValue: Sized {
    /// Returns the form of a valid value, with an example. The text ends the sentence "expected …".
    fn expected() -> String;

    /// Like `expected`, for a value that must be in a range.
    fn expected_in(range: &str) -> String {
        format!("{}, in {range}", Self::expected())
    }

    /// Parses the text, which is trimmed and not empty. Returns `None` if it is malformed.
    fn parse(text: &str) -> Option<Self>;

    /// Returns the value of an unset variable without a default; `None` if a value is required.
    fn missing() -> Option<Self> {
        None
    }
}

impl ConfigValue for bool {
    fn expected() -> String {
        "a boolean: one of true, 1, t, yes, on, false, 0, f, no, off".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "t" | "yes" | "on" => Some(true),
            "false" | "0" | "f" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl ConfigValue for $ty {
            fn expected() -> String {
                format!("a whole number from {} to {}", <$ty>::MIN, <$ty>::MAX)
            }

            fn expected_in(range: &str) -> String {
                format!("a whole number in {range}")
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}
integers!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);
integers!(NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize);

macro_rules! floats {
    ($($ty:ty),*) => {$(
        impl ConfigValue for $ty {
            fn expected() -> String {
                "a number such as 0.5".to_owned()
            }

            fn expected_in(range: &str) -> String {
                format!("a number in {range}")
            }

            // `inf` and `NaN` parse as floats, but are mistakes in a configuration.
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok().filter(|number: &$ty| number.is_finite())
            }
        }
    )*};
}
floats!(f32, f64);

macro_rules! parsed {
    ($($ty:ty => $expected:literal),* $(,)?) => {$(
        impl ConfigValue for $ty {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}
parsed! {
    char => "one character",
    String => "text",
    PathBuf => "a path",
    IpAddr => "an IP address such as `127.0.0.1`",
    SocketAddr => "an address with a port such as `127.0.0.1:8080`",
}

impl ConfigValue for Duration {
    fn expected() -> String {
        duration::EXPECTED.to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        duration::parse(text)
    }
}

impl ConfigValue for SecretString {
    fn expected() -> String {
        "a secret text".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl ConfigValue for SecretUrl {
    fn expected() -> String {
        "a URL".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl<T: ConfigValue> ConfigValue for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn expected_in(range: &str) -> String {
        T::expected_in(range)
    }

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_in_every_spelling_and_case() {
        for text in ["true", "1", "t", "yes", "on", "TRUE", "Yes", "oN", "T"] {
            assert_eq!(bool::parse(text), Some(true), "{text}");
        }
        for text in ["false", "0", "f", "no", "off", "FALSE", "No", "OFF", "F"] {
            assert_eq!(bool::parse(text), Some(false), "{text}");
        }
        for text in ["", "2", "y", "n", "enabled", "truee"] {
            assert_eq!(bool::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(u8::parse("255"), Some(255));
        assert_eq!(u8::parse("256"), None);
        assert_eq!(u32::parse("-1"), None);
        assert_eq!(NonZeroU32::parse("0"), None);
        assert_eq!(f64::parse("NaN"), None);
        assert_eq!(u8::expected(), "a whole number from 0 to 255");
    }

    #[test]
    fn an_option_may_be_missing() {
        assert_eq!(<Option<u32> as ConfigValue>::missing(), Some(None));
        assert_eq!(<Option<u32> as ConfigValue>::parse("3"), Some(Some(3)));
        assert_eq!(<Option<u32> as ConfigValue>::parse("x"), None);
        assert_eq!(<u32 as ConfigValue>::missing(), None);
    }
}
