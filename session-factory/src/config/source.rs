//! The origin of a value.

use std::fmt;

/// The origin of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The process's environment.
    Environment,
    /// A `.env` file.
    Dotenv,
    /// The file named by the key with `_FILE`.
    File,
    /// The parts of a URL: `DB_HOST` and so on.
    Parts,
    /// The function passed to `from_vars`, or the input of serde.
    Given,
    /// The compiler's environment.
    Build,
    /// The default, because the key is unset.
    Default,
    /// A constant in `session_factory!`.
    Constant,
    /// None: the key is unset and has no default.
    NotSet,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Environment => "environment",
            Self::Dotenv => ".env",
            Self::File => "file",
            Self::Parts => "parts",
            Self::Given => "given",
            Self::Build => "build",
            Self::Default => "default",
            Self::Constant => "constant",
            Self::NotSet => "not set",
        })
    }
}
