//! The SQLite URL: a path, with or without a scheme.

use std::path::{Path, PathBuf};

use super::Sqlite;
use crate::driver::{Driver, scheme};

/// What a URL names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// What diesel opens.
    One(String),
    /// `sqlite:///app.db`: to `SQLAlchemy` a path relative to the working directory, to others an absolute one.
    /// This is the relative one.
    Either(String),
}

/// What the URL says, before anybody looks at the file system.
pub(super) fn parse(url: &str) -> Result<Named, String> {
    let rest = match url.split_once(':') {
        Some((scheme, rest)) if scheme::is_one_of(scheme, &Sqlite::SCHEMES[..1]) => {
            let Some(path) = rest.strip_prefix("//") else {
                return one(rest);
            };
            let Some(path) = path.strip_prefix('/') else {
                return one(path);
            };
            return match path {
                ":memory:" => one(path),
                _ if path.is_empty() => one(path),
                // `sqlite:////var/lib/app.db`, in every dialect.
                _ if path.starts_with('/') => one(path),
                _ if path.starts_with("file:") => one(path),
                // A driver's name is SQLAlchemy's alone, and a file in `/` is what nobody means.
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

/// SQLite reads parameters (`?mode=ro`) of `file:` names only.
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

/// What diesel opens. Of two readings it is the one whose folder is there; when both are, nobody guesses.
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

/// Whether the URL is a relative path to some and an absolute one to others.
pub(super) fn is_read_in_two_ways(url: &str) -> bool {
    matches!(parse(url), Ok(Named::Either(_)))
}

/// The folder that the file is in, if it is there.
fn folder(path: &str) -> Option<PathBuf> {
    Path::new(file(path)?).parent()?.canonicalize().ok()
}

/// A database that only its own connection can see.
pub(super) fn is_private_memory(url: &str) -> bool {
    matches!(parse(url), Ok(Named::One(path) | Named::Either(path)) if is_private(&path))
}

/// Its connections share one cache, and the mutex of it: whoever uses it waits for the statement that runs.
pub(super) fn shares_cache(path: &str) -> bool {
    path.contains("cache=shared")
}

fn is_private(path: &str) -> bool {
    path == ":memory:"
        || path.starts_with("file::memory:") && !shares_cache(path)
        || path.contains("mode=memory") && !shares_cache(path)
}

/// The file behind the URL, if there is one.
pub(super) fn file(path: &str) -> Option<&str> {
    let path = path.strip_prefix("file:").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty() && path != ":memory:").then_some(path)
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
            // SQLAlchemy's
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
        // Neither: the error of the one that SQLAlchemy means.
        let nowhere = resolve("sqlite:///no/such/folder/app.db");
        assert_eq!(nowhere, Ok("no/such/folder/app.db".into()));
        assert!(is_read_in_two_ways("sqlite:///no/such/folder/app.db"));
        assert!(!is_read_in_two_ways("sqlite://a/app.db"));
    }
}
