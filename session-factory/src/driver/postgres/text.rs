//! What no command tag tells, and the text of a statement does.

/// What changes the server session while the command tag says SELECT or UPDATE. (`CREATE TEMP TABLE … AS` has the tag
/// of its query; `U&"…"` can spell any name.)
const SLY: [&[u8]; 7] = [
    b"advisory_lock",
    b"set_config",
    b"pg_settings",
    b"setseed",
    b"into temp",
    b"create temp",
    b"u&\"",
];

/// The statement may change the server session. One that calls a function of the application's which does so
/// is not found: that name says nothing.
pub(super) fn is_sly(body: &[u8]) -> bool {
    SLY.iter().any(|needle| find(body, needle).is_some())
}

/// The statement ends a transaction with `AND CHAIN`.
pub(super) fn chains(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(at) = find(rest, b"chain") {
        let before = rest[..at].trim_ascii_end();
        let word = before.len() < at && before.len() >= 3;
        if word && before[before.len() - 3..].eq_ignore_ascii_case(b"and") {
            return true;
        }
        rest = &rest[at + 5..];
    }
    false
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_chain_is_found_and_a_chain_of_shops_is_not() {
        assert!(chains(b"ROLLBACK AND CHAIN"));
        assert!(chains(b"abort work and\n\tchain;\0"));
        assert!(!chains(b"COMMIT AND NO CHAIN"));
        assert!(!chains(b"SELECT * FROM chain WHERE land = 'andchain'"));
        assert!(!chains(b"chain"));
    }

    #[test]
    fn functions_that_change_the_session_are_found_in_any_case() {
        assert!(is_sly(b"select SET_CONFIG('a', 'b', false)"));
        assert!(is_sly(b"UPDATE pg_settings SET setting = '1'"));
        assert!(is_sly(b"CREATE TEMPORARY TABLE a AS SELECT 1"));
        assert!(!is_sly(b"SELECT * FROM settings"));
    }
}
