//! One environment variable that a factory reads.

/// One environment variable that a factory reads. `AppDb::KEYS` lists the keys of `AppDb`.
///
/// A setting whose value is a constant in [`session_factory!`](crate::session_factory) has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The variable's full name, such as `DB_POOL_SIZE`.
    pub name: &'static str,
    /// The setting or custom key that this variable sets, such as `pool_size`: a field of the
    /// configuration.
    pub setting: &'static str,
    /// The value's type: in words, such as `duration`, or for a custom key in Rust, such as `u32`.
    pub ty: &'static str,
    /// The allowed values, such as `1..=200`, if the type allows more.
    pub range: Option<&'static str>,
    /// The default, as the text that the variable would have.
    pub default: Option<&'static str>,
    /// True if the factory cannot start without the variable.
    pub required: bool,
    /// True if the value is a secret, which errors and `Debug` never show.
    pub secret: bool,
    /// What the key provides, if it provides only a part of its setting, or names a file that holds
    /// the value. `None` for the setting's own key.
    pub part: Option<Part>,
    /// True if the macro reads the variable at compile time. Setting it at start-up has no effect.
    pub build: bool,
    /// The heading above the key in `.env.example`.
    pub group: &'static str,
    /// The key's purpose.
    pub doc: &'static str,
}

/// What a companion key provides for its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The path of a file that holds the setting's value.
    File,
    /// The host of a URL.
    Host,
    /// The URL's port.
    Port,
    /// The URL's user.
    User,
    /// The URL's password.
    Password,
    /// The path of a file that contains the URL's password.
    PasswordFile,
    /// The URL's database.
    Database,
}

impl Part {
    /// True if the value is the path of a file that contains a secret.
    pub(super) const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::PasswordFile)
    }
}

impl Key {
    /// Makes an optional key, without a default, that is not a secret.
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

    /// Sets the default, which applies if the variable is unset.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// Sets the allowed values, in words; [`Reader::within`](super::Reader::within) checks them.
    #[must_use]
    pub const fn range(self, range: &'static str) -> Self {
        Self {
            range: Some(range),
            ..self
        }
    }

    /// Marks the key as required: the factory cannot start without it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// Marks the value as a secret, which is never shown.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// Marks the key as a companion that provides a part of its setting.
    #[must_use]
    pub const fn part(self, part: Part) -> Self {
        Self {
            part: Some(part),
            ..self
        }
    }

    /// Marks the key as read at compile time.
    #[must_use]
    pub const fn build(self) -> Self {
        Self {
            build: true,
            ..self
        }
    }

    /// Sets the heading above the key.
    #[must_use]
    pub const fn group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    /// Sets the key's purpose.
    #[must_use]
    pub const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }
}
