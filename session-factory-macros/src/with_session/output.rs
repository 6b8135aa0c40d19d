//! Rejects return types that borrow from the session: `f` closes the session before it returns.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, Lifetime, Path, PathArguments, ReceiverKind, TraitBound, Type, TypeImplTrait,
    TypeParamBound, TypePath, TypeReference, TypeTraitObject,
};

use super::input::Function;
use super::place::Place;
use super::session_param::parameters;
use super::types::{Lifetimes, is_connection, is_session, plain};
use crate::diagnostics::{Errors, pretty};

pub(super) fn is_owned(
    function: &Function,
    session_at: usize,
    session: &TypeReference,
    output: &Type,
    place: Place,
    errors: &mut Errors,
) {
    let name = &function.sig.ident;
    if let Some(lifetime) = session
        .lifetime
        .as_ref()
        .filter(|lifetime| lifetime.ident == "static")
    {
        let message = format!("`{name}` closes the session before it returns; remove `'static`");
        errors.on(lifetime, message);
        return;
    }
    let also = place.other_side();
    if let Some(stream) = stream(output) {
        let message = format!(
            "`{name}` closes the session before it returns, and a stream of rows reads from it later; \
             collect the rows and return a `Vec`{also}"
        );
        errors.on(stream, message);
        return;
    }
    let in_output = Lifetimes::of(output);
    let mut of_session: Vec<Lifetime> = Lifetimes::of(&session.elem).named;
    of_session.extend(session.lifetime.clone());
    if let Some(borrow) = in_output
        .named
        .iter()
        .find(|used| of_session.contains(used))
    {
        let owned = instead(output, |lifetime| lifetime == Some(borrow));
        let message = format!(
            "`{name}` closes the session before it returns, and `{borrow}` borrows from it; {owned}{also}, or, \
             if another argument is what it borrows from, remove `{borrow}` from the session's type"
        );
        errors.on(borrow, message);
        return;
    }
    // An elided lifetime is `self`'s if `self` is a reference, else the only lifetime of the
    // parameters.
    let elided_from_self = function
        .sig
        .receiver()
        .is_some_and(|receiver| match &receiver.kind {
            ReceiverKind::Reference(..) => true,
            ReceiverKind::Typed(_, ty) => !Lifetimes::of(ty).is_empty(),
            _ => false,
        });
    let elsewhere = parameters(function)
        .any(|(at, parameter)| at != session_at && !Lifetimes::of(&parameter.ty).is_empty());
    if let Some(borrow) = in_output
        .elided
        .first()
        .filter(|_| !elided_from_self && !elsewhere)
    {
        let is_elided = |lifetime: Option<&Lifetime>| lifetime.is_none_or(|name| name.ident == "_");
        let owned = instead(output, is_elided);
        let message = format!(
            "`{name}` closes the session before it returns, and this borrows from it; {owned}{also}"
        );
        errors.on(borrow, message);
    }
}

/// A stream in the return type: its rows would be read after the session has ended.
fn stream(output: &Type) -> Option<Path> {
    struct Finder(Option<Path>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_trait_bound(&mut self, bound: &'ast TraitBound) {
            if kind(&bound.path) == Some(Kind::Stream) {
                self.0.get_or_insert_with(|| bound.path.clone());
            }
            visit::visit_trait_bound(self, bound);
        }

        fn visit_type_path(&mut self, path: &'ast TypePath) {
            if boxed_kind(&path.path) == Some(Kind::Stream) {
                self.0.get_or_insert_with(|| path.path.clone());
            }
            visit::visit_type_path(self, path);
        }
    }
    // A `'static` stream reads nothing that the session closes.
    let names = Lifetimes::of(output).named;
    if names.iter().any(|name| name.ident == "static") {
        return None;
    }
    let mut finder = Finder(None);
    finder.visit_type(output);
    finder.0
}

/// What to return instead of the first part of the type with a lifetime for which `borrows` is true.
fn instead(output: &Type, borrows: impl Fn(Option<&Lifetime>) -> bool) -> String {
    let mut finder = Finder {
        borrows,
        found: None,
    };
    finder.visit_type(output);
    finder
        .found
        .unwrap_or_else(|| "return a type that owns what it holds".to_owned())
}

