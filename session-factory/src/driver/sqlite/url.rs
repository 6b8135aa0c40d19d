//! The SQLite URL: a path, with or without a scheme.

/// What diesel opens.
pub(super) fn parse(url: &str) -> Result<String, String> {
    let rest = match url.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, rest)) if rest.starts_with("//") && scheme != "file" => {
            return Err(format!("its scheme is {scheme}:, expected sqlite:"));
        }
        _ => url,
    };
    if rest.is_empty() {
        return Err(
            "it names no file: expected sqlite://path/to/file.db or sqlite::memory:".into(),
        );
    }
    // SQLite reads parameters (`?mode=ro`) of `file:` names only.
    if rest.contains('?') && !rest.starts_with("file:") {
        return Ok(format!("file:{rest}"));
    }
    Ok(rest.to_owned())
}

/// A database that only its own connection can see.
pub(super) fn is_private_memory(url: &str) -> bool {
    let Ok(path) = parse(url) else { return false };
    path == ":memory:"
        || path.starts_with("file::memory:") && !path.contains("cache=shared")
        || path.contains("mode=memory") && !path.contains("cache=shared")
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
            ("sqlite:///var/lib/app.db", "/var/lib/app.db"),
            ("sqlite:app.db", "app.db"),
            ("sqlite::memory:", ":memory:"),
            ("sqlite://:memory:", ":memory:"),
            ("file:app.db?mode=ro", "file:app.db?mode=ro"),
            ("sqlite://app.db?mode=ro", "file:app.db?mode=ro"),
            ("app.db", "app.db"),
        ] {
            assert_eq!(parse(url).as_deref(), Ok(path), "{url}");
        }
        assert!(parse("postgres://localhost/app").is_err());
        assert!(parse("sqlite://").is_err());
    }
}
