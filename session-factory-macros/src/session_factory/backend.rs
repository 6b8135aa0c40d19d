//! The supported databases.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Lit, Path};

use super::build::{self, Built};
use super::input::{Backend as Written, Variable};
use super::literals::literal;
use crate::diagnostics::{Errors, nearest, respanned};

/// A supported database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Postgres,
    Mysql,
    Sqlite,
}

/// Finds the backend by name, in any spelling; the connection types of diesel and diesel-async
/// count as names too.
pub(super) fn known(name: &str) -> Option<Backend> {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    let name = name.strip_prefix("async").unwrap_or(&name);
    let name = name.strip_suffix("connection").unwrap_or(name);
    let name = name.strip_suffix("db").unwrap_or(name);
    Some(match name {
        "postgres" | "postgresql" | "pg" | "pgsql" | "psql" | "postgre" => Backend::Postgres,
        "mysql" | "maria" => Backend::Mysql,
        "sqlite" | "sqlite3" | "rusqlite" => Backend::Sqlite,
        _ => return None,
    })
}

/// The backend named by the path's last segment.
pub(super) fn of_path(path: &Path) -> Option<Backend> {
    known(&path.segments.last()?.ident.to_string())
}

const BACKENDS: [&str; 3] = ["Postgres", "Mysql", "Sqlite"];

/// Databases that speak the protocol of a supported one.
const RELATED: [(&str, Backend); 17] = [
    ("cockroach", Backend::Postgres),
    ("crdb", Backend::Postgres),
    ("yugabyte", Backend::Postgres),
    ("timescale", Backend::Postgres),
    ("neon", Backend::Postgres),
    ("supabase", Backend::Postgres),
    ("redshift", Backend::Postgres),
    ("greenplum", Backend::Postgres),
    ("alloy", Backend::Postgres),
    ("aurorapostgres", Backend::Postgres),
    ("auroramysql", Backend::Mysql),
    ("percona", Backend::Mysql),
    ("tidb", Backend::Mysql),
    ("planetscale", Backend::Mysql),
    ("galera", Backend::Mysql),
    ("libsql", Backend::Sqlite),
    ("turso", Backend::Sqlite),
];

impl Backend {
    /// Returns the backend that the user wrote, and reports a wrong spelling.
    fn written(path: &Path, errors: &mut Errors) -> Option<Self> {
        let name = path
            .segments
            .last()
            .map(|last| last.ident.to_string())
            .unwrap_or_default();
        if let Some(backend) = known(&name) {
            let right = backend.name();
            if name.contains("Connection") {
                let message = format!(
                    "the backend is named here, not the type of its connections; write `{right}`"
                );
                errors.on(path, message);
            } else if right != name {
                errors.on(
                    path,
                    format!("there is no backend `{name}`; write `{right}`"),
                );
            }
            return Some(backend);
        }
        let plain = name.to_ascii_lowercase().replace(['_', '-'], "");
        let related = RELATED.iter().find(|(word, _)| plain.starts_with(word));
        if let Some((_, backend)) = related {
            let protocol = match backend {
                Self::Postgres => "speaks PostgreSQL's protocol",
                Self::Mysql => "speaks MySQL's protocol",
                Self::Sqlite => "uses SQLite's files",
            };
            let message = format!(
                "`{name}` has no backend of its own; where it {protocol}, write `{}`",
                backend.name()
            );
            errors.on(path, message);
            return Some(*backend);
        }
        // `Pool<AsyncPgConnection>`
        let inside = path
            .to_token_stream()
            .into_iter()
            .find_map(|token| match token {
                TokenTree::Ident(word) => known(&word.to_string()),
                _ => None,
            });
        let near = inside.map(Self::name).or_else(|| nearest(&name, BACKENDS));
        let right = near.unwrap_or("Postgres`, `Mysql` or `Sqlite");
        errors.on(
            path,
            format!("there is no backend `{name}`; write `{right}`"),
        );
        near.and_then(known)
    }

    /// The backend named by a `build_env` variable, in any spelling.
    fn built(variable: &Variable, errors: &mut Errors) -> Option<Self> {
        const EXPECTED: &str = "expected `postgres`, `mysql` or `sqlite`";
        match build::read(variable, errors)? {
            Built::Set(name) => {
                let backend = known(&name);
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
                let backend = name.as_deref().and_then(known);
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

    /// True if the URL can be given in parts instead (`DB_HOST`, `DB_USER`, …).
    pub(super) fn has_server(self) -> bool {
        self == Self::Postgres
    }

    /// True if reads can use a replica.
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

/// The driver of a backend. The driver's type exists only if the backend's cargo feature is on.
pub(super) struct Driver {
    pub(super) name: TokenStream,
    /// The runtime crate's macro that emits the code it is given only if that feature is on.
    require: TokenStream,
    span: Span,
}

impl Driver {
    /// Emits the code, or, if the feature is off, one error at the backend's name.
    pub(super) fn require(
        &self,
        names: &TokenStream,
        uses: &TokenStream,
        code: &TokenStream,
    ) -> TokenStream {
        let require = &self.require;
        quote_spanned!(self.span=> #require! { [#names] { #uses } #code })
    }
}

/// The factory's backend. `None` after reporting that it is unknown.
pub(super) fn backend(written: &Written, errors: &mut Errors) -> Option<Backend> {
    match written {
        Written::Written(path) => Backend::written(path, errors),
        Written::BuildEnv(variable) => Backend::built(variable, errors),
    }
}

/// True if the user wrote the backend's exact name. A misspelt name is reported by itself: whether
/// the backend's feature is off is reported only once the name is right.
pub(super) fn is_named(backend: Backend, written: &Written) -> bool {
    match written {
        Written::Written(path) => path
            .segments
            .last()
            .is_some_and(|last| last.ident == backend.name()),
        Written::BuildEnv(_) => true,
    }
}

/// The backend's driver.
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
