//! Where a function stands: free, or in an `impl` or a trait.
//!
//! `f` has to name its sibling: `f_in` when free, `Self::f_in` in an `impl`. A macro is not told which.
//! `self` or `Self` in the function give it away; for an associated function that has neither, the
//! source around the attribute is read, by the [`scan`] below. When there is no source to read (an
//! editor's own expansion, a function made by another macro) it is taken for a free function.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::input::Function;
use super::source;
use super::types::mentions;

/// Where a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a module or in another function.
    Free,
    /// In an inherent `impl`, or in a trait's declaration.
    Associated,
    /// In a trait's `impl`, where other functions than the trait's may not stand.
    TraitImpl,
}

impl Place {
    /// The best that can be known about the function that is being expanded.
    pub(super) fn find(function: &Function) -> Self {
        let seen = source::before_attribute().map(|before| scan(&before));
        let has_self = function.sig.receiver().is_some() || mentions_self(function);
        match seen {
            None | Some(Place::Free) if has_self => Place::Associated,
            None => Place::Free,
            Some(place) => place,
        }
    }
}

fn mentions_self(function: &Function) -> bool {
    // A nested `impl` in the body has a `Self` of its own, and proves nothing.
    let body = function.statements();
    let nested = ["impl", "trait"]
        .iter()
        .any(|word| mentions(body.clone(), word));
    mentions(function.sig.to_token_stream(), "Self") || (!nested && mentions(body, "Self"))
}

/// What kind of braces the end of `source` stands in.
fn scan(source: &str) -> Place {
    let mut open: Vec<Place> = Vec::new();
    let mut header: Vec<&str> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let (token, after) = rest.split_at(length);
        rest = after;
        match token {
            "{" => {
                open.push(opened_by(&header));
                header.clear();
            }
            "}" => {
                open.pop();
                header.clear();
            }
            ";" => header.clear(),
            token if token.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '<')) => {
                header.push(token);
            }
            _ => {}
        }
    }
    open.last().copied().unwrap_or(Place::Free)
}

/// What the braces are that come after these words.
fn opened_by(header: &[&str]) -> Place {
    const ITEMS: [&str; 9] = [
        "fn",
        "impl",
        "trait",
        "mod",
        "struct",
        "enum",
        "union",
        "extern",
        "macro_rules",
    ];
    let Some(start) = header.iter().position(|word| ITEMS.contains(word)) else {
        return Place::Free;
    };
    // `impl Trait for Type`, but not the `for<'a>` of a bound.
    let for_a_type = |words: &[&str]| matches!(words, ["for", next, ..] if *next != "<");
    match header[start] {
        "impl" if (start..header.len()).any(|at| for_a_type(&header[at..])) => Place::TraitImpl,
        "impl" | "trait" => Place::Associated,
        _ => Place::Free,
    }
}

/// The length of the token that `source` begins with, as far as braces and words are concerned.
fn token_length(source: &str, first: char) -> usize {
    let until = |end: &str| {
        source[2..]
            .find(end)
            .map_or(source.len(), |at| at + 2 + end.len())
    };
    if source.starts_with("//") {
        return until("\n");
    }
    if source.starts_with("/*") {
        return block_comment(source);
    }
    if first == '"' {
        return quoted(source, 1, '"');
    }
    if first == '\'' {
        return character_or_lifetime(source);
    }
    if first.is_alphanumeric() || first == '_' {
        let end = source
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(source.len());
        let (word, after) = source.split_at(end);
        return match word {
            "r" | "br" | "cr" if after.starts_with(['"', '#']) => raw_string(source, end),
            "b" | "c" if after.starts_with('"') => quoted(source, end + 1, '"'),
            "b" if after.starts_with('\'') => quoted(source, end + 1, '\''),
            _ => end,
        };
    }
    first.len_utf8()
}

fn block_comment(source: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < source.len() {
        let rest = &source.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    source.len()
}

fn quoted(source: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in source[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return start + at + c.len_utf8(),
            _ => {}
        }
    }
    source.len()
}

fn character_or_lifetime(source: &str) -> usize {
    let mut chars = source[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(source, 1, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1,
    }
}

fn raw_string(source: &str, start: usize) -> usize {
    let hashes = source[start..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let content = start + hashes;
    if !source[content..].starts_with('"') {
        return content; // a raw identifier
    }
    let end = format!("\"{}", "#".repeat(hashes));
    source[content + 1..]
        .find(&end)
        .map_or(source.len(), |at| content + 1 + at + end.len())
}

/// The tokens with which `f` names its sibling.
pub(super) fn path_to(place: Place) -> Option<TokenStream> {
    (place != Place::Free).then(|| quote::quote!(Self::))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_in_modules_are_free() {
        assert_eq!(scan(""), Place::Free);
        assert_eq!(scan("use x;\nmod tests { use super::*; "), Place::Free);
        assert_eq!(
            scan("struct A { x: u8 } impl A { fn f() {} }\n"),
            Place::Free
        );
        assert_eq!(scan("impl A { fn f() { "), Place::Free);
        assert_eq!(scan("fn f(x: impl Fn(u8)) -> impl Sized {"), Place::Free);
    }

    #[test]
    fn functions_in_impls_and_traits_are_associated() {
        assert_eq!(scan("impl A {"), Place::Associated);
        assert_eq!(scan("impl A { fn f() { if x { y } } "), Place::Associated);
        assert_eq!(
            scan("#[cfg(x)]\nimpl<'a, T> A<'a, T> where for<'b> T: Fn(&'b u8) {"),
            Place::Associated
        );
        assert_eq!(
            scan("pub(crate) trait Repository: Send {"),
            Place::Associated
        );
        assert_eq!(scan("fn f() { struct X; impl X {"), Place::Associated);
    }

    #[test]
    fn implementations_of_traits_are_told_apart() {
        assert_eq!(scan("impl Repository for Users {"), Place::TraitImpl);
        assert_eq!(
            scan("impl<T> Into<T> for Users<T> where for<'a> T: X<'a> {"),
            Place::TraitImpl
        );
    }

    #[test]
    fn text_that_looks_like_code_is_passed_over() {
        assert_eq!(
            scan("// impl A {\n/* impl B { /* nested { */ */"),
            Place::Free
        );
        assert_eq!(scan("const X: &str = \"impl A { \\\" {\";"), Place::Free);
        assert_eq!(
            scan("const X: &str = r#\"impl A { \" {\"#; const Y: &str = r\"{\";"),
            Place::Free
        );
        assert_eq!(
            scan("impl A { const X: char = '}'; const Y: char = '\\''; const Z: u8 = b'}';"),
            Place::Associated
        );
        assert_eq!(
            scan("impl A { fn r#type<'a>(x: &'a str) { \"}\"; }"),
            Place::Associated
        );
    }

    #[test]
    fn unfinished_text_does_no_harm() {
        for text in ["\"", "'", "r#\"", "/*", "b'", "}}}", "'\\", "r#", "//"] {
            assert_eq!(scan(text), Place::Free, "{text}");
        }
    }
}
