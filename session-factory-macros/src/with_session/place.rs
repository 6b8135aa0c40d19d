//! Where a function is: free, or in an `impl` or a trait.
//!
//! `f` names its sibling as `f_in` if both are free, and as `Self::f_in` in an `impl` or a trait. The compiler does
//! not tell a macro where the function is. A `self` or `Self` in the function shows that it is associated. For an
//! associated function with neither, the [`Scan`] below reads the source before the attribute. If there is no
//! source (in an editor's own expansion, or for a function made by another macro), such a function counts as free.

use std::cell::RefCell;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use super::input::{Body, Function};
use super::source::Source;
use super::types::mentions;

/// Where a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a module or in another function.
    Free,
    /// In an inherent `impl`.
    Associated,
    /// In a trait's declaration.
    Trait,
    /// In a trait's `impl`, which can contain the trait's functions only.
    TraitImpl,
}

impl Place {
    /// The place of the function, as well as the macro can know it.
    pub(super) fn find(function: &Function, source: Option<&Source>) -> Self {
        let seen = source
            .map(|source| SCANNED.with_borrow_mut(|scanned| scanned.place_after(source.before())));
        match seen {
            Some(place @ (Self::Associated | Self::Trait | Self::TraitImpl)) => place,
            None | Some(Self::Free) if matches!(function.body, Body::Required(_)) => Self::Trait,
            None | Some(Self::Free) if mentions_self(function, source) => Self::Associated,
            None | Some(Self::Free) => Self::Free,
        }
    }
}

/// True if a function in a module has a `self` parameter; the compiler reports that.
pub(super) fn is_self_misplaced(function: &Function, source: Option<&Source>) -> bool {
    let Some(source) = source.filter(|_| function.sig.receiver().is_some()) else {
        return false;
    };
    let is_free =
        SCANNED.with_borrow_mut(|scanned| scanned.place_after(source.before())) == Place::Free;
    let name = &function.sig.ident;
    let is_it = |item: &syn::Item| matches!(item, syn::Item::Fn(item) if item.sig.ident == *name && item.sig.receiver().is_some());
    is_free && source.items().is_some_and(|items| items.iter().any(is_it))
}

fn mentions_self(function: &Function, source: Option<&Source>) -> bool {
    if function.sig.receiver().is_some() {
        return true;
    }
    // Reading a token costs a call to the compiler, so the source's text is searched for `Self` first.
    if let Some(source) = source
        && source
            .until(function.body_end())
            .is_some_and(|text| !text.contains("Self"))
    {
        return false;
    }
    if mentions(function.sig.to_token_stream(), "Self") {
        return true;
    }
    // A nested item in the body has a `Self` of its own, so `Self` in such a body proves nothing.
    let mut words = Words::default();
    words.look(function.body_tokens());
    words.has_self && !words.has_items
}

/// The items that have their own `Self`.
const OF_SELF: [&str; 5] = ["impl", "trait", "struct", "enum", "union"];

/// Words that a body contains.
#[derive(Default)]
struct Words {
    has_self: bool,
    has_items: bool,
}

