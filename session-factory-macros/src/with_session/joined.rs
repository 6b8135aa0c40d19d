//! Checks that `f_in` can exist, and that the attribute is on the right side of a trait.

use proc_macro2::TokenStream;
use syn::{Attribute, FnArg, Ident, ImplItem, Item, Meta, Signature, TraitItem, TraitItemFn};

use super::args::{Args, Joined};
use super::async_trait::is_async_still;
use super::input::{Body, Function};
use super::place::Place;
use super::source::Source;
use super::types::{behind_references, is_connection, is_session};
use super::{attrs, source};
use crate::diagnostics::{Errors, pretty};

pub(super) fn has_room(
    args: &Args,
    function: &Function,
    place: Place,
    source: Option<&Source>,
    errors: &mut Errors,
) {
    let own = &function.sig.ident;
    match &args.joined {
        Joined::Named(name) if name == own => {
            let message = format!(
                "`{own}` is the name of the function itself; write another name for `joined`"
            );
            errors.on(name, message);
        }
        Joined::Absent if matches!(function.body, Body::Required(_)) => {
            let message = format!(
                "`joined = false` leaves nothing of a function without a body; remove it, so that each \
                 `impl` writes `async fn {own}_in` without the attribute"
            );
            errors.on(own, message);
        }
        joined if place == Place::Trait => {
            if let (Some(ty), Some(name)) = (
                written_as_annotated(args, function, source),
                joined.name(own),
            ) {
                let message = format!(
                    "`impl … for {ty}` writes `{own}`, which `#[with_session]` makes here; write `async fn {name}` there, \
                     with the same parameters"
                );
                errors.on(own, message);
            }
        }
        joined if place == Place::TraitImpl && is_async_still(function) => {
            if let Some(message) = in_implementation(joined, own, source) {
                match joined {
                    Joined::Named(name) => errors.on(name, message),
                    _ => errors.on(own, message),
                }
            }
        }
        joined => {
            if let Some(name) = joined.name(own).filter(|name| is_taken(name, own, source)) {
                let message = format!(
                    "`#[with_session]` makes a function `{name}`, and there is one already; write \
                     `#[with_session(joined = \"another_name\")]`, or rename that one"
                );
                match joined {
                    Joined::Named(name) => errors.on(name, message),
                    _ => errors.on(own, message),
                }
            }
        }
    }
}

/// Finds an `impl` of the annotated function's trait that writes `f` where it should write `f_in`,
/// and returns the type that it is for. `None` if an `impl` of the file is right.
pub(super) fn written_as_annotated(
    args: &Args,
    function: &Function,
    source: Option<&Source>,
) -> Option<String> {
    let own = &function.sig.ident;
    let joining = args.joined.name(own)?;
    let source = source?;
    // Most files have a right `impl`, or none at all, and need not be parsed.
    if source.declarations(own) < 2 || source.declarations(&joining) > 0 {
        return None;
    }
    let items = source.items()?;
    let of = declared_trait(source.before())?;
    let mut wrong = None;
    for item in &items {
        let Item::Impl(block) = item else { continue };
        let is_of_it = block
            .trait_
            .as_ref()
            .is_some_and(|(path, _)| path.segments.last().is_some_and(|last| last.ident == of));
        if !is_of_it {
            continue;
        }
        for item in &block.items {
            let ImplItem::Fn(function) = item else {
                continue;
            };
            if function.sig.ident == joining {
                return None;
            }
            if function.sig.ident == *own && !function.attrs.iter().any(attrs::is_own) {
                wrong.get_or_insert_with(|| pretty(&block.self_ty));
            }
        }
    }
    wrong
}

/// The name of the trait whose declaration contains the end of `before`.
fn declared_trait(before: &str) -> Option<&str> {
    let (_, rest) = before.rsplit_once("trait ")?;
    let name = rest
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()?;
    (!name.is_empty()).then_some(name)
}

/// True if a function of this name exists beside the annotated one. Functions with a `cfg` do not
/// count: the two may never be compiled together.
pub(super) fn is_taken(name: &Ident, own: &Ident, source: Option<&Source>) -> bool {
    let is_written = |source: &&Source| source.has_function(&name.to_string());
    let Some(source) = source.filter(is_written) else {
        return false;
    };
    let is_conditional = |attrs: &[Attribute]| attrs.iter().any(|attr| attr.path().is_ident("cfg"));
    let beside = |functions: &[(&Ident, &[Attribute])]| {
        let free = |(_, attrs): &&(&Ident, &[Attribute])| !is_conditional(attrs);
        let mut free = functions.iter().filter(free);
        let annotated = free
            .clone()
            .any(|(ident, attrs)| *ident == own && attrs.iter().any(attrs::is_own));
        annotated && free.any(|(ident, _)| *ident == name)
    };
    source
        .items()
        .is_some_and(|items| any_list(&items, &beside))
}

/// True if the predicate holds for the functions of one module, `impl` or trait among these items.
fn any_list(items: &[Item], is_so: &impl Fn(&[(&Ident, &[Attribute])]) -> bool) -> bool {
    let free: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Fn(function) => Some((&function.sig.ident, &*function.attrs)),
            _ => None,
        })
        .collect();
    is_so(&free)
        || items.iter().any(|item| match item {
            Item::Mod(module) => module
                .content
                .as_ref()
                .is_some_and(|(_, items)| any_list(items, is_so)),
            Item::Impl(item) => {
                let methods = item.items.iter().filter_map(|item| match item {
                    ImplItem::Fn(function) => Some((&function.sig.ident, &*function.attrs)),
                    _ => None,
                });
                is_so(&methods.collect::<Vec<_>>())
            }
            Item::Trait(item) => {
                let methods = item.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(function) => Some((&function.sig.ident, &*function.attrs)),
                    _ => None,
                });
                is_so(&methods.collect::<Vec<_>>())
            }
            _ => false,
        })
}

