//! Random token trees, made of words that mean something to the macros.

use fastrand::Rng;
use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

const WORDS: [&str; 84] = [
    "async",
    "fn",
    "pub",
    "crate",
    "unsafe",
    "extern",
    "const",
    "mut",
    "self",
    "Self",
    "where",
    "for",
    "impl",
    "dyn",
    "ref",
    "move",
    "struct",
    "enum",
    "trait",
    "type",
    "static",
    "use",
    "mod",
    "let",
    "macro_rules",
    "union",
    "super",
    "in",
    "if",
    "else",
    "match",
    "return",
    "await",
    "loop",
    "true",
    "false",
    "_",
    "default",
    "isolation",
    "read_only",
    "deferrable",
    "immediate",
    "timeout",
    "retry",
    "savepoint",
    "requires_new",
    "commit_on",
    "detach",
    "joined",
    "max",
    "base",
    "cap",
    "isolaton",
    "Savepoint",
    "env",
    "build_env",
    "prefix",
    "url",
    "replica_url",
    "echo",
    "pool_size",
    "max_overflow",
    "pool_timeout",
    "statement_cache",
    "batch",
    "Postgres",
    "Sqlite",
    "Mysql",
    "Session",
    "AsyncPgConnection",
    "Result",
    "AppDb",
    "db",
    "u32",
    "bool",
    "String",
    "Option",
    "session",
    "doc",
    "derive",
    "test",
    "main",
    "async_trait",
    "Ünïcode",
];
const RAW: [&str; 4] = ["type", "match", "async", "db"];
const LIFETIMES: [&str; 5] = ["a", "static", "_", "async_trait", "life0"];
const PUNCTS: [char; 20] = [
    ',', ';', ':', '=', '<', '>', '&', '*', '#', '!', '|', '-', '.', '+', '?', '/', '@', '$', '%',
    '^',
];
const PAIRS: [&str; 9] = ["::", "->", "=>", "&&", "||", "..", "==", "<<", ">>"];
const TEXTS: [&str; 16] = [
    "",
    "5s",
    "0s",
    "10ms",
    "1000000 years",
    "-1s",
    "serializable",
    "read-committed",
    "KEY",
    "key name",
    "r#type",
    "fn",
    "postgres://u:p@h/db",
    "\u{0}",
    "\"",
    "a::b",
];

/// At most `most` trees, nested at most `depth` deep.
pub(crate) fn stream(rng: &mut Rng, most: usize, depth: usize) -> TokenStream {
    let mut tokens = TokenStream::new();
    for _ in 0..rng.usize(..=most) {
        tree(rng, depth, &mut tokens);
    }
    tokens
}

/// One tree, or several that only make sense together.
pub(crate) fn tree(rng: &mut Rng, depth: usize, tokens: &mut TokenStream) {
    let one: TokenTree = match rng.u8(..16) {
        0..=5 => word(rng).into(),
        6..=8 => Punct::new(*pick(rng, &PUNCTS), spacing(rng)).into(),
        9 => {
            for c in pick::<&str>(rng, &PAIRS).chars() {
                tokens.extend([TokenTree::from(Punct::new(c, Spacing::Joint))]);
            }
            return;
        }
        10 => {
            let name = *pick(rng, &LIFETIMES);
            tokens.extend([
                TokenTree::from(Punct::new('\'', Spacing::Joint)),
                Ident::new(name, Span::call_site()).into(),
            ]);
            return;
        }
        11 | 12 => literal(rng).into(),
        _ if depth == 0 => word(rng).into(),
        _ => {
            let inside = stream(rng, 6, depth - 1);
            group(rng, inside).into()
        }
    };
    tokens.extend([one]);
}

/// Puts the tokens into random delimiters.
pub(crate) fn group(rng: &mut Rng, tokens: TokenStream) -> Group {
    let delimiter = match rng.u8(..8) {
        0..=2 => Delimiter::Parenthesis,
        3 | 4 => Delimiter::Brace,
        5 | 6 => Delimiter::Bracket,
        _ => Delimiter::None,
    };
    Group::new(delimiter, tokens)
}

fn word(rng: &mut Rng) -> Ident {
    if rng.u8(..24) == 0 {
        return Ident::new_raw(pick::<&str>(rng, &RAW), Span::call_site());
    }
    Ident::new(pick::<&str>(rng, &WORDS), Span::call_site())
}

fn literal(rng: &mut Rng) -> Literal {
    match rng.u8(..12) {
        0..=4 => Literal::string(pick::<&str>(rng, &TEXTS)),
        5 | 6 => Literal::u64_unsuffixed(*pick(rng, &[0, 1, 5, u64::MAX])),
        7 => Literal::u8_suffixed(rng.u8(..)),
        8 => Literal::f64_unsuffixed(1.5),
        9 => Literal::byte_string(b"5s"),
        10 => Literal::character('x'),
        _ => Literal::u128_suffixed(u128::MAX),
    }
}

fn spacing(rng: &mut Rng) -> Spacing {
    if rng.bool() {
        Spacing::Alone
    } else {
        Spacing::Joint
    }
}

/// A random element.
pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
