//! Formats an `.env.example`.

use std::fmt::Write as _;

use super::Key;

/// Returns the text of an `.env.example` for a factory's keys: in groups, each key with its purpose, type
/// and default. Required keys are ready to be filled in; the others are commented out, with their
/// default. `AppDb::env_example()` calls this function.
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
    let mut groups: Vec<&str> = Vec::new();
    for key in keys {
        if !groups.contains(&key.group) {
            groups.push(key.group);
        }
    }
    for group in groups {
        if !group.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\n# ---- {group} ----\n");
        }
        for key in keys.iter().filter(|key| key.group == group) {
            text.push('\n');
            entry(&mut text, key);
        }
    }
    text
}

fn entry(text: &mut String, key: &Key) {
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
    let range = key
        .range
        .map(|range| format!(" in {range}"))
        .unwrap_or_default();
    let comment = if key.required && !key.build { "" } else { "# " };
    let value = key.default.unwrap_or_default();
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "# Type: {}{range}, {need}.\n{comment}{}={value}",
        key.ty, key.name
    );
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

    #[test]
    fn keys_of_one_group_stand_together() {
        let keys = [
            Key::new("A", "a", "u32").group("Pool").range("1..=200"),
            Key::new("B", "b", "u32").group("Yours").build(),
            Key::new("C", "c", "u32").group("Pool"),
        ];
        assert_eq!(
            env_example("AppDb", &keys),
            "# Configuration of AppDb.\n\n\
             # ---- Pool ----\n\n\
             # Type: u32 in 1..=200, optional.\n# A=\n\n\
             # Type: u32, optional.\n# C=\n\n\
             # ---- Yours ----\n\n\
             # Type: u32, optional.\n# B=\n"
        );
    }
}
