//! What a statement may do besides its work, told from its text: which ones commit by themselves, and which
//! leave something behind that outlives the transaction.

use std::collections::VecDeque;

/// What a statement may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(super) struct Effects {
    /// It commits the transaction before it runs, and another one with itself: `CREATE`, `ALTER`, …
    pub(super) commits: bool,
    /// The word that commits, for a report.
    pub(super) word: &'static str,
    /// COMMIT by name.
    pub(super) commit: bool,
    /// ROLLBACK by name, not to a savepoint.
    pub(super) rollback: bool,
    /// BEGIN, which commits what was before it.
    pub(super) begins: bool,
    /// It may change what the next borrower would find.
    pub(super) touches: bool,
    /// It runs statements that are not in the text: a procedure, what was prepared, a block. Whether they end the
    /// transaction, and how, is not told by it.
    pub(super) opaque: bool,
}

/// They do their work and leave nothing but it.
const PLAIN: [&str; 15] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "WITH",
    "VALUES",
    "TABLE",
    "DO",
    "LOAD",
    "SHOW",
    "EXPLAIN",
    "DESCRIBE",
    "DESC",
    "SAVEPOINT",
];

/// They commit by themselves, before and after.
const COMMITTING: [&str; 16] = [
    "CREATE",
    "ALTER",
    "DROP",
    "RENAME",
    "TRUNCATE",
    "GRANT",
    "REVOKE",
    "ANALYZE",
    "OPTIMIZE",
    "CHECK",
    "REPAIR",
    "CACHE",
    "FLUSH",
    "INSTALL",
    "UNINSTALL",
    "LOCK",
];

/// What follows ANALYZE where it is not a statement that is run.
const ANALYZED: [&str; 3] = ["TABLE", "LOCAL", "NO"];

/// In a plain statement: named locks, and variables of the session.
const TOUCHING: [&str; 3] = ["GET_LOCK", ":=", "INTO @"];

impl Effects {
    /// Reads a text: each of its statements, as far as the server answers each by itself. The last stands for
    /// whatever follows it.
    pub(super) fn of(sql: &[u8]) -> VecDeque<Self> {
        let sql = plain(&String::from_utf8_lossy(sql));
        let statements = sql.split(';').map(str::trim);
        let all: VecDeque<_> = statements
            .filter(|statement| !statement.is_empty())
            .map(Self::of_one)
            .collect();
        if all.len() > 1 && all.iter().any(|one| one.opaque) {
            // It may be answered any number of times.
            return all.into_iter().reduce(Self::and).into_iter().collect();
        }
        all
    }

    fn and(self, other: Self) -> Self {
        Self {
            commits: self.commits || other.commits,
            word: if self.commits { self.word } else { other.word },
            commit: self.commit || other.commit,
            rollback: self.rollback || other.rollback,
            begins: self.begins || other.begins,
            touches: self.touches || other.touches,
            opaque: self.opaque || other.opaque,
        }
    }

    fn of_one(statement: &str) -> Self {
        let mut all = Self::default();
        let mut words = statement.split(|c: char| !c.is_ascii_alphabetic());
        let word = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        let temporary = statement.contains("TEMPORARY");
        match word {
            // The opening of a query in parentheses.
            "" if statement.starts_with('(') => all.touches = touches(statement),
            "COMMIT" => all.commit = true,
            "ROLLBACK" => all.rollback = !statement.contains(" TO "),
            "RELEASE" => {}
            "BEGIN" if second == "NOT" => (all.touches, all.opaque) = (true, true),
            "BEGIN" | "START" => all.begins = true,
            "CALL" | "EXECUTE" => (all.touches, all.opaque) = (true, true),
            // Of the next transaction alone.
            "SET" if second == "TRANSACTION" => {}
            "CREATE" | "DROP" if temporary || second == "PREPARE" => all.touches = true,
            // MariaDB's way to run a statement and say how.
            "ANALYZE" if !ANALYZED.contains(&second) => all.touches = touches(statement),
            _ if PLAIN.contains(&word) => all.touches = touches(statement),
            _ => {
                if let Some(word) = COMMITTING.iter().find(|known| **known == word) {
                    all.commits = true;
                    all.word = word;
                    all.touches = matches!(*word, "LOCK" | "FLUSH");
                } else {
                    all.touches = true;
                }
            }
        }
        all
    }
}

fn touches(statement: &str) -> bool {
    TOUCHING.iter().any(|word| statement.contains(word))
}

