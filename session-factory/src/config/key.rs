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
    /// The value when the variable is not set, as it would be written there.
    pub default: Option<&'static str>,
    /// Whether the factory cannot start without it.
    pub required: bool,
    /// Whether the value is a secret, which no error and no `Debug` shows.
    pub secret: bool,
    /// What it is for.
    pub doc: &'static str,
}

impl Key {
    /// An optional key without a default, that is not a secret.
    #[must_use]
    pub const fn new(name: &'static str, setting: &'static str, ty: &'static str) -> Self {
        Self {
            name,
            setting,
            ty,
            default: None,
            required: false,
            secret: false,
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

    /// Sets what it is for.
    #[must_use]
    pub const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }
}
