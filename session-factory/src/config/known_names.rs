//! Suggestions for misspelt names that cannot show a secret.
//!
//! In a URL that is cut in the wrong place, every part may contain a piece of the password: a
//! parameter's name, the scheme, a port. So an error prints only names from our own lists. The
//! user's text is compared with a list and never printed.

/// Returns the name in the list that is most similar to `written`, if one is similar enough. The
/// result borrows from the list, never from `written`.
pub(crate) fn nearest<'list>(
    written: &str,
    names: impl IntoIterator<Item = &'list str>,
) -> Option<&'list str> {
    // No known name is longer. Comparing a longer text would take time that is quadratic in its length.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&written, known);
    names
        .into_iter()
        .map(|name| (name, likeness(name)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, likeness)| *likeness > 0.85)
        .map(|(name, _)| name)
}

/// Returns `: did you mean `name`?`, or an empty string.
#[cfg(any(feature = "mysql", feature = "serde", test))]
pub(crate) fn suggestion<'list>(
    written: &str,
    names: impl IntoIterator<Item = &'list str>,
) -> String {
    nearest(written, names)
        .map(|name| format!(": did you mean `{name}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_a_name_of_the_list() {
        let names = ["sslmode", "password"];
        assert_eq!(nearest("sslmod", names), Some("sslmode"));
        assert_eq!(nearest("SSLMODE", names), Some("sslmode"));
        assert_eq!(nearest("passwordZq7wXk9v", names), Some("password"));
        assert_eq!(nearest("frobnicate", names), None);
        assert_eq!(nearest(&"password".repeat(100), names), None);
        assert_eq!(suggestion("sslmod", names), ": did you mean `sslmode`?");
    }
}