struct Finder<B> {
    borrows: B,
    found: Option<String>,
}

impl<B: Fn(Option<&Lifetime>) -> bool> Finder<B> {
    fn note(&mut self, advice: String) {
        self.found.get_or_insert(advice);
    }

    fn bounds<'a>(&mut self, bounds: impl Iterator<Item = &'a TypeParamBound> + Clone) {
        let borrows = bounds.clone().any(|bound| match bound {
            TypeParamBound::Lifetime(lifetime) => (self.borrows)(Some(lifetime)),
            _ => false,
        });
        let kind = bounds.filter_map(|bound| match bound {
            TypeParamBound::Trait(bound) => kind(&bound.path),
            _ => None,
        });
        if let (true, Some(kind)) = (borrows, kind.last()) {
            self.note(kind.advice().to_owned());
        }
    }
}

impl<'ast, B: Fn(Option<&Lifetime>) -> bool> Visit<'ast> for Finder<B> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let ty = &reference.elem;
        if (self.borrows)(reference.lifetime.as_ref()) && (is_session(ty) || is_connection(ty)) {
            self.note("return what the function has read, and not the session".to_owned());
        }
        if (self.borrows)(reference.lifetime.as_ref()) {
            self.note(format!(
                "return `{}` instead of `{}`",
                owned(&reference.elem),
                pretty(reference)
            ));
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_type_path(&mut self, path: &'ast TypePath) {
        let arguments = path
            .path
            .segments
            .iter()
            .filter_map(|segment| match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => None,
            });
        let borrows = arguments.clone().flatten().any(|argument| match argument {
            GenericArgument::Lifetime(lifetime) => (self.borrows)(Some(lifetime)),
            _ => false,
        });
        if borrows {
            let text = pretty(path);
            let is_cow = path
                .path
                .segments
                .last()
                .is_some_and(|last| last.ident == "Cow");
            let of = arguments.flatten().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            self.note(match (boxed_kind(&path.path), of) {
                (Some(kind), _) => kind.advice().to_owned(),
                (None, Some(of)) if is_cow => format!("return `{}` instead of `{text}`", owned(of)),
                _ => format!("return a type that owns what it holds instead of `{text}`"),
            });
        }
        visit::visit_type_path(self, path);
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.bounds(ty.bounds.iter());
        visit::visit_type_impl_trait(self, ty);
    }

    fn visit_type_trait_object(&mut self, ty: &'ast TypeTraitObject) {
        self.bounds(ty.bounds.iter());
        visit::visit_type_trait_object(self, ty);
    }
}

/// A type that does its work after the function has returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    Iterator,
    Future,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.segments.last()?.ident.to_string().as_str() {
        "Stream" | "TryStream" => Some(Kind::Stream),
        "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" => Some(Kind::Iterator),
        "Future" | "TryFuture" => Some(Kind::Future),
        _ => None,
    }
}

/// The kind of a boxed type that `futures` defines for one of these traits, such as `BoxStream`.
fn boxed_kind(path: &Path) -> Option<Kind> {
    match path.segments.last()?.ident.to_string().as_str() {
        "BoxStream" | "LocalBoxStream" => Some(Kind::Stream),
        "BoxFuture" | "LocalBoxFuture" => Some(Kind::Future),
        _ => None,
    }
}

impl Kind {
    fn advice(self) -> &'static str {
        match self {
            Self::Stream => "collect the rows and return a `Vec`",
            Self::Iterator => "collect its items and return a `Vec`",
            Self::Future => "await it here, and return what it gives",
        }
    }
}

/// The owned counterpart of a borrowed type.
pub(super) fn owned(ty: &Type) -> String {
    match plain(ty) {
        Type::Slice(slice) => format!("Vec<{}>", pretty(&slice.elem)),
        Type::TraitObject(object) => format!("Box<{} + Send>", pretty(object)),
        ty => match ty.to_token_stream().to_string().as_str() {
            "str" => "String".to_owned(),
            "Path" | "std :: path :: Path" => "PathBuf".to_owned(),
            _ => pretty(ty),
        },
    }
}
