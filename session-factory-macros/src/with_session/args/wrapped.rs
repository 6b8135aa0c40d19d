//! Finds the factory inside other code.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type, TypeParamBound, TypePath};

use crate::with_session::types::plain;

/// The factory inside `&AppDb`, `Session<AppDb>` or `AppDb::factory()`. `None` if nothing surrounds
/// it.
pub(in crate::with_session) fn itself(written: &Type) -> Option<Type> {
    let inner = match plain(written) {
        Type::Reference(reference) => (*reference.elem).clone(),
        Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(path(bound.path.clone())),
            _ => None,
        })?,
        Type::Path(written) => of_path(written)?,
        _ => return None,
    };
    Some(itself(&inner).unwrap_or(inner))
}

fn of_path(written: &TypePath) -> Option<Type> {
    let last = written.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments)
            if last.ident == "Session" || last.ident == "Factory" =>
        {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty.clone()),
                _ => None,
            })
        }
        PathArguments::None if is_function(&last.ident.to_string()) => without_last(written),
        _ => None,
    }
}

/// True for a factory's own functions. A type's name may begin with a small letter too, so case
/// alone does not decide.
fn is_function(name: &str) -> bool {
    matches!(
        name,
        "factory"
            | "create_session"
            | "session"
            | "with_session"
            | "init"
            | "new"
            | "connect"
            | "get"
            | "begin"
    )
}

/// `AppDb`, from `AppDb::factory`.
fn without_last(written: &TypePath) -> Option<Type> {
    let mut tokens: Vec<TokenTree> = Vec::new();
    let count = written.path.segments.len();
    if count < 2 {
        return None;
    }
    for segment in written.path.segments.pairs().take(count - 1) {
        tokens.extend(segment.to_token_stream());
    }
    // Removes the `::` as well.
    tokens.truncate(tokens.len().saturating_sub(2));
    syn::parse2(tokens.into_iter().collect::<TokenStream>()).ok()
}

fn path(path: syn::Path) -> Type {
    Type::Path(TypePath {
        attrs: Vec::new(),
        qself: None,
        path,
    })
}