/// The error for the attribute in the `impl` of a trait: such an `impl` can contain only the
/// trait's functions. The advice depends on how the trait declares the function.
fn in_implementation(joined: &Joined, own: &Ident, source: Option<&Source>) -> Option<String> {
    let joining = joined.name(own);
    match (declared(own, source), &joining) {
        (Some(Declared::Joining(of)), _) => Some(format!(
            "the trait has `#[with_session]` at its own `{of}`, which has made `{own}` for an `impl` to write; remove the \
             attribute here"
        )),
        (Some(Declared::Annotated(name)), _) => Some(format!(
            "the trait has `#[with_session]` at its own `{own}`, so an `impl` writes `{name}` instead; \
             write `async fn {name}`, and remove the attribute here"
        )),
        (Some(Declared::WithSession), _) => Some(format!(
            "the trait's own `{own}` takes the session; move `#[with_session]` there, and write \
             `async fn {own}_in` here, without it"
        )),
        (Some(Declared::PlainUnder(name)), _) => Some(format!(
            "the trait has `{name}`, without a session; write `async fn {name}` here, and \
             `#[with_session(joined = false)]` above it"
        )),
        (Some(Declared::Plain), Some(name)) => Some(format!(
            "the `impl` of a trait has no room for `{name}`; write `#[with_session(joined = false)]`"
        )),
        (None, Some(name)) => Some(format!(
            "the `impl` of a trait has no room for `{name}`; write `#[with_session(joined = false)]`, or, \
             if the trait has `#[with_session]` at its own `{own}`, write `async fn {own}_in` here, without it"
        )),
        (Some(Declared::Plain) | None, None) => None,
    }
}

/// The name under which an `impl` writes this function without the attribute. The function's
/// signature and body can stay as they are.
pub(super) fn taken_as_written(own: &Ident, source: Option<&Source>) -> Option<Ident> {
    match declared(own, source)? {
        Declared::Annotated(name) => Some(name),
        Declared::WithSession | Declared::Joining(_) => Some(own.clone()),
        Declared::Plain | Declared::PlainUnder(_) => None,
    }
}

/// How a trait declares a function.
enum Declared {
    /// With the attribute, which declares a second function, of this name. Each `impl` has to write the second one.
    Annotated(Ident),
    /// Indirectly: the attribute at the trait's function of this name generates it.
    Joining(Ident),
    /// With a session, but without the attribute.
    WithSession,
    /// With neither a session nor the attribute.
    Plain,
    /// Like `Plain`, but under this name: the `impl` writes `rename_in` for `rename`.
    PlainUnder(Ident),
}

/// The name under which the trait declares this function without a session, if the `impl` uses a different name.
pub(super) fn plain_name(own: &Ident, source: Option<&Source>) -> Option<Ident> {
    match declared(own, source)? {
        Declared::PlainUnder(name) => Some(name),
        _ => None,
    }
}

/// The trait's declaration, if the same file contains it.
fn declared(name: &Ident, source: Option<&Source>) -> Option<Declared> {
    let source = source?;
    let implemented = source::implemented_trait(source.before())?;
    let items = source.items()?;
    let functions = functions(&items, implemented);
    let Some(function) = functions
        .iter()
        .find(|function| function.sig.ident == *name)
    else {
        let made = |function: &&&TraitItemFn| made_by(function).is_some_and(|made| made == *name);
        if let Some(of) = functions.iter().find(made) {
            return Some(Declared::Joining(of.sig.ident.clone()));
        }
        let text = name.to_string();
        let plain = text.strip_suffix("_in")?;
        let of = functions
            .into_iter()
            .find(|function| function.sig.ident == plain && !has_session(&function.sig))?;
        return Some(Declared::PlainUnder(of.sig.ident.clone()));
    };
    if function.attrs.iter().any(attrs::is_own) {
        return made_by(function).map(Declared::Annotated);
    }
    Some(if has_session(&function.sig) {
        Declared::WithSession
    } else {
        Declared::Plain
    })
}

fn has_session(sig: &Signature) -> bool {
    sig.inputs.iter().any(|input| match input {
        FnArg::Typed(parameter) => {
            let ty = behind_references(&parameter.ty);
            is_session(ty) || is_connection(ty)
        }
        FnArg::Receiver(_) => false,
    })
}

/// The name of the function that the attribute at `function` generates.
fn made_by(function: &TraitItemFn) -> Option<Ident> {
    let own = function.attrs.iter().find(|attr| attrs::is_own(attr))?;
    let args = match &own.meta {
        Meta::List(list) => {
            let item = TokenStream::new();
            Args::parse(list.tokens.clone(), &item, &mut Errors::default())
        }
        _ => Args::default(),
    };
    args.joined.name(&function.sig.ident)
}

/// The functions of all traits of this name.
fn functions<'a>(items: &'a [Item], of: &str) -> Vec<&'a TraitItemFn> {
    let of_item = |item: &'a Item| match item {
        Item::Trait(item) if item.ident == of => item
            .items
            .iter()
            .filter_map(|item| match item {
                TraitItem::Fn(function) => Some(function),
                _ => None,
            })
            .collect(),
        Item::Mod(module) => module
            .content
            .as_ref()
            .map_or_else(Vec::new, |(_, items)| functions(items, of)),
        _ => Vec::new(),
    };
    items.iter().flat_map(of_item).collect()
}
