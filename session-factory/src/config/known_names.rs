//! Suggestions for misspelt names that cannot show a secret.
//!
//! A URL that is cut in the wrong place has pieces of its password everywhere: in a parameter's name, in the scheme, in
//! a port. An error may therefore print a name only if it comes from one of our own lists. What the user wrote is
//! compared with the list and never printed.

/// The name of the list that is most like `written`, if one is. The result borrows from the list alone.
pub(crate) fn nearest<'list>(
    written: &str,
    names: impl IntoIterator<Item = &'list str>,
) -> Option<&'list str> {
    // No known name is longer, and the comparison takes time with the square of the length.
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

/// `: did you mean `name`?`, or nothing.
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
