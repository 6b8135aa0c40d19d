//! Every rejection of the session among the parameters.

use quote::ToTokens;
use syn::{FnArg, GenericParam, PatType, Type};

use super::args::Args;
use super::input::Function;
use super::types::{behind_references, is_connection, is_session, last_name, mentions, plain};
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
) -> Option<(usize, &'a syn::TypeReference)> {
    let sig = &function.sig;
    let write = format!("`db: &mut Session<{}>`", factory_name(args));
    let Some((at, first)) = parameters(function).next() else {
        let message = format!("there is no session; write {write} as the first parameter");
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
            "the session must be the first parameter; move `{}` to the front",
            pretty(later)
        );
        errors.on(later, message);
        return None;
    }
    let Type::Reference(reference) = plain(&first.ty) else {
        if is_session(&first.ty) || is_connection(&first.ty) {
            let message = format!(
                "the session is taken by value, but it belongs to whoever opened it; \
                 write `{}: &mut {}`",
                pretty(&first.pat),
                pretty(&first.ty)
            );
            errors.on(&first.ty, message);
        } else if mentions(first.ty.to_token_stream(), "Session") {
            let message =
                format!("the first parameter has to be the session itself; write {write}");
            errors.on(first, message);
        } else {
            let message =
                format!("the first parameter is not a session; write {write} in front of it");
            errors.on(first, message);
        }
        return None;
    };
    if reference.mutability.is_none() {
        let elem = &reference.elem;
        if looks_right(elem) || args.factory.is_some() {
            let message = format!(
                "the session is borrowed without `mut`, so nothing could run on it; write `&mut {}`",
                pretty(elem)
            );
            errors.on(&first.ty, message);
        } else {
            let message =
                format!("the first parameter is not a session; write {write} in front of it");
            errors.on(first, message);
        }
        return None;
    }
    session_type(args, function, &reference.elem, errors);
    if let Some((_, second)) = later.filter(|(_, second)| same(&second.ty, &first.ty)) {
        let message = format!(
            "a second session of the same factory; a function has one, so remove `{}`",
            pretty(second)
        );
        errors.on(second, message);
    }
    Some((at, reference))
}

/// The type behind `&mut` is one that `f` can name and make.
fn session_type(args: &Args, function: &Function, ty: &Type, errors: &mut Errors) {
    let write = format!("`&mut Session<{}>`", factory_name(args));
    if is_connection(ty) && args.factory.is_none() {
        let name = last_name(ty).unwrap_or_default();
        let message = format!(
            "nothing says which factory this connection comes from; \
             write `#[with_session(AppDb)]` with your factory, or {write} instead of `{name}`"
        );
        errors.on(ty, message);
        return;
    }
    match plain(ty) {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            let message = format!(
                "the session's type has to be named, so that one can be opened; write {write}"
            );
            errors.on(ty, message);
        }
        Type::Path(path) if is_type_parameter(function, &path.path) => {
            let message = format!(
                "callers could not say what `{}` is once the session is gone; write {write}",
                pretty(ty)
            );
            errors.on(ty, message);
        }
        Type::Reference(_) => {
            errors.on(ty, format!("a reference too many; write {write}"));
        }
        _ => {}
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
