//! Real uses of the macros, from the UI cases, the tests and the examples.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

/// The inputs that are mutated.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    /// Annotated functions.
    pub(crate) functions: Vec<Function>,
    /// The contents of `session_factory! { … }`.
    pub(crate) factories: Vec<TokenStream>,
}

/// An annotated function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) args: TokenStream,
    pub(crate) item: TokenStream,
}

const FOLDERS: [&str; 6] = [
    "ui-tests/tests/with_session",
    "ui-tests/tests/session_factory",
    "tests",
    "torture/src",
    "examples",
    "session-factory/src",
];

impl Corpus {
    /// Finds all uses in the repository. Skips files that cannot be split into tokens; some UI
    /// cases are invalid Rust.
    pub(crate) fn load() -> Self {
        let mut corpus = Self::default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in FOLDERS {
            let mut files = Vec::new();
            collect(&root.join(folder), &mut files);
            files.sort();
            for file in files {
                let tokens = fs::read_to_string(file)
                    .ok()
                    .and_then(|text| text.parse().ok());
                corpus.take(without_places(tokens.unwrap_or_default()));
            }
        }
        // The spans pointed into these texts, and no token keeps one.
        proc_macro2::extra::invalidate_current_thread_spans();
        corpus
    }

    /// Finds the uses in these tokens, at any depth.
    fn take(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            if is_punct(tree, '#')
                && let Some(TokenTree::Group(attribute)) = trees.get(at + 1)
                && let Some(args) = args_of(attribute)
            {
                // Attributes above it belong to the function too.
                let first = begin(&trees[..at]);
                let item = trees[first..at]
                    .iter()
                    .chain(rest_of_function(&trees[at + 2..]))
                    .cloned()
                    .collect();
                self.functions.push(Function { args, item });
            }
            if is_ident(tree, "session_factory")
                && let [bang, TokenTree::Group(block), ..] = &trees[at + 1..]
                && is_punct(bang, '!')
            {
                self.factories.push(block.stream());
            }
            if let TokenTree::Group(group) = tree {
                self.take(group.stream());
            }
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The attribute's arguments, if it is `[with_session]` or `[with_session(…)]` under any path.
fn args_of(attribute: &Group) -> Option<TokenStream> {
    if attribute.delimiter() != Delimiter::Bracket {
        return None;
    }
    let mut trees: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let last = trees.pop()?;
    match &last {
        TokenTree::Group(args) if is_ident(trees.last()?, "with_session") => Some(args.stream()),
        _ => is_ident(&last, "with_session").then(TokenStream::new),
    }
}

/// The index at which the attributes at the end of these tokens begin.
fn begin(before: &[TokenTree]) -> usize {
    let mut at = before.len();
    while let [.., hash, TokenTree::Group(_)] = &before[..at] {
        if !is_punct(hash, '#') {
            break;
        }
        at -= 2;
    }
    at
}

/// The tokens up to the body, or to the semicolon.
fn rest_of_function(after: &[TokenTree]) -> &[TokenTree] {
    let end = after.iter().position(|tree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        tree => is_punct(tree, ';'),
    });
    &after[..end.map_or(after.len(), |end| end + 1)]
}

fn is_punct(tree: &TokenTree, c: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == c)
}

fn is_ident(tree: &TokenTree, name: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == name)
}

/// The same tokens without their places.
fn without_places(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|tree| {
            let mut tree = match tree {
                TokenTree::Group(group) => TokenTree::Group(Group::new(
                    group.delimiter(),
                    without_places(group.stream()),
                )),
                tree => tree,
            };
            tree.set_span(Span::call_site());
            tree
        })
        .collect()
}
