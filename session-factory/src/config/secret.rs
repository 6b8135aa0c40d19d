//! A database URL that is never printed by accident.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

/// A database URL. It usually contains a password, so neither `Debug` nor `Display` shows any of
/// it, and dropping it clears its memory.
///
/// ```
/// use session_factory::config::SecretUrl;
///
/// let url = SecretUrl::from("postgres://ada:hunter2@localhost/app");
/// assert_eq!(format!("{url:?} {url}"), "SecretUrl([redacted]) [redacted]");
/// assert_eq!(url.expose(), "postgres://ada:hunter2@localhost/app");
/// ```
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// Returns the URL itself, for connecting. Keep it out of logs and errors.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretUrl([redacted])")
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(SecretString::from(url))
    }
}

impl From<&str> for SecretUrl {
    fn from(url: &str) -> Self {
        Self(SecretString::from(url))
    }
}

impl From<SecretString> for SecretUrl {
    fn from(url: SecretString) -> Self {
        Self(url)
    }
}

impl FromStr for SecretUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_url_is_printed() {
        let url = SecretUrl::from("postgres://ada:hunter2@db.internal/app");
        let printed = format!("{url} {url:?} {url:#?}");
        for part in ["postgres:", "ada", "hunter2", "db.internal", "app"] {
            assert!(!printed.contains(part), "{printed}");
        }
    }
}
