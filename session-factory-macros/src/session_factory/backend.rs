//! The databases that a factory can be for.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path};

use crate::diagnostics::{Errors, did_you_mean, respanned};

/// A database that a factory can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Postgres,
    Mysql,
    Sqlite,
}

impl Backend {
    /// The backend of this name, however it is spelt; a wrong spelling is noted.
    fn find(path: &Path, errors: &mut Errors) -> Option<Self> {
        let name = path
            .segments
            .last()
            .map(|last| last.ident.to_string())
            .unwrap_or_default();
        let backend = match name.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" | "pg" | "pgsql" => Self::Postgres,
            "mysql" | "mariadb" => Self::Mysql,
            "sqlite" | "sqlite3" => Self::Sqlite,
            _ => {
                let guess = did_you_mean(&name, ["Postgres", "Mysql", "Sqlite"]);
                let message = format!(
                    "unknown backend `{name}`{guess}; write `Postgres`, `Mysql` or `Sqlite`"
                );
                errors.on(path, message);
                return None;
            }
        };
        if backend.name() != name {
            errors.on(
                path,
                format!("unknown backend `{name}`; write `{}`", backend.name()),
            );
        }
        Some(backend)
    }

    fn name(self) -> &'static str {
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

/// The driver of the backend; `None` when nobody knows the backend.
pub(super) fn driver(path: &Path, krate: &Path, errors: &mut Errors) -> Option<Driver> {
    let backend = Backend::find(path, errors)?;
    let span = path
        .segments
        .last()
        .map_or_else(|| path.span(), |last| last.ident.span());
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
    Some(Driver {
        name,
        require,
        span,
    })
}
