//! The promises for every input.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::{File, Item};

use crate::input::Input;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The macro panicked, with this message.
    Panicked(String),
    /// An error with this text has no place in the input.
    Unplaced(String),
    /// The emitted code is not valid Rust.
    NotRust(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "panic: {message}"),
            Self::Unplaced(message) => write!(f, "an error without a place: {message}"),
            Self::NotRust(message) => write!(f, "the output is no Rust: {message}"),
        }
    }
}

/// The macro's reaction to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Expanded,
    Refused,
}

/// Runs the macro. `located` is true if each token of the input has a place.
pub(crate) fn check(input: &Input, located: bool) -> Result<Outcome, Problem> {
    let output = catch_unwind(AssertUnwindSafe(|| match input {
        Input::WithSession { args, item } => crate::with_session::expand(args.clone(), item),
        Input::SessionFactory { tokens } => crate::session_factory::expand(tokens.clone()),
    }));
    let output = output.map_err(|panic| Problem::Panicked(text_of(&*panic)))?;
    let (errors, items) = split(output);
    if located
        && !input.is_empty()
        && let Some(error) = errors.iter().find(|error| !error.has_place())
    {
        return Err(Problem::Unplaced(error.message.clone()));
    }
    // Input that is not valid Rust cannot become valid Rust.
    let place = match input {
        Input::WithSession { item, .. } => [Place::Module, Place::Impl]
            .into_iter()
            .find(|place| is_rust(item, *place).is_ok()),
        Input::SessionFactory { .. } => Some(Place::Module),
    };
    if let Some(place) = place {
        is_rust(&items, place).map_err(|error| Problem::NotRust(format!("{error}\n{items}")))?;
    }
    Ok(if errors.is_empty() {
        Outcome::Expanded
    } else {
        Outcome::Refused
    })
}

/// A `compile_error!` that the macro has emitted in front of the items.
struct Reported {
    message: String,
    trees: Vec<TokenTree>,
}

impl Reported {
    fn has_place(&self) -> bool {
        let placed = |tree: &TokenTree| !tree.span().byte_range().is_empty();
        self.trees.iter().all(placed)
    }
}

/// Splits the output into the macro's errors and the items after them.
fn split(output: TokenStream) -> (Vec<Reported>, TokenStream) {
    let trees: Vec<TokenTree> = output.into_iter().collect();
    let mut errors = Vec::new();
    let mut rest = &trees[..];
    while let [a, b, core, c, d, name, bang, TokenTree::Group(group), ..] = rest {
        let path = [a, b, core, c, d, name, bang].map(ToString::to_string);
        if path != [":", ":", "core", ":", ":", "compile_error", "!"] {
            break;
        }
        errors.push(Reported {
            message: group.stream().to_string(),
            trees: rest[..8].to_vec(),
        });
        rest = &rest[8..];
    }
    (errors, rest.iter().cloned().collect())
}

/// Where the items are.
#[derive(Debug, Clone, Copy)]
enum Place {
    Module,
    Impl,
}

/// True if these tokens parse as items.
fn is_rust(items: &TokenStream, place: Place) -> syn::Result<()> {
    let file: File = match place {
        Place::Module => syn::parse2(items.clone())?,
        Place::Impl => syn::parse2(quote!(impl X { #items }))?,
    };
    // Code that needs a backend is inside a macro of the runtime, which passes it on.
    for item in file.items {
        if let Item::Macro(item) = item
            && let Some(name) = item.mac.path.segments.last()
            && name.ident.to_string().starts_with("__session_factory_")
        {
            is_rust(&passed_on(&item.mac.tokens), Place::Module)?;
        }
    }
    Ok(())
}

/// The items inside a macro of the runtime. For a backend's macro, the factory's names precede them
/// in brackets, and the code for a disabled backend in braces.
fn passed_on(tokens: &TokenStream) -> TokenStream {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Group(names), TokenTree::Group(uses), items @ ..]
            if names.delimiter() == Delimiter::Bracket && uses.delimiter() == Delimiter::Brace =>
        {
            let uses = uses.stream();
            let items = items.iter().cloned().collect::<TokenStream>();
            quote!(#uses #items)
        }
        _ => tokens.clone(),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
