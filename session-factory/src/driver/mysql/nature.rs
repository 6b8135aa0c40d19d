//! What a prepared statement may leave behind.

use super::protocol::session_state::Nature;

/// Returns what a prepared statement may do. Scans the SQL only as far as needed to be sure that it leaves nothing
/// behind: recognizes what diesel builds, and assumes that any other SQL may do more.
pub(super) fn nature(sql: &str) -> Nature {
    let first = sql
        .trim_start_matches(['(', ' '])
        .split(' ')
        .next()
        .unwrap_or_default();
    let of_rows = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"];
    if !of_rows.iter().any(|word| word.eq_ignore_ascii_case(first)) {
        return Nature::Opaque;
    }
    // In an INSERT, the columns after the table's name look like a function call, so skip them.
    let inserts = ["INSERT INTO `", "INSERT IGNORE INTO `", "REPLACE INTO `"];
    let skipped = usize::from(inserts.iter().any(|start| sql.starts_with(start)));
    if sql.contains('@') || calls(sql).skip(skipped).any(|name| !is_harmless(name)) {
        return Nature::Traces;
    }
    Nature::Plain
}

/// Returns what precedes each opening parenthesis, such as a function's name.
fn calls(sql: &str) -> impl Iterator<Item = &str> {
    sql.match_indices('(').map(move |(at, _)| {
        let before = sql[..at].trim_end();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '`' | '/' | '.');
        let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        before.get(start..).unwrap_or("?")
    })
}

/// True for a word that may precede a parenthesis and leaves nothing behind. (`nature` skips an INSERT's table.)
fn is_harmless(name: &str) -> bool {
    const WORDS: [&str; 44] = [
        "",
        "values",
        "in",
        "and",
        "or",
        "not",
        "exists",
        "on",
        "where",
        "select",
        "from",
        "join",
        "set",
        "having",
        "limit",
        "by",
        "as",
        "distinct",
        "all",
        "any",
        "union",
        "except",
        "intersect",
        "when",
        "then",
        "else",
        "like",
        "between",
        "case",
        "key",
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "coalesce",
        "lower",
        "upper",
        "length",
        "now",
        "cast",
        "concat",
        "date",
        "default",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}
