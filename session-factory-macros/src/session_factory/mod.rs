//! `session_factory!`: input → validate → model → expand.
//!
//! ```text
//! Input                                Output
//! pub struct AppDb(Postgres) {         pub struct AppDb { … }
//!     echo = env("ECHO"),              pub struct AppDbConfig { pub url: SecretUrl, pub echo: bool, … }
//!     batch: u32 = env("BATCH"),       impl SessionFactory for AppDb { … }
//! }                                    impl AppDb { … }
//! ```

mod backend;
mod build;
mod checks;
mod companion_keys;
mod cross_checks;
mod custom_keys;
mod custom_type;
mod docs;
mod expand;
mod foreign;
mod input;
mod key_name;
mod literals;
mod meant;
mod model;
mod neighbours;
mod number;
mod range;
mod settings;
mod source;
mod standard;
mod twice;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;

/// Expands one invocation of the macro.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    if neighbours::is_a_value() {
        return quote!(::core::compile_error!(
            "`session_factory!` declares a type, and gives no value; write it among the items of a module, and here \
             `AppDb::factory().await?`"
        ));
    }
    let mut errors = Errors::default();
    let factories = input::parse(tokens, &mut errors);
    let factories = validate::distinct(factories, &mut errors);
    let mut factories = factories;
    validate::headers(&mut factories, &mut errors);
    let models: Vec<_> = factories
        .iter()
        .map(|factory| validate::validate(factory, &mut errors))
        .collect();
    cross_checks::factories(&models, &mut errors);
    expand::expand(&models, &errors)
}
