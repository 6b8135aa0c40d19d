//! A factory as the user writes it.

use syn::{Attribute, Ident, Path, Type, Visibility};

use super::value::{Value, Variable};
use crate::session_factory::range::Range;

/// One factory as the user writes it.
pub(in crate::session_factory) struct Factory {
    pub(in crate::session_factory) attrs: Vec<Attribute>,
    pub(in crate::session_factory) vis: Visibility,
    pub(in crate::session_factory) name: Ident,
    /// `Postgres` in `AppDb(Postgres)`. `None` after reporting that it is unreadable.
    pub(in crate::session_factory) backend: Option<Backend>,
    pub(in crate::session_factory) settings: Vec<Setting>,
}

/// A factory's database.
pub(in crate::session_factory) enum Backend {
    Written(Path),
    /// `build_env("KEY", …)`.
    BuildEnv(Box<Variable>),
}

/// One line of the block.
pub(in crate::session_factory) struct Setting {
    pub(in crate::session_factory) attrs: Vec<Attribute>,
    pub(in crate::session_factory) name: Ident,
    pub(in crate::session_factory) ty: Option<Type>,
    pub(in crate::session_factory) range: Option<Range>,
    pub(in crate::session_factory) value: Value,
}
