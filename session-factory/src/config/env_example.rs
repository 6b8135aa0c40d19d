//! The text of an `.env.example`.

use std::fmt::Write as _;

use super::Key;

/// The text of an `.env.example` for the keys of a factory: each with what it is for, its type and
/// its default. Required keys stand ready to be filled in; the others are commented out at their
/// default. `AppDb::env_example()` calls this.
///
/// ```
/// use session_factory::config::{Key, env_example};
///
/// const KEYS: &[Key] = &[Key::new("DB_ECHO", "echo", "bool").default("false").doc("Print it all.")];
/// assert!(env_example("AppDb", KEYS).contains("# DB_ECHO=false\n"));
/// ```
#[must_use]
pub fn env_example(factory: &str, keys: &[Key]) -> String {
    let mut text = format!("# Configuration of {factory}.\n");
    for key in keys {
        text.push('\n');
        for line in key.doc.trim().lines() {
            let line = format!("# {}", line.trim());
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let need = match (key.required, key.default) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) => format!("default {default}"),
            (false, None) => "optional".to_owned(),
        };
        let comment = if key.required { "" } else { "# " };
        let value = key.default.unwrap_or_default();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "# Type: {}, {need}.\n{comment}{}={value}",
            key.ty, key.name
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_says_what_it_is() {
        let keys = [
            Key::new("DATABASE_URL", "url", "secret URL")
                .required()
                .secret()
                .doc("Where."),
            Key::new("DB_POOL_SIZE", "pool_size", "u32")
                .default("5")
                .doc("How many.\nKept."),
            Key::new("DB_STATEMENT_TIMEOUT", "statement_timeout", "duration"),
        ];
        assert_eq!(
            env_example("AppDb", &keys),
            "# Configuration of AppDb.\n\n\
             # Where.\n# Type: secret URL, required.\nDATABASE_URL=\n\n\
             # How many.\n# Kept.\n# Type: u32, default 5.\n# DB_POOL_SIZE=5\n\n\
             # Type: duration, optional.\n# DB_STATEMENT_TIMEOUT=\n"
        );
    }
}
