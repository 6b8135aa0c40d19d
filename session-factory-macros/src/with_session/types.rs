//! What the tokens of a type show about it.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, Type, TypeReference};

/// The type without parentheses and without the invisible groups of `macro_rules!`.
pub(super) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        ty => ty,
    }
}

/// The last segment of a path: `Session`, from `session_factory::Session<AppDb>`.
pub(super) fn last_name(ty: &Type) -> Option<String> {
    match plain(ty) {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// True for `Session<…>` under any path.
pub(super) fn is_session(ty: &Type) -> bool {
    last_name(ty).is_some_and(|name| name == "Session")
}

/// True if the type has the name of a connection of diesel-async or diesel.
pub(super) fn is_connection(ty: &Type) -> bool {
    const NAMES: [&str; 8] = [
        "AsyncPgConnection",
        "AsyncMysqlConnection",
        "TrackedMysqlConnection",
        "AsyncSqliteConnection",
        "SyncConnectionWrapper",
        "PgConnection",
        "MysqlConnection",
        "SqliteConnection",
    ];
    last_name(ty).is_some_and(|name| NAMES.contains(&name.as_str()))
}

/// True if the type has the name of one of diesel's own connections.
pub(super) fn is_blocking_connection(ty: &Type) -> bool {
    const NAMES: [&str; 3] = ["PgConnection", "MysqlConnection", "SqliteConnection"];
    last_name(ty).is_some_and(|name| NAMES.contains(&name.as_str()))
}

/// The type without the references around it.
pub(super) fn behind_references(ty: &Type) -> &Type {
    match plain(ty) {
        Type::Reference(reference) => behind_references(&reference.elem),
        ty => ty,
    }
}

/// True for a type that no alias can make a `Result`.
pub(super) fn is_surely_no_result(ty: &Type) -> bool {
    const NAMES: [&str; 31] = [
        "bool",
        "char",
        "str",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "f32",
        "f64",
        "String",
        "Option",
        "Vec",
        "Box",
        "Rc",
        "Arc",
        "HashMap",
        "HashSet",
        "BTreeMap",
        "BTreeSet",
        "Cow",
        "Duration",
        "ControlFlow",
        "Poll",
    ];
    match plain(ty) {
        Type::Path(path) => path
            .path
            .get_ident()
            .or_else(|| path.path.segments.last().map(|segment| &segment.ident))
            .is_some_and(|name| NAMES.contains(&name.to_string().as_str())),
        Type::Array(_)
        | Type::ImplTrait(_)
        | Type::Never(_)
        | Type::Ptr(_)
        | Type::Reference(_)
        | Type::Slice(_)
        | Type::TraitObject(_)
        | Type::Tuple(_) => true,
        _ => false,
    }
}

/// True if the tokens contain this name.
pub(super) fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// True if a word in the type ends in `Future`, as `BoxFuture` does.
pub(super) fn names_a_future(output: TokenStream) -> bool {
    output.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word.to_string().ends_with("Future"),
        TokenTree::Group(group) => names_a_future(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The lifetimes in a type, named or elided.
#[derive(Default)]
pub(super) struct Lifetimes {
    /// The tokens of each elided lifetime: `&` or `'_`.
    pub(super) elided: Vec<TokenStream>,
    /// The named lifetimes.
    pub(super) named: Vec<Lifetime>,
}

impl Lifetimes {
    pub(super) fn of(ty: &Type) -> Self {
        let mut found = Self::default();
        found.visit_type(ty);
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.elided.is_empty() && self.named.is_empty()
    }
}

impl<'ast> Visit<'ast> for Lifetimes {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.is_none() {
            self.elided.push(reference.and_token.to_token_stream());
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident == "_" {
            self.elided.push(lifetime.to_token_stream());
        } else {
            self.named.push(lifetime.clone());
        }
    }

    // `fn(&str)` and `dyn Fn(&str)` have their own lifetimes.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// True if the type contains `impl Trait`.
pub(super) fn has_impl_trait(ty: &Type) -> bool {
    impl_trait(ty).is_some()
}

/// The first `impl Trait` in the type.
pub(super) fn impl_trait(ty: &Type) -> Option<Type> {
    struct Finder(Option<Type>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
            self.0.get_or_insert_with(|| Type::ImplTrait(ty.clone()));
        }
    }
    let mut finder = Finder(None);
    finder.visit_type(ty);
    finder.0
}

/// The type with `_` for each `impl Trait`, for places that do not allow `impl Trait`.
pub(super) fn without_impl_trait(ty: &Type) -> Type {
    struct Eraser;
    impl VisitMut for Eraser {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(_) = ty {
                *ty = syn::parse_quote!(_);
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Eraser.visit_type_mut(&mut ty);
    ty
}

/// The type with `'static` for each of its lifetimes.
pub(super) fn with_static_lifetimes(ty: &Type) -> Type {
    struct Replacer;
    impl VisitMut for Replacer {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime = Some(syn::parse_quote!('static));
            visit_mut::visit_type_reference_mut(self, reference);
        }

        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            *lifetime = syn::parse_quote!('static);
        }
    }
    let mut ty = ty.clone();
    Replacer.visit_type_mut(&mut ty);
    ty
}
