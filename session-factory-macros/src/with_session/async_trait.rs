//! `#[async_trait]` on an `impl` or trait rewrites its functions before this macro runs. This module reads the result.
//!
//! ```text
//! Input                                     Output
//! async fn f(&self, db: &mut S) -> R { … }  fn f<'life0, 'life1, 'async_trait>(
//!                                               &'life0 self, db: &'life1 mut S,
//!                                           ) -> Pin<Box<dyn Future<Output = R> + Send + 'async_trait>>
//!                                           where 'life0: 'async_trait, 'life1: 'async_trait,
//!                                           { Box::pin(async move { … }) }
//! ```

use syn::{
    GenericArgument, GenericParam, Lifetime, PathArguments, ReturnType, Signature, Type,
    TypeParamBound, WherePredicate,
};

use super::input::Function;

use super::types::plain;

/// Returns `R` if `#[async_trait]` has rewritten the function to return a boxed future with that output.
pub(super) fn output(sig: &Signature) -> Option<&Type> {
    let marked = sig.generics.params.iter().any(|param| {
        matches!(param, GenericParam::Lifetime(param) if param.lifetime.ident == "async_trait")
    });
    let (true, None, ReturnType::Type(_, pinned)) = (marked, &sig.asyncness, &sig.output) else {
        return None;
    };
    let boxed = type_argument(pinned)?;
    let Type::TraitObject(future) = plain(type_argument(boxed)?) else {
        return None;
    };
    future.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => match &bound.path.segments.last()?.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::AssocType(pair) if pair.ident == "Output" => Some(&pair.ty),
                    _ => None,
                })
            }
            _ => None,
        },
        _ => None,
    })
}

/// `X`, from `Path<X>`.
fn type_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = plain(ty) else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Removes a lifetime that `#[async_trait]` has added for the session alone.
pub(super) fn remove_lifetime(sig: &mut Signature, lifetime: &Lifetime) {
    if !lifetime.ident.to_string().starts_with("life") {
        return;
    }
    let params = std::mem::take(&mut sig.generics.params);
    let is_it = |param: &GenericParam| matches!(param, GenericParam::Lifetime(param) if param.lifetime == *lifetime);
    sig.generics.params = params.into_iter().filter(|param| !is_it(param)).collect();
    if let Some(clause) = &mut sig.generics.where_clause {
        let predicates = std::mem::take(&mut clause.predicates);
        let is_it = |predicate: &WherePredicate| matches!(predicate, WherePredicate::Lifetime(bound) if bound.lifetime == *lifetime);
        clause.predicates = predicates
            .into_iter()
            .filter(|predicate| !is_it(predicate))
            .collect();
    }
}

/// True for an `async fn`, also after `#[async_trait]` has rewritten it.
pub(super) fn is_async_still(function: &Function) -> bool {
    function.sig.asyncness.is_some() || output(&function.sig).is_some()
}
