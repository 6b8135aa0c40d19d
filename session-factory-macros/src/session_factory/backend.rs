//! The databases that a factory can be for.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Lit, Path};

use super::build::{self, Built};
use super::input::{Backend as Written, Variable};
use super::values::literal;
use crate::diagnostics::{Errors, did_you_mean, respanned};

/// A database that a factory can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Postgres,
    Mysql,
    Sqlite,
}

impl Backend {
    /// The backend of this name, however it is spelt.
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" | "pg" | "pgsql" => Self::Postgres,
            "mysql" | "mariadb" => Self::Mysql,
            "sqlite" | "sqlite3" => Self::Sqlite,
            _ => return None,
        })
    }

    /// The backend that is written; a wrong spelling is noted.
    fn written(path: &Path, errors: &mut Errors) -> Option<Self> {
        let name = path
            .segments
            .last()
            .map(|last| last.ident.to_string())
            .unwrap_or_default();
        let Some(backend) = Self::of(&name) else {
            let guess = did_you_mean(&name, ["Postgres", "Mysql", "Sqlite"]);
            let message =
                format!("unknown backend `{name}`{guess}; write `Postgres`, `Mysql` or `Sqlite`");
            errors.on(path, message);
            return None;
        };
        if backend.name() != name {
            errors.on(
                path,
                format!("unknown backend `{name}`; write `{}`", backend.name()),
            );
        }
        Some(backend)
    }

    /// The backend of the environment that the program is compiled in, in any spelling.
    fn built(variable: &Variable, errors: &mut Errors) -> Option<Self> {
        const EXPECTED: &str = "expected `postgres`, `mysql` or `sqlite`";
        match build::read(variable, errors)? {
            Built::Set(name) => {
                let backend = Self::of(&name);
                if backend.is_none() {
                    build::malformed(&variable.key, EXPECTED, &name, errors);
                }
                backend
            }
            Built::Default(default) => {
                let name = match literal(default) {
                    Some(Lit::Str(name)) => Some(name.value()),
                    _ => None,
                };
                let backend = name.as_deref().and_then(Self::of);
                if backend.is_none() {
                    errors.on(default, format!("{EXPECTED}; write `default = \"sqlite\"`"));
                }
                backend
            }
            Built::Unset => {
                build::unset(&variable.key, EXPECTED, errors);
                None
            }
        }
    }

    /// Whether it is found by a host and a name, and not by a path.
    pub(super) fn has_server(self) -> bool {
        self == Self::Postgres
    }

    /// Whether reads may go to another server.
    pub(super) fn has_replicas(self) -> bool {
        self == Self::Postgres
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Mysql => "Mysql",
            Self::Sqlite => "Sqlite",
        }
    }
}

/// A driver, which is there only when the backend's feature is on.
pub(super) struct Driver {
    pub(super) name: TokenStream,
    /// The macro that lets code pass only when it is on.
    require: TokenStream,
    span: Span,
}

impl Driver {
    /// The code, or the one error that the feature is off, where the backend is written.
    pub(super) fn require(&self, code: &TokenStream) -> TokenStream {
        let require = &self.require;
        quote_spanned!(self.span=> #require! { #code })
    }
}

/// The backend of a factory; `None` after noting that nobody knows it.
pub(super) fn backend(written: &Written, errors: &mut Errors) -> Option<Backend> {
    match written {
        Written::Written(path) => Backend::written(path, errors),
        Written::BuildEnv(variable) => Backend::built(variable, errors),
    }
}

/// The driver of the backend.
pub(super) fn driver(backend: Backend, written: &Written, krate: &Path) -> Driver {
    let span = match written {
        Written::Written(path) => path
            .segments
            .last()
            .map_or_else(|| path.span(), |last| last.ident.span()),
        Written::BuildEnv(variable) => variable.key.span(),
    };
    let require = match backend {
        Backend::Postgres => "__session_factory_postgres",
        Backend::Mysql => "__session_factory_mysql",
        Backend::Sqlite => "__session_factory_sqlite",
    };
    let require = Ident::new(require, span);
    let driver = Ident::new(backend.name(), span);
    let krate = respanned(krate, span);
    let name = quote_spanned!(span=> #krate::driver::#driver);
    let require = quote_spanned!(span=> #krate::__private::#require);
    Driver {
        name,
        require,
        span,
    }
}
