//! The functions that SQL calls, as far as its text shows.
//!
//! An unknown function may do anything: change the session, write, or open connections. So this module lists the
//! harmless functions, and counts every other name before a parenthesis as unknown. It cannot find the functions that
//! operators, casts, defaults, triggers, views and policies call.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::effects::Effects;
use super::lexer::{Lexer, Token};

/// PostgreSQL's own functions without side effects, one a line: those that version 15 has, and that it and each later
/// version to 18 declares immutable or stable, and some that are volatile only because they return the time, a size or a
/// random number. On a server without it, the name of a newer function is free for one of the application's.
static HARMLESS: LazyLock<HashSet<&'static [u8]>> = LazyLock::new(|| {
    include_str!("harmless.txt")
        .lines()
        .map(str::as_bytes)
        .collect()
});

/// Functions that write, or hold something until the transaction's end, but do not change the session.
const NEEDING_COMMIT: [&[u8]; 23] = [
    b"lo_close",
    b"lo_creat",
    b"lo_create",
    b"lo_from_bytea",
    b"lo_lseek",
    b"lo_lseek64",
    b"lo_open",
    b"lo_put",
    b"lo_tell",
    b"lo_tell64",
    b"lo_truncate",
    b"lo_truncate64",
    b"lo_unlink",
    b"loread",
    b"lowrite",
    b"nextval",
    b"pg_advisory_xact_lock",
    b"pg_advisory_xact_lock_shared",
    b"pg_current_xact_id",
    b"pg_try_advisory_xact_lock",
    b"pg_try_advisory_xact_lock_shared",
    b"setval",
    b"txid_current",
];

/// Functions that only change the session.
const CHANGING: [&[u8]; 4] = [
    b"pg_advisory_lock",
    b"pg_advisory_lock_shared",
    b"pg_try_advisory_lock",
    b"pg_try_advisory_lock_shared",
];

/// Functions whose effect lasts as long as the connection, because no reset undoes it.
const KEPT: [&[u8]; 8] = [
    b"pg_backup_start",
    b"pg_copy_logical_replication_slot",
    b"pg_copy_physical_replication_slot",
    b"pg_create_logical_replication_slot",
    b"pg_create_physical_replication_slot",
    b"pg_replication_origin_session_setup",
    b"pg_start_backup",
    b"setseed",
];

/// Keywords that can precede a parenthesis and cannot name a function: PostgreSQL's reserved words, and the words for
/// types and for calls with special syntax. Only words that every supported version reserves: `json_value`, a keyword
/// since version 17, is the name of any function before.
static KEYWORDS: LazyLock<HashSet<&'static [u8]>> = LazyLock::new(|| {
    let words = "all analyse analyze and any array as asc asymmetric between bigint bit boolean both case cast char \
    character check coalesce collate column constraint create current_date current_time \
    current_timestamp dec decimal default deferrable desc distinct do else end except exists extract \
    false fetch float for foreign from grant greatest group grouping having in initially inout int \
    integer intersect interval into lateral leading least limit localtime \
    localtimestamp national nchar none normalize not null nullif numeric offset on only or \
    order out overlay placing position precision primary real references returning row select setof \
    smallint some substring symmetric table then time timestamp to trailing treat trim true union unique \
    user using values varchar variadic when where window with xmlattributes xmlconcat xmlelement \
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";
    words.split(' ').map(str::as_bytes).collect()
});

/// Returns what the functions that SQL calls may do.
pub(crate) fn read(text: &[u8]) -> Effects {
    let mut calls = Effects::empty();
    if !text.contains(&b'(') {
        return calls;
    }
    if !is_clear(text) {
        if hides(text) {
            return Effects::UNKNOWN;
        }
        // Where a literal ends is unclear. So ignore the quotes, and count calls inside literals as well.
        let mut rest = text;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\'' | b'"')) {
            scan(Lexer::new(&rest[..end]), &mut calls);
            let quote = rest[end];
            rest = &rest[end + 1..];
            let is_call = quote == b'"' && rest.trim_ascii_start().starts_with(b"(");
            calls |= Effects::UNKNOWN.when(is_call);
        }
        scan(Lexer::new(rest), &mut calls);
        return calls;
    }
    scan(Lexer::new(text), &mut calls);
    calls
}

/// True if the end of each literal is certain. After a backslash it depends on a server setting.
pub(crate) fn is_clear(text: &[u8]) -> bool {
    !text.contains(&b'\\')
}

/// True if the SQL may have a comment or a dollar quote, which would hide what it contains. Because the end of each
/// literal is uncertain here, text inside a literal also counts.
fn hides(text: &[u8]) -> bool {
    text.windows(2).any(|two| match two {
        b"--" | b"/*" => true,
        [b'$', behind] => matches!(behind, b'$' | b'_' | b'A'..=b'Z' | b'a'..=b'z' | 0x80..),
        _ => false,
    })
}

/// A name that may be a called function, and the tokens before it.
#[derive(Clone, Copy)]
struct Called<'text> {
    name: Token<'text>,
    schema: Option<Token<'text>>,
    /// The nearer token first.
    before: [Option<Token<'text>>; 2],
}

