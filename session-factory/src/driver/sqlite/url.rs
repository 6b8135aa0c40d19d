//! The SQLite URL: a path, with or without a scheme.

use std::path::{Path, PathBuf};

use crate::config::scheme;

pub(super) const SCHEMES: &[&str] = &["sqlite", "file"];

/// The name in a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The name to open.
    One(String),
    /// `sqlite:///app.db`. `SQLAlchemy` reads it as a path relative to the working directory, other
    /// libraries as an absolute path. The value is the relative path.
    Either(String),
}

/// Parses the URL without looking at the file system.
pub(super) fn parse(url: &str) -> Result<Named, String> {
    let rest = match url.split_once(':') {
        Some((scheme, rest)) if scheme::is_one_of(scheme, &SCHEMES[..1]) => {
            let Some(path) = rest.strip_prefix("//") else {
                return one(rest);
            };
            let Some(path) = path.strip_prefix('/') else {
                return one(path);
            };
            return match path {
                ":memory:" => one(path),
                _ if path.is_empty() => one(path),
                // `sqlite:////var/lib/app.db` is absolute in every dialect.
                _ if path.starts_with('/') => one(path),
                _ if path.starts_with("file:") => one(path),
                // Only SQLAlchemy's URLs name a driver, and a file directly in `/` is unlikely.
                _ if scheme.contains('+') || !folder_is_named(path) => one(path),
                _ => Ok(Named::Either(opened(path))),
            };
        }
        Some((scheme, rest)) if rest.starts_with("//") && scheme != "file" => {
            return Err("its scheme is not sqlite: expected sqlite://path/to/file.db".into());
        }
        _ => url,
    };
    one(rest)
}

fn one(path: &str) -> Result<Named, String> {
    if path.is_empty() {
        return Err(
            "it names no file: expected sqlite://path/to/file.db or sqlite::memory:".into(),
        );
    }
    Ok(Named::One(opened(path)))
}

/// SQLite reads parameters (`?mode=ro`) only in names that begin with `file:`, so this adds that prefix.
fn opened(path: &str) -> String {
    if path.contains('?') && !path.starts_with("file:") {
        format!("file:{path}")
    } else {
        path.to_owned()
    }
}

fn folder_is_named(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    path.contains('/')
}

/// Returns the name to open. If the URL can be read in two ways, this is the reading whose folder exists; if both
/// folders exist, that is an error.
pub(super) fn resolve(url: &str) -> Result<String, String> {
    let relative = match parse(url)? {
        Named::One(path) => return Ok(path),
        Named::Either(relative) => relative,
    };
    let (scheme, path) = match relative.strip_prefix("file:") {
        Some(path) => ("file:", path),
        None => ("", relative.as_str()),
    };
    let absolute = format!("{scheme}/{path}");
    match (folder(&relative), folder(&absolute)) {
        (Some(here), Some(there)) if here == there => Ok(relative),
        (Some(_), Some(_)) => Err(
            "sqlite:/// with both a relative and an absolute folder of that name: write sqlite:path for the \
             relative one, sqlite:////path for the absolute one"
                .into(),
        ),
        (None, Some(_)) => Ok(absolute),
        (_, None) => Ok(relative),
    }
}

/// True if some libraries read the URL as a relative path, others as an absolute one.
pub(super) fn is_read_in_two_ways(url: &str) -> bool {
    matches!(parse(url), Ok(Named::Either(_)))
}

/// Returns the file's folder, if it exists.
fn folder(path: &str) -> Option<PathBuf> {
    Path::new(&file(path)?).parent()?.canonicalize().ok()
}

/// The database that SQLite opens for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Database {
    File {
        path: String,
        shares_cache: bool,
    },
    /// In memory, shared by all connections that use its name. The database disappears with the last of them.
    SharedMemory {
        name: String,
        shares_cache: bool,
    },
    /// In memory or in a temporary file, visible to its own connection only.
    Private,
}

impl Database {
    /// True if the database's connections share one cache, so that a statement may have to wait for another
    /// connection's transaction.
    pub(super) fn shares_cache(&self) -> bool {
        match self {
            Self::File { shares_cache, .. } | Self::SharedMemory { shares_cache, .. } => {
                *shares_cache
            }
            Self::Private => false,
        }
    }
}

/// Returns the database that SQLite opens for this name. (If a parameter occurs twice, SQLite takes the
/// last.)
pub(super) fn database(name: &str) -> Database {
    let Some(uri) = name.strip_prefix("file:") else {
        return match name {
            "" | ":memory:" => Database::Private,
            path => Database::File {
                path: path.to_owned(),
                shares_cache: false,
            },
        };
    };
    let uri = uri.split('#').next().unwrap_or_default();
    let (path, parameters) = uri.split_once('?').unwrap_or((uri, ""));
    // Two slashes precede a host name (this machine's), which may be empty.
    let path = path
        .strip_prefix("//")
        .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)))
        .unwrap_or(path);
    let path = decoded(path);
    let (mut mode, mut cache, mut vfs) = (String::new(), String::new(), String::new());
    for parameter in parameters.split('&') {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match decoded(key).as_str() {
            "mode" => mode = decoded(value),
            "cache" => cache = decoded(value),
            "vfs" => vfs = decoded(value),
            _ => {}
        }
    }
    let shares_cache = cache == "shared";
    if path == ":memory:" || mode == "memory" {
        if !shares_cache {
            return Database::Private;
        }
        return Database::SharedMemory {
            name: path,
            shares_cache,
        };
    }
    if vfs == "memdb" {
        if path.len() < 2 || !path.starts_with(['/', '\\']) {
            return Database::Private;
        }
        return Database::SharedMemory {
            name: path,
            shares_cache,
        };
    }
    if path.is_empty() {
        return Database::Private;
    }
    Database::File { path, shares_cache }
}

