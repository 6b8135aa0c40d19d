//! Expands `f_in` of a function with `savepoint`.
//!
//! ```text
//! Input                                        Output
//! async fn f(db: &mut Session<F>, x: X) -> R   async fn f_in(session: &mut Session<F>, x: X) -> R {
//! { body }                                         open a savepoint in the session
//!                                                  async { let db = …; body }.await
//!                                                  release it on Ok, roll back to it on Err
//!                                              }
//! ```

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Signature};

use super::arguments;
use super::called::{contract, parameter};
use crate::with_session::model::Model;

/// The signature, and the body inside a savepoint.
pub(super) fn wrapped(model: &Model<'_>, mut sig: Signature) -> (Signature, TokenStream) {
    let contract = contract(model);
    let parameter = parameter(model);
    let body = arguments::body(model, &TokenStream::new(), true);
    let mut outer = quote!();
    if let FnArg::Typed(parameter) = &mut sig.inputs[model.session_at] {
        let name = arguments::argument_name(parameter, model.session_at);
        parameter.pat = syn::parse_quote!(#name);
        outer = quote!(#name);
    }
    let code = quote_spanned! {Span::mixed_site()=>
        let contract = #contract;
        let parameter = #parameter;
        let mut savepoint = parameter.savepoint(#outer);
        let session = parameter.within(&mut savepoint);
        let result = #body.await;
        contract
            .release(savepoint, result)
            .await
    };
    if model.boxed {
        let code = quote_spanned! {Span::mixed_site()=>
            ::std::boxed::Box::pin(async move { #code })
        };
        return (sig, code);
    }
    (sig, quote!(#code))
}
