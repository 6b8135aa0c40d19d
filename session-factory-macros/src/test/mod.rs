//! `#[session_factory::test]`: args and input → expand.
//!
//! ```text
//! Input                              Output
//! #[session_factory::test(F, …)]     #[test]
//! async fn f(db: Test<F>) -> R       fn f() {
//! { … }                                  async fn f(db: Test<F>) -> R { … }
//!                                        run(plan, factories, |tests| f(tests))
//!                                    }
//! ```

mod args;
mod expand;
mod input;
mod words;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;
use args::Args;
use input::TestFunction;

/// Expands one test.
pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut args = Args::parse(args, &mut errors);
    let function = match TestFunction::parse(item) {
        Ok(function) => function,
        Err(error) => {
            errors.push(error);
            return quote!(#errors #item);
        }
    };
    args.check(&mut errors);
    function.check(&mut errors);
    if errors.is_empty() {
        return expand::test(&args, &function);
    }
    let function = expand::after_errors(&function);
    quote!(#errors #function)
}
