//! Documents the two functions: the user's text, and one line about the other function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use super::attrs::is_doc;
use super::model::Model;
use super::place::Place;

/// The documentation of `f`.
pub(super) fn of_opening(model: &Model<'_>) -> TokenStream {
    let mut note =
        " Opens a session of its own: commits on `Ok`, rolls back on everything else.".to_owned();
    if let Some(joined) = &model.joined {
        let link = link(model.place, &joined.to_string());
        note = format!("{note} Where there is a session already, call {link} with it.");
    }
    let errors = " Those of the function itself, and the session's own: it may fail to open or to \
                  commit (see `SessionError`).";
    documentation(&model.function.attrs, &note, Some(errors))
}

/// The documentation of `f_in`.
pub(super) fn of_joining(model: &Model<'_>) -> TokenStream {
    let link = link(model.place, &model.function.sig.ident.to_string());
    let note = format!(
        " Runs in the session of the caller, who ends it. To open one for this call alone, call {link}."
    );
    documentation(&model.function.attrs, &note, None)
}

fn link(place: Place, name: &str) -> String {
    match place {
        Place::Free => format!("[`{name}`]"),
        Place::Associated | Place::Trait => format!("[`{name}`](Self::{name})"),
        Place::TraitImpl => format!("`{name}`"),
    }
}

/// Silences clippy's `missing_errors_doc` at `f_in` if the user wrote no `# Errors` section; the
/// documentation of `f` gets a generated one.
pub(super) fn allowed(attrs: &[Attribute]) -> Option<TokenStream> {
    (!has_errors(attrs)).then(|| quote!(#[allow(clippy::missing_errors_doc)]))
}

fn has_errors(attrs: &[Attribute]) -> bool {
    attrs
        .iter()
        .filter(|attr| is_doc(attr))
        .filter_map(text)
        .any(|text| text.contains("# Errors"))
}

/// Inserts the note below the first paragraph, so that it does not land in a later section such as
/// `# Examples`.
fn documentation(attrs: &[Attribute], note: &str, errors: Option<&str>) -> TokenStream {
    let docs: Vec<_> = attrs.iter().filter(|attr| is_doc(attr)).collect();
    let text: Vec<_> = docs.iter().map(|attr| text(attr)).collect();
    let first_paragraph = text
        .iter()
        .position(|line| line.as_deref().is_some_and(|line| line.trim().is_empty()))
        .unwrap_or(docs.len());
    let errors = errors
        .filter(|_| !has_errors(attrs))
        .map(|errors| format!("\n\n # Errors\n{errors}"));
    let (before, after) = docs.split_at(first_paragraph);
    // One attribute where possible: the compiler processes each attribute of each function.
    let (note, errors) = match (after.is_empty(), errors) {
        (true, Some(errors)) => (format!("{note}{errors}"), None),
        (_, errors) => (note.to_owned(), errors),
    };
    let note = if before.is_empty() {
        note
    } else {
        format!("\n{note}")
    };
    let errors = errors.map(|errors| quote!(#[doc = #errors]));
    quote! {
        #(#before)*
        #[doc = #note]
        #(#after)*
        #errors
    }
}

/// The text of a documentation comment; `None` for `#[doc(hidden)]` and similar.
fn text(attr: &Attribute) -> Option<String> {
    match &attr.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        Meta::Path(_) | Meta::List(_) => None,
    }
}
