//! What a statement may do besides its work, told from its text: which ones commit by themselves, and which
//! leave something behind that outlives the transaction.

/// What a text of one or several statements may do.
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

/// In a plain statement: named locks, and variables of the session.
const TOUCHING: [&str; 3] = ["GET_LOCK", ":=", "INTO @"];

impl Effects {
    /// Reads a text. It errs to the side of caution: a semicolon in a literal makes two statements of one.
    pub(super) fn of(sql: &[u8]) -> Self {
        let sql = String::from_utf8_lossy(sql).to_ascii_uppercase();
        let mut all = Self::default();
        for statement in sql.split(';') {
            let statement = without_comment(statement);
            if !statement.is_empty() {
                all.add(statement);
            }
        }
        all
    }

    fn add(&mut self, statement: &str) {
        let word: &str = statement
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let temporary = statement.contains("TEMPORARY");
        match word {
            // The opening of a query in parentheses.
            "" if statement.starts_with('(') => self.touches |= touches(statement),
            "COMMIT" => self.commit = true,
            "ROLLBACK" => self.rollback |= !statement.contains(" TO "),
            "RELEASE" => {}
            "BEGIN" | "START" => self.begins = true,
            // Of the next transaction alone.
            "SET" if statement.starts_with("SET TRANSACTION") => {}
            "CREATE" | "DROP" if temporary => self.touches = true,
            _ if PLAIN.contains(&word) => self.touches |= touches(statement),
            _ => {
                if let Some(word) = COMMITTING.iter().find(|known| **known == word) {
                    self.commits = true;
                    self.word = word;
                    self.touches |= matches!(*word, "LOCK" | "FLUSH");
                } else {
                    self.touches = true;
                }
            }
        }
    }
}

fn touches(statement: &str) -> bool {
    TOUCHING.iter().any(|word| statement.contains(word))
}

/// The text from its first word on.
fn without_comment(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start();
        let rest = if sql.starts_with("--") || sql.starts_with('#') {
            sql.split_once('\n').map(|(_, rest)| rest)
        } else if sql.starts_with("/*") && !sql.starts_with("/*!") {
            sql.split_once("*/").map(|(_, rest)| rest)
        } else {
            return sql;
        };
        sql = rest.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Effects {
        Effects::of(sql.as_bytes())
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