/// The text in capitals, with one space between words, and without comments and what is in quotes. What MySQL
/// runs of a comment (`/*! … */`) is a part of it.
fn plain(sql: &str) -> String {
    let sql: Vec<char> = sql.chars().collect();
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    let space = |text: &mut String| {
        if !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
    };
    while let Some(&c) = sql.get(at) {
        let next = sql.get(at + 1).copied();
        let after = sql.get(at + 2).copied();
        match (c, next) {
            ('\'' | '"' | '`', _) => {
                text.push('?');
                at = behind_quote(&sql, at);
            }
            ('#', _) => {
                at = behind_line(&sql, at);
                space(&mut text);
            }
            ('-', Some('-')) if after.is_none_or(|c| c.is_whitespace() || c.is_control()) => {
                at = behind_line(&sql, at);
                space(&mut text);
            }
            ('/', Some('*')) if after == Some('!') || after == Some('M') => {
                // `/*!50000 SET */`, `/*M!100000 SET */`: the number is that of a version.
                at += 3;
                while sql.get(at).is_some_and(|c| *c == '!' || c.is_ascii_digit()) {
                    at += 1;
                }
                space(&mut text);
            }
            ('/', Some('*')) => {
                at += 2;
                while at < sql.len() && !(sql[at] == '*' && sql.get(at + 1) == Some(&'/')) {
                    at += 1;
                }
                at += 2;
                space(&mut text);
            }
            // The end of a comment that is run.
            ('*', Some('/')) => {
                at += 2;
                space(&mut text);
            }
            (c, _) if c.is_whitespace() => {
                at += 1;
                space(&mut text);
            }
            (c, _) => {
                at += 1;
                text.push(c.to_ascii_uppercase());
            }
        }
    }
    text
}

/// A quote in a quoted text is doubled, or has a backslash before it.
fn behind_quote(sql: &[char], start: usize) -> usize {
    let quote = sql[start];
    let mut at = start + 1;
    while let Some(&c) = sql.get(at) {
        if c == '\\' && quote != '`' {
            at += 2;
        } else if c == quote {
            return at + 1;
        } else {
            at += 1;
        }
    }
    at
}

fn behind_line(sql: &[char], start: usize) -> usize {
    let line = sql[start..].iter().position(|c| *c == '\n');
    line.map_or(sql.len(), |length| start + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Effects {
        let all = Effects::of(sql.as_bytes()).into_iter();
        all.reduce(Effects::and).unwrap_or_default()
    }

    #[test]
    fn what_is_quoted_or_commented_out_ends_nothing() {
        for sql in [
            "INSERT INTO a VALUES ('x; commit y')",
            r"INSERT INTO a VALUES ('it\'s; ROLLBACK')",
            "INSERT INTO a VALUES (\"a\"\"; COMMIT; \")",
            "SELECT `;rollback;` FROM a -- ; COMMIT",
            "SELECT 1 # ; ROLLBACK",
            "SELECT /* ; COMMIT; */ 1",
            "ROLLBACK /* back */ TO start",
            "ANALYZE UPDATE a SET b = 1",
        ] {
            assert_eq!(of(sql), Effects::default(), "{sql}");
        }
        assert!(of("/*! ROLLBACK */").rollback);
        assert!(of("/*!50000 COMMIT */").commit);
        assert!(!of("DROP PREPARE a").commits);
    }

    #[test]
    fn each_statement_is_told_by_itself_and_what_runs_others_is_opaque() {
        let all = Effects::of(b"COMMIT; INSERT INTO a VALUES (1); ROLLBACK");
        assert_eq!(all.len(), 3);
        assert!(all[0].commit && all[2].rollback && all[1] == Effects::default());
        for sql in [
            "CALL a()",
            "EXECUTE IMMEDIATE 'ROLLBACK'",
            "BEGIN NOT ATOMIC ROLLBACK; END",
        ] {
            assert!(of(sql).opaque && !of(sql).begins, "{sql}");
        }
    }

    #[test]
    fn work_leaves_nothing_behind() {
        for sql in [
            "SELECT 1",
            "  -- why\n select * from a; ",
            "/* why */ INSERT INTO a VALUES (1)",
            "(SELECT 1) UNION (SELECT 2)",
            "SAVEPOINT session_factory_1; RELEASE SAVEPOINT session_factory_1",
            "ROLLBACK TO SAVEPOINT a",
            "SET TRANSACTION READ ONLY",
            "",
        ] {
            assert_eq!(of(sql), Effects::default(), "{sql}");
        }
    }

    #[test]
    fn what_outlives_the_transaction_is_told() {
        for sql in [
            "SET @a = 1",
            "SET SESSION sql_mode = ''",
            "SELECT GET_LOCK('a', 1)",
            "SELECT id INTO @a FROM t",
            "SELECT id INTO\n  @a FROM t",
            "CREATE TEMPORARY TABLE a (id int)",
            "LOCK TABLES a WRITE",
            "USE other",
            "CALL anything()",
            "/*!50000 SET */ @a = 1",
        ] {
            assert!(of(sql).touches, "{sql}");
        }
        assert!(!of("CREATE TEMPORARY TABLE a (id int)").commits);
    }

    #[test]
    fn the_statements_that_commit_by_themselves_are_known() {
        assert_eq!(of("create table a (id int)").word, "CREATE");
        assert!(of("INSERT INTO a VALUES (1); ALTER TABLE a ADD b int").commits);
        assert!(of("COMMIT").commit && !of("COMMIT").rollback);
        assert!(of("ROLLBACK").rollback);
        assert!(of("START TRANSACTION").begins);
        assert!(of("DELETE FROM a; ROLLBACK").rollback);
    }
}
