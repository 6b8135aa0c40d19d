//! `f_in` of a function with `savepoint`.
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
use syn::spanned::Spanned;
use syn::{FnArg, Signature};

use super::{arguments, contract, private};
use crate::diagnostics::respanned;
use crate::with_session::model::Model;

/// The signature and the body.
pub(super) fn wrapped(model: &Model<'_>, mut sig: Signature) -> (Signature, TokenStream) {
    let private = private(model);
    let contract = contract(model);
    let at_session = Span::mixed_site().located_at(model.session.span());
    let private_at_session = respanned(&private, at_session);
    let body = arguments::body(model, &TokenStream::new(), true);
    if let FnArg::Typed(parameter) = &mut sig.inputs[model.session_at] {
        let session = quote_spanned!(Span::mixed_site()=> __session_factory_session);
        parameter.pat = syn::parse_quote!(#session);
    }
    let code = quote_spanned! {Span::mixed_site()=>
        let __session_factory_contract = #contract;
        let mut __session_factory_savepoint =
            #private_at_session::savepoint(__session_factory_session);
        let __session_factory_session = __session_factory_savepoint.session();
        let __session_factory_result = #body.await;
        __session_factory_contract
            .release(__session_factory_savepoint, __session_factory_result)
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
