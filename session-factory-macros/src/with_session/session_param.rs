//! Every rejection of the session among the parameters.

use quote::ToTokens;
use syn::{FnArg, GenericArgument, GenericParam, Pat, PatType, PathArguments, Type, TypeReference};

use super::args::Args;
use super::input::Function;
use super::types::{
    behind_references, has_impl_trait, is_blocking_connection, is_connection, is_session, mentions,
    plain,
};
use crate::diagnostics::Errors;

/// The parameters after `self`, with their positions.
pub(super) fn parameters(function: &Function) -> impl Iterator<Item = (usize, &PatType)> {
    function
        .sig
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(at, input)| match input {
            FnArg::Typed(parameter) => Some((at, parameter)),
            FnArg::Receiver(_) => None,
        })
}

pub(super) fn has_one_session<'a>(
    args: &Args,
    function: &'a Function,
    errors: &mut Errors,
) -> Option<(usize, &'a TypeReference)> {
    let sig = &function.sig;
    let write = format!("`db: &mut Session<{}>`", factory_name(args));
    let (place, front) = match sig.receiver() {
        Some(_) => ("first parameter after `self`", "directly behind `self`"),
        None => ("first parameter", "to the front"),
    };
    let Some((at, first)) = parameters(function).next() else {
        let message = format!("`#[with_session]` needs the session as the {place}; write {write}");
        errors.at(sig.paren_token.span.close(), message);
        return None;
    };
    let looks_right = |ty: &Type| is_session(ty) || is_connection(ty);
    let later = parameters(function)
        .skip(1)
        .find(|(_, other)| looks_right(behind_references(&other.ty)));
    if !looks_right(behind_references(&first.ty))
        && let Some((_, later)) = later
    {
        let message = format!(
            "the session must be the {place}; move `{}` {front}",
            pretty(later)
        );
        errors.on(later, message);
        return None;
    }
    let no_session = format!("the {place} is not a session; write {write} in front of it");
    let Type::Reference(reference) = plain(&first.ty) else {
        if looks_right(&first.ty) {
            let message = format!(
                "take the session by `&mut`, as whoever opened it has to end it; write `{}: &mut {}`",
                pretty(&first.pat),
                pretty(&first.ty)
            );
            errors.on(&first.ty, message);
        } else if mentions(first.ty.to_token_stream(), "Session") {
            let message = format!(
                "the {place} must be the session itself, with nothing around it; write {write}"
            );
            errors.on(&first.ty, message);
        } else {
            errors.on(first, no_session);
        }
        return None;
    };
    if reference.mutability.is_none() {
        if looks_right(&reference.elem) || args.factory.is_some() {
            let message = format!(
                "queries need the session by `&mut`; write `{}: &mut {}`",
                pretty(&first.pat),
                behind_reference(&reference.elem)
            );
            errors.on(&first.ty, message);
        } else {
            errors.on(first, no_session);
        }
        return None;
    }
    session_type(args, function, &first.pat, &reference.elem, errors);
    if let Some((_, second)) = later.filter(|(_, second)| same(&second.ty, &first.ty)) {
        let message = format!(
            "`#[with_session]` opens one session for a function; remove `{}`",
            pretty(second)
        );
        errors.on(second, message);
    }
    Some((at, reference))
}

/// The type behind `&mut` is one that `f` can name and make.
fn session_type(args: &Args, function: &Function, pat: &Pat, ty: &Type, errors: &mut Errors) {
    let (name, pat) = (&function.sig.ident, pretty(pat));
    let factory = factory_name(args);
    let write = format!("`{pat}: &mut Session<{factory}>`");
    if is_blocking_connection(ty) {
        let message = format!(
            "`{}` blocks the thread while it waits, and an `async fn` cannot use it; write {write}",
            pretty(ty)
        );
        errors.on(ty, message);
        return;
    }
    if is_connection(ty) && args.factory.is_none() {
        let message = format!(
            "`#[with_session]` does not know whose connection this is; \
             write `#[with_session(AppDb)]` with the name of your factory, or {write}"
        );
        errors.on(ty, message);
        return;
    }
    match plain(ty) {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            let message =
                format!("`{name}` opens the session, so its type needs a name; write {write}");
            errors.on(ty, message);
        }
        Type::Path(path) if is_type_parameter(function, &path.path) => {
            let message = format!(
                "`{name}` opens the session, and its callers cannot tell it what `{}` is; write {write}",
                pretty(ty)
            );
            errors.on(ty, message);
        }
        Type::Reference(_) => {
            errors.on(ty, format!("remove this second reference; write {write}"));
        }
        Type::Path(path) if is_session(ty) => {
            factory_of_session(function, &path.path, &write, errors);
        }
        _ => {}
    }
}

/// `F` of `Session<F>` is one that callers can name, and that is not mistaken for something else.
fn factory_of_session(function: &Function, path: &syn::Path, write: &str, errors: &mut Errors) {
    let Some(PathArguments::AngleBracketed(arguments)) =
        path.segments.last().map(|segment| &segment.arguments)
    else {
        return;
    };
    for argument in &arguments.args {
        let GenericArgument::Type(ty) = argument else {
            continue;
        };
        let name = &function.sig.ident;
        if has_impl_trait(ty) {
            let message = format!(
                "`{name}` opens the session, so its factory needs a name; write {write}, or for any \
                 factory `async fn {name}<F: SessionFactory>(db: &mut Session<F>)`"
            );
            errors.on(ty, message);
        }
    }
}

fn is_type_parameter(function: &Function, path: &syn::Path) -> bool {
    path.get_ident().is_some_and(|name| {
        function
            .sig
            .generics
            .params
            .iter()
            .any(|param| matches!(param, GenericParam::Type(param) if param.ident == *name))
    })
}

/// How the factory is called in a message that says what to write.
fn factory_name(args: &Args) -> String {
    args.factory
        .as_ref()
        .map_or_else(|| "AppDb".to_owned(), pretty)
}

fn same(one: &Type, other: &Type) -> bool {
    one.to_token_stream().to_string() == other.to_token_stream().to_string()
}

/// A type as it is written behind `&` or `&mut`.
pub(super) fn behind_reference(ty: &Type) -> String {
    let several = match ty {
        Type::ImplTrait(ty) => ty.bounds.len() > 1,
        Type::TraitObject(ty) => ty.bounds.len() > 1,
        _ => false,
    };
    let text = pretty(ty);
    if several { format!("({text})") } else { text }
}

/// Tokens as somebody would have written them.
pub(super) fn pretty(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" :", ":"),
        ("< ", "<"),
        (" <", "<"),
        ("( )", "()"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
