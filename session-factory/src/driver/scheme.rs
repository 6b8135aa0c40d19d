//! The scheme of a URL, with `SQLAlchemy`'s driver name or without.

/// Whether it is one of the schemes, as in `postgresql` or `postgresql+psycopg2`, in any case.
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

/// Whether the text could be a scheme at all.
pub(crate) fn is_well_formed(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