/// Decodes percent escapes: `%2F` is a slash. A zero byte ends the name.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| {
            behind
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let (byte, past) = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => (high * 16 + low, 2),
            _ => (*first, 0),
        };
        if byte == 0 {
            break;
        }
        bytes.push(byte);
        rest = behind.get(past..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// True for a database that only its own connection can see.
pub(super) fn is_private(url: &str) -> bool {
    matches!(parse(url), Ok(Named::One(path) | Named::Either(path)) if database(&path) == Database::Private)
}

/// Returns the file that the name stands for, if there is one.
pub(super) fn file(name: &str) -> Option<String> {
    match database(name) {
        Database::File { path, .. } => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_forms_people_write() {
        for (url, path) in [
            ("sqlite://app.db", "app.db"),
            ("sqlite://data/app.db", "data/app.db"),
            ("sqlite:app.db", "app.db"),
            ("sqlite:/var/lib/app.db", "/var/lib/app.db"),
            ("sqlite::memory:", ":memory:"),
            ("sqlite://:memory:", ":memory:"),
            ("file:app.db?mode=ro", "file:app.db?mode=ro"),
            ("sqlite://app.db?mode=ro", "file:app.db?mode=ro"),
            ("app.db", "app.db"),
            // SQLAlchemy's form.
            ("sqlite:///app.db", "app.db"),
            ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
            ("sqlite:///:memory:", ":memory:"),
            ("sqlite+aiosqlite:///data/app.db", "data/app.db"),
            ("sqlite+pysqlite:////var/lib/app.db", "/var/lib/app.db"),
            (
                "sqlite:///file:app.db?mode=ro&uri=true",
                "file:app.db?mode=ro&uri=true",
            ),
        ] {
            assert_eq!(parse(url), Ok(Named::One(path.into())), "{url}");
        }
        assert!(parse("postgres://localhost/app").is_err());
        for nothing in ["sqlite://", "sqlite:///", "sqlite:"] {
            assert!(parse(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn of_two_readings_the_one_whose_folder_is_there() {
        // Unit tests run in the crate's folder.
        let here = std::env::current_dir().unwrap();
        let absolute = here.join("src/app.db").display().to_string();
        assert_eq!(resolve(&format!("sqlite://{absolute}")), Ok(absolute));
        assert_eq!(resolve("sqlite:///src/app.db"), Ok("src/app.db".into()));
        let read_only = resolve("sqlite:///src/app.db?mode=ro");
        assert_eq!(read_only, Ok("file:src/app.db?mode=ro".into()));
        // Neither folder exists: the error names SQLAlchemy's reading.
        let nowhere = resolve("sqlite:///no/such/folder/app.db");
        assert_eq!(nowhere, Ok("no/such/folder/app.db".into()));
        assert!(is_read_in_two_ways("sqlite:///no/such/folder/app.db"));
        assert!(!is_read_in_two_ways("sqlite://a/app.db"));
    }

    #[test]
    fn a_database_in_memory_is_known_however_it_is_written() {
        let file = |path: &str, shares_cache| Database::File {
            path: path.into(),
            shares_cache,
        };
        let memory = |name: &str, shares_cache| Database::SharedMemory {
            name: name.into(),
            shares_cache,
        };
        for (name, expected) in [
            ("app.db", file("app.db", false)),
            ("file:app.db?mode=ro", file("app.db", false)),
            ("file:a%2Fb.db?cache=shared#x", file("a/b.db", true)),
            ("file:///var/a.db", file("/var/a.db", false)),
            ("file://localhost/var/a.db", file("/var/a.db", false)),
            ("file:mode=memory", file("mode=memory", false)),
            ("file:a?x=mode=memory", file("a", false)),
            ("file:a?mode=memory&mode=rwc", file("a", false)),
            (":memory:", Database::Private),
            ("", Database::Private),
            ("file:", Database::Private),
            ("file:?cache=shared", Database::Private),
            ("file::memory:", Database::Private),
            ("file:a?mode=memory", Database::Private),
            ("file:a?mode=memory&cache=private", Database::Private),
            ("file:a?vfs=memdb", Database::Private),
            ("file:/?vfs=memdb", Database::Private),
            ("file::memory:?cache=shared", memory(":memory:", true)),
            ("file:x?mode=memory&cache=shared", memory("x", true)),
            ("file:x?cache=shared&mode=memor%79", memory("x", true)),
            ("file:/x?vfs=memdb", memory("/x", false)),
            ("file:///x?vfs=memdb&cache=shared", memory("/x", true)),
        ] {
            assert_eq!(database(name), expected, "{name}");
        }
        assert!(is_private("sqlite::memory:"));
        assert!(!is_private("sqlite::memory:?cache=shared"));
    }
}
