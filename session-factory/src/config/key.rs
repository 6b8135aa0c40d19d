//! One environment variable that a factory reads.

/// One environment variable that a factory reads. `AppDb::KEYS` lists those of `AppDb`.
///
/// A setting that is a constant in [`session_factory!`](crate::session_factory) has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The variable's full name, such as `DB_POOL_SIZE`.
    pub name: &'static str,
    /// The setting or own key that it fills, such as `pool_size`: the field of the configuration.
    pub setting: &'static str,
    /// The value's type in words, such as `duration`, or in Rust for an own key, such as `u32`.
    pub ty: &'static str,
    /// The values that are allowed, when not all of the type are, such as `1..=200`.
    pub range: Option<&'static str>,
    /// The value when the variable is not set, as it would be written there.
    pub default: Option<&'static str>,
    /// Whether the factory cannot start without it.
    pub required: bool,
    /// Whether the value is a secret, which no error and no `Debug` shows.
    pub secret: bool,
    /// What it is a part of, or another way to write: not the setting itself. `None` for the setting.
    pub part: Option<Part>,
    /// Whether it is read when the program is compiled. Setting it at start-up does nothing.
    pub build: bool,
    /// The heading that it belongs under, for people.
    pub group: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

/// What a key is for its setting, when it is not the setting's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The path of a file that holds the setting's value.
    File,
    /// The host of a URL.
    Host,
    /// Its port.
    Port,
    /// Its user.
    User,
    /// Its password.
    Password,
    /// The path of a file that holds its password.
    PasswordFile,
    /// The name of its database.
    Database,
}

impl Part {
    /// Whether its value is the path of a file that holds a secret.
    pub(super) const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::PasswordFile)
    }
}

impl Key {
    /// An optional key without a default, that is not a secret.
    #[must_use]
    pub const fn new(name: &'static str, setting: &'static str, ty: &'static str) -> Self {
        Self {
            name,
            setting,
            ty,
            range: None,
            default: None,
            required: false,
            secret: false,
            part: None,
            build: false,
            group: "",
            doc: "",
        }
    }

    /// Sets the value used when the variable is not set.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// Sets the values that are allowed, in words; [`Reader::within`](super::Reader::within) checks them.
    #[must_use]
    pub const fn range(self, range: &'static str) -> Self {
        Self {
            range: Some(range),
            ..self
        }
    }

    /// Says that the factory cannot start without it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// Says that its value is never to be shown.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// Says that it is a part of its setting.
    #[must_use]
    pub const fn part(self, part: Part) -> Self {
        Self {
            part: Some(part),
            ..self
        }
    }

    /// Says that it is read when the program is compiled.
    #[must_use]
    pub const fn build(self) -> Self {
        Self {
            build: true,
            ..self
        }
    }

    /// Sets the heading that it belongs under.
    #[must_use]
    pub const fn group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    /// Sets what it is for.
    #[must_use]
    pub const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }
}
