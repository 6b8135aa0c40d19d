//! Recognizes a URL's scheme, with or without `SQLAlchemy`'s driver name.

use crate::config::known_names::nearest;

/// True for one of the schemes, as in `postgresql` or `postgresql+psycopg2`, in upper or lower case.
pub(crate) fn is_one_of(scheme: &str, schemes: &[&str]) -> bool {
    let (name, driver) = match scheme.split_once('+') {
        Some((name, driver)) => (name, Some(driver)),
        None => (scheme, None),
    };
    let has_driver = |driver: &str| {
        !driver.is_empty()
            && driver
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    driver.is_none_or(has_driver) && schemes.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// True if the text has the form of a scheme.
#[cfg(feature = "postgres")]
pub(crate) fn is_well_formed(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Schemes of databases, and of other things that users paste. Errors print no other scheme, because
/// text in front of `:` may be a piece of a password.
const KNOWN: [&str; 16] = [
    "postgresql",
    "postgres",
    "mysql",
    "mariadb",
    "sqlite",
    "file",
    "oracle",
    "mssql",
    "sqlserver",
    "mongodb",
    "cockroachdb",
    "redis",
    "jdbc",
    "odbc",
    "https",
    "http",
];

/// Returns the URL's scheme as `KNOWN` spells it, without a driver's name; `None` for any other scheme.
pub(crate) fn known(url: &str) -> Option<&'static str> {
    let (scheme, rest) = url.split_once(':')?;
    let scheme = match scheme.split_once('+') {
        Some((scheme, _driver)) if rest.starts_with("//") => scheme,
        _ => scheme,
    };
    KNOWN
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(scheme))
}

/// Returns the scheme that the user may have meant, out of `schemes`.
pub(crate) fn meant(url: &str, schemes: &'static [&'static str]) -> Option<&'static str> {
    let (scheme, _) = url.split_once("://")?;
    nearest(scheme, schemes.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_named_only_if_it_is_a_known_one() {
        assert_eq!(known("postgres://x"), Some("postgres"));
        assert_eq!(known("PostgreSQL+psycopg2://x"), Some("postgresql"));
        assert_eq!(known("mysql+Zq7wXk9v://x"), Some("mysql"));
        assert_eq!(known("sqlite::memory:"), Some("sqlite"));
        for secret in [
            "hunter2://h/d",
            "hunter2:secret",
            "ada:hunter2@host",
            "postgreshunter2://h",
            "/var/lib/app.db",
        ] {
            assert_eq!(known(secret), None, "{secret}");
        }
        assert_eq!(
            meant("postgre://h", &["postgres", "mysql"]),
            Some("postgres")
        );
    }
}
