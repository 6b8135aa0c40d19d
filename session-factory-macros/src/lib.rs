#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod diagnostics;
mod duration;
mod session_factory;
mod test;
mod with_session;

#[cfg(test)]
mod published;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/with_session.md")]
#[proc_macro_attribute]
pub fn with_session(args: TokenStream, item: TokenStream) -> TokenStream {
    with_session::expand(args.into(), &item.into()).into()
}

#[doc = include_str!("../docs/session_factory.md")]
#[proc_macro]
pub fn session_factory(input: TokenStream) -> TokenStream {
    session_factory::expand(input.into()).into()
}

#[doc = include_str!("../docs/test.md")]
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(args.into(), &item.into()).into()
}
