//! `#[with_session]`: args and input → validate → model → expand.
//!
//! ```text
//! Input                                        Output
//! #[with_session]                              async fn f_in(db: &mut Session<F>, x: X) -> R { … }
//! async fn f(db: &mut Session<F>, x: X) -> R   async fn f(x: X) -> R {
//! { … }                                            open; f_in(session, x).await; finish
//!                                              }
//! ```

mod args;
mod async_trait;
mod attrs;
mod contradictions;
mod docs;
mod expand;
mod input;
mod model;
pub(crate) mod place;
mod session_param;
mod source;
mod types;
mod validate;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;
use args::Args;
use input::Function;
use place::Place;

/// The whole of the macro.
pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let function = match Function::parse(item) {
        Ok(function) => function,
        Err(error) => {
            errors.push(error);
            return quote!(#errors #item);
        }
    };
    let before = source::before_attribute();
    let place = Place::find(&function, before.as_deref());
    let model = validate::validate(&args, &function, place, before.as_deref(), &mut errors);
    match model {
        Some(model) if errors.is_empty() => expand::expand(&model),
        _ => {
            let item = expand::after_errors(&args, &function, place);
            quote!(#errors #item)
        }
    }
}
