//! The databases that a factory can be for.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path};

use crate::diagnostics::{Errors, did_you_mean};

/// A database that a factory can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Postgres,
    Mysql,
    Sqlite,
}

impl Backend {
    /// The backend of this name, however it is spelt; a wrong spelling is noted.
    fn find(path: &Path, errors: &mut Errors) -> syn::Result<Self> {
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
                return Err(syn::Error::new_spanned(path, message));
            }
        };
        if backend.name() != name {
            errors.on(
                path,
                format!("unknown backend `{name}`; write `{}`", backend.name()),
            );
        }
        Ok(backend)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Mysql => "Mysql",
            Self::Sqlite => "Sqlite",
        }
    }
}

/// What to write for the type of the driver. An error in that place is the only one there is: the
/// compiler says nothing about what follows from a type that it does not know.
pub(super) fn driver(path: &Path, krate: &Path, errors: &mut Errors) -> TokenStream {
    let backend = match Backend::find(path, errors) {
        Ok(backend) => backend,
        Err(error) => return error.to_compile_error(),
    };
    let span = path
        .segments
        .last()
        .map_or_else(|| path.span(), |last| last.ident.span());
    let name = match backend {
        Backend::Postgres => "__session_factory_postgres",
        Backend::Mysql => "__session_factory_mysql",
        Backend::Sqlite => "__session_factory_sqlite",
    };
    let name = Ident::new(name, span);
    quote_spanned!(span=> #krate::__private::#name!())
}