impl Words {
    fn look(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    self.has_self |= ident == "Self";
                    self.has_items |= OF_SELF.iter().any(|word| ident == word);
                }
                TokenTree::Group(group) => self.look(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

thread_local! {
    /// The current file up to the function expanded last. The compiler expands functions in order,
    /// so the next scan continues there; starting over for each function would take quadratic time.
    static SCANNED: RefCell<Scanned> = RefCell::default();
}

/// How many bytes after a token may still change the token's length: a second character distinguishes the literal `'a'`
/// from the lifetime `'a`. The tokens at the end of a source are therefore scanned again when a longer source follows.
const AHEAD: usize = 8;

/// A source up to some place, and the scan's state there.
#[derive(Default)]
struct Scanned {
    text: String,
    scan: Scan,
}

impl Scanned {
    /// The kind of braces around the end of `source`.
    fn place_after(&mut self, source: &str) -> Place {
        if !source.starts_with(&self.text) {
            *self = Self::default();
        }
        let settled = source.len().saturating_sub(AHEAD);
        let mut at = self.text.len();
        let mut end = None;
        while let Some(first) = source[at..].chars().next() {
            let length = token_length(&source[at..], first);
            let token = &source[at..at + length];
            at += length;
            if at <= settled {
                self.scan.token(token, first);
                self.text.push_str(token);
            } else {
                end.get_or_insert_with(|| self.scan.clone())
                    .token(token, first);
            }
        }
        end.as_ref().unwrap_or(&self.scan).place()
    }
}

/// The open braces, and the words since the last of them.
#[derive(Clone, Default)]
struct Scan {
    open: Vec<Place>,
    header: Vec<Word>,
}

/// A word's meaning for the braces that follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Impl,
    Trait,
    /// The first word of another item.
    Item,
    For,
    /// `<`
    Less,
    Other,
}

impl Scan {
    fn token(&mut self, token: &str, first: char) {
        match first {
            '{' => {
                self.open.push(opened_by(&self.header));
                self.header.clear();
            }
            '}' => {
                self.open.pop();
                self.header.clear();
            }
            ';' => self.header.clear(),
            first if first.is_alphabetic() || matches!(first, '_' | '<') => {
                self.header.push(Word::of(token));
            }
            _ => {}
        }
    }

    fn place(&self) -> Place {
        self.open.last().copied().unwrap_or(Place::Free)
    }
}

impl Word {
    fn of(token: &str) -> Self {
        match token {
            "impl" => Self::Impl,
            "trait" => Self::Trait,
            "fn" | "mod" | "struct" | "enum" | "union" | "extern" | "macro_rules" => Self::Item,
            "for" => Self::For,
            "<" => Self::Less,
            _ => Self::Other,
        }
    }
}

/// The kind of braces that open after these words.
fn opened_by(header: &[Word]) -> Place {
    let is_item = |word: &Word| matches!(word, Word::Impl | Word::Trait | Word::Item);
    let Some(start) = header.iter().position(is_item) else {
        return Place::Free;
    };
    // `impl Trait for Type`, but not the `for<'a>` of a bound.
    let for_a_type = |words: &[Word]| matches!(words, [Word::For, next] if *next != Word::Less);
    match header[start] {
        Word::Impl if header[start..].windows(2).any(for_a_type) => Place::TraitImpl,
        Word::Impl => Place::Associated,
        Word::Trait => Place::Trait,
        _ => Place::Free,
    }
}

/// The length of the first token of `source`, precise enough to find braces and words.
pub(crate) fn token_length(source: &str, first: char) -> usize {
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

impl Place {
    /// For messages about a signature: the other places where the user must make the same change.
    pub(super) fn other_side(self) -> &'static str {
        match self {
            Self::Free | Self::Associated => "",
            Self::Trait => ", here and in each `impl` of the trait",
            Self::TraitImpl => ", here and in the trait",
        }
    }
}

/// The tokens that precede the sibling's name in `f`.
pub(super) fn path_to(place: Place) -> Option<TokenStream> {
    (place != Place::Free).then(|| quote::quote!(Self::))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(source: &str) -> Place {
        Scanned::default().place_after(source)
    }

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
        assert_eq!(scan("pub(crate) trait Repository: Send {"), Place::Trait);
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

    #[test]
    fn a_source_that_goes_on_is_read_on() {
        let source = "impl A { fn f() { \"}\" } /* { */ // {\n const X: char = '{'; fn g() {} } \
                      impl B for r#type<'a> where for<'b> T: X<'b> { const Y: &str = r#\"}\"#; } mod x { ";
        for end in 0..=source.len() {
            for middle in 0..=end {
                let mut scanned = Scanned::default();
                scanned.place_after(&source[..middle]);
                let read_on = scanned.place_after(&source[..end]);
                assert_eq!(read_on, scan(&source[..end]), "{middle} {end}");
            }
        }
    }

    #[test]
    fn another_source_is_read_from_its_beginning() {
        let mut scanned = Scanned::default();
        assert_eq!(scanned.place_after("impl A { "), Place::Associated);
        assert_eq!(scanned.place_after("mod a { "), Place::Free);
        assert_eq!(scanned.place_after("impl A for B { "), Place::TraitImpl);
    }
}