fn scan(mut tokens: Lexer<'_>, calls: &mut Effects) {
    let mut last = [None; 2];
    let mut called: Option<Called<'_>> = None;
    while let Some(token) = tokens.next() {
        match token {
            // UESCAPE changes a quoted name's meaning, so the name in the text is not the function's name.
            Token::Word(word) if word.eq_ignore_ascii_case(b"uescape") => {
                *calls |= Effects::UNKNOWN;
            }
            Token::Word(_) | Token::Name(_) => {
                let is_qualified = last[0] == Some(Token::Symbol(b'.'));
                called = Some(match called {
                    Some(Called { name, before, .. }) if is_qualified => Called {
                        name: token,
                        schema: Some(name),
                        before,
                    },
                    _ => Called {
                        name: token,
                        schema: is_qualified.then_some(Token::Other),
                        before: last,
                    },
                });
            }
            Token::Symbol(b'.') => {}
            Token::Open => {
                if let Some(called) = called.take().filter(|called| called.is_call(&tokens)) {
                    called.note(&tokens, calls);
                }
            }
            _ => called = None,
        }
        last = [Some(token), last[0]];
    }
}

impl Called<'_> {
    /// True unless the name is a keyword, a type, or a table before its columns.
    fn is_call(&self, behind: &Lexer<'_>) -> bool {
        let [before, earlier] = self.before;
        // After these reserved words a table, an alias or a WITH query follows.
        let names_no_function = is(before, &["into", "as", "with"])
            || is(before, &["recursive"]) && is(earlier, &["with"])
            || self.before == [Some(Token::Symbol(b':')); 2];
        if names_no_function {
            return false;
        }
        let (Token::Word(word), None) = (self.name, self.schema) else {
            return true;
        };
        let word = word.to_ascii_lowercase();
        let is_keyword = match word.as_slice() {
            b"by" => is(before, &["order", "group", "partition"]),
            b"join" => is(
                before,
                &["inner", "outer", "cross", "left", "right", "full"],
            ),
            b"conflict" => is(before, &["on"]),
            b"sets" => is(before, &["grouping"]),
            b"cube" | b"rollup" => is(before, &["by"]),
            b"materialized" => is(before, &["as", "not"]),
            b"set" => is(before, &["update"]),
            b"over" | b"filter" => before == Some(Token::Close),
            b"operator" => is_operator(behind.clone()),
            word => KEYWORDS.contains(word),
        };
        !is_keyword
    }

    fn note(&self, behind: &Lexer<'_>, calls: &mut Effects) {
        let in_catalog = match self.schema {
            None => true,
            Some(Token::Word(schema)) => schema.eq_ignore_ascii_case(b"pg_catalog"),
            Some(schema) => schema == Token::Name(b"\"pg_catalog\""),
        };
        if !in_catalog {
            *calls |= Effects::UNKNOWN;
            return;
        }
        let lower;
        let name = match self.name {
            Token::Name([_, name @ .., _]) => name,
            Token::Word(word) => {
                lower = word.to_ascii_lowercase();
                &lower
            }
            _ => b"",
        };
        *calls |= match name {
            b"set_config" => {
                let stays = !is_local(behind.clone());
                Effects::CONFIGURES | Effects::CHANGES_SESSION.when(stays)
            }
            b"pg_notify" => Effects::NOTIFIES,
            name if NEEDING_COMMIT.contains(&name) => Effects::NEEDS_COMMIT,
            name if KEPT.contains(&name) => Effects::IRREVERSIBLE | Effects::NEEDS_COMMIT,
            name if CHANGING.contains(&name) => Effects::CHANGES_SESSION,
            name => Effects::UNKNOWN.when(!HARMLESS.contains(name)),
        };
    }
}

fn is(token: Option<Token<'_>>, words: &[&str]) -> bool {
    let Some(Token::Word(word)) = token else {
        return false;
    };
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// True for `OPERATOR(pg_catalog.+)`: names and dots, and an operator at the end.
fn is_operator(behind: Lexer<'_>) -> bool {
    let mut last = None;
    for token in behind {
        match token {
            Token::Close => return matches!(last, Some(Token::Symbol(_))),
            Token::Word(_) | Token::Name(_) | Token::Symbol(_) => last = Some(token),
            _ => return false,
        }
    }
    false
}

/// True if `set_config`'s third argument is the literal `true`: the setting ends with the transaction. A bound value is
/// not read and counts as false.
fn is_local(behind: Lexer<'_>) -> bool {
    let (mut depth, mut number) = (0, 0);
    let mut argument = Vec::new();
    for token in behind {
        match token {
            Token::Symbol(b',') if depth == 0 => {
                if says_local(&argument, number) {
                    return true;
                }
                argument.clear();
                number += 1;
                continue;
            }
            Token::Close if depth == 0 => return says_local(&argument, number),
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        argument.push(token);
    }
    false
}

/// True if this is the third argument and it is `true`. `set_config` has no named arguments, so the position is enough.
fn says_local(argument: &[Token<'_>], number: usize) -> bool {
    match argument {
        _ if number != 2 => false,
        [value] => is(Some(*value), &["true"]),
        [value, Token::Symbol(b':'), Token::Symbol(b':'), kind] => {
            is(Some(*value), &["true"]) && is(Some(*kind), &["bool", "boolean"])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
