//! The error that reports all problems of a configuration at once.

use std::fmt;

/// All problems of a factory's configuration: every missing or malformed key by its full name, with
/// the expected and the found value. It contains no part of a secret.
///
/// ```
/// # use session_factory::config::{Key, Reader};
/// const KEYS: &[Key] = &[Key::new("DB_ECHO", "echo", "bool").default("false")];
/// let mut reader = Reader::from_vars("AppDb", KEYS, |_| Some("maybe".to_owned()));
/// let echo = reader.read::<bool>("echo");
/// let error = reader.finish(|| echo).unwrap_err();
/// assert_eq!(error.problems()[0].key(), "DB_ECHO");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {
    factory: &'static str,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Creates an error for the factory of this name.
    #[must_use]
    pub fn new(factory: &'static str, problems: Vec<Problem>) -> Self {
        Self { factory, problems }
    }

    /// Returns the name of the factory, such as `AppDb`.
    #[must_use]
    pub fn factory(&self) -> &'static str {
        self.factory
    }

    /// Returns one problem for each wrong key.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [] => write!(
                formatter,
                "the configuration of `{}` is incomplete",
                self.factory
            ),
            [problem] => {
                write!(
                    formatter,
                    "the configuration of `{}` is wrong: {problem}",
                    self.factory
                )
            }
            problems => {
                write!(
                    formatter,
                    "the configuration of `{}` is wrong in {} places:",
                    self.factory,
                    problems.len()
                )?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(formatter, "\n  - {problem}"))
            }
        }
    }
}

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    key: String,
    expected: String,
    kind: ProblemKind,
}

/// The kind of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The variable is required and not set.
    Missing,
    /// The variable is required, and set to an empty text.
    Empty,
    /// The value is malformed or out of range.
    Malformed {
        /// The value, or a description if it is a secret.
        found: String,
    },
    /// Two variables are set that exclude each other.
    Conflict {
        /// The other variable.
        other: String,
    },
}

impl Problem {
    /// Creates the problem that a required variable is unset. `expected` ends the sentence "expected …".
    #[must_use]
    pub fn missing(key: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            expected: expected.into(),
            kind: ProblemKind::Missing,
        }
    }

    /// Creates the problem that a required variable is set to an empty text.
    #[must_use]
    pub fn empty(key: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            expected: expected.into(),
            kind: ProblemKind::Empty,
        }
    }

    /// Creates the problem that a value is malformed. `found` is printed unchanged: do not pass a secret.
    #[must_use]
    pub fn malformed(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let kind = ProblemKind::Malformed {
            found: found.into(),
        };
        Self {
            key: key.into(),
            expected: expected.into(),
            kind,
        }
    }

    /// Creates the problem that two variables are set which exclude each other.
    #[must_use]
    pub fn conflict(key: impl Into<String>, other: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            expected: "one of them".to_owned(),
            kind: ProblemKind::Conflict {
                other: other.into(),
            },
        }
    }

    /// Returns the problem's text without the key's name.
    pub(super) fn reason(&self) -> String {
        let expected = &self.expected;
        match &self.kind {
            ProblemKind::Missing => format!("not set; expected {expected}"),
            ProblemKind::Empty => format!("empty; expected {expected}"),
            ProblemKind::Malformed { found } => format!("expected {expected}; found {found}"),
            ProblemKind::Conflict { other } => {
                format!("{other} is set as well; expected {expected}")
            }
        }
    }

    /// Returns the variable's full name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the expected value.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Returns the kind of the problem.
    #[must_use]
    pub fn kind(&self) -> &ProblemKind {
        &self.kind
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            expected,
            kind,
        } = self;
        match kind {
            ProblemKind::Missing => write!(formatter, "{key} is not set; expected {expected}"),
            ProblemKind::Empty => {
                write!(formatter, "{key} is set but empty; expected {expected}")
            }
            ProblemKind::Malformed { found } => {
                write!(
                    formatter,
                    "{key} is malformed; expected {expected}; found {found}"
                )
            }
            ProblemKind::Conflict { other } => write!(
                formatter,
                "{key} and {other} are both set; expected {expected}"
            ),
        }
    }
}

/// Returns a value that is not declared a secret, in quotes, as [`plain`] shows it.
pub(super) fn quoted(value: &str) -> String {
    if looks_like_a_url(value) {
        return format!("a value that {URL}");
    }
    format!("`{}`", plain(value))
}

/// Prepares a value that is not declared a secret for a message: cut if it is long, and hidden if it looks like
/// a connection URL that was set under the wrong name.
pub(super) fn plain(value: &str) -> String {
    const LIMIT: usize = 60;
    if looks_like_a_url(value) {
        return format!("({URL})");
    }
    let shown: String = value.chars().take(LIMIT).collect();
    let more = if shown.len() < value.len() { "…" } else { "" };
    format!("{}{more}", shown.escape_debug())
}

const URL: &str = "looks like a URL (not shown, it may hold a password)";

/// True for texts such as `postgres://…`, `ada:word@host` and `host=… password=…`.
fn looks_like_a_url(value: &str) -> bool {
    value.contains("://") || value.contains(['@', '='])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_is_one_line_and_several_are_a_list() {
        let missing = Problem::missing("DATABASE_URL", "a URL");
        let wrong = Problem::malformed("DB_ECHO", "a boolean", quoted("perhaps"));
        let one = ConfigError::new("AppDb", vec![missing.clone()]).to_string();
        assert_eq!(
            one,
            "the configuration of `AppDb` is wrong: DATABASE_URL is not set; expected a URL"
        );
        let two = ConfigError::new("AppDb", vec![missing, wrong]).to_string();
        assert_eq!(
            two,
            "the configuration of `AppDb` is wrong in 2 places:\n  \
             - DATABASE_URL is not set; expected a URL\n  \
             - DB_ECHO is malformed; expected a boolean; found `perhaps`"
        );
    }

    #[test]
    fn a_url_under_the_wrong_name_is_not_shown() {
        assert!(!quoted("postgres://ada:hunter2@host/db").contains("hunter2"));
        assert!(!quoted("ada:hunter2@host").contains("hunter2"));
        assert!(!quoted("host=db user=ada password=hunter2").contains("hunter2"));
    }

    #[test]
    fn long_and_odd_values_are_made_fit() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert!(quoted(&"x".repeat(500)).len() < 80);
    }
}
