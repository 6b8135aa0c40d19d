//! Where a value comes from.

use std::fmt;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The process's environment.
    Environment,
    /// A `.env` file.
    Dotenv,
    /// The file that the key with `_FILE` names.
    File,
    /// The parts of a URL: `DB_HOST` and so on.
    Parts,
    /// The function of `from_vars`, or what serde read.
    Given,
    /// The compiler's environment, when the program was built.
    Build,
    /// Not set: the default applies.
    Default,
    /// Written in `session_factory!`.
    Constant,
    /// Not set, and without a default.
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
