//! The test's function. Its body stays unparsed, so that the compiler reports an error in it at its place.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, ExprLit, FnArg, Lit, Meta, Signature, Token, Visibility, token};

use crate::diagnostics::Errors;

const FORM: &str = "write `async fn name(db: Test<AppDb>) { … }`";

/// A test as its author writes it.
pub(super) struct TestFunction {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) sig: Signature,
    pub(super) body: TokenTree,
}

impl ToTokens for TestFunction {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            sig,
            body,
        } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

impl TestFunction {
    pub(super) fn parse(item: &TokenStream) -> syn::Result<Self> {
        let parser = |input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let vis = input.parse()?;
            let sig = input.parse().map_err(|error: syn::Error| {
                let message = format!("a test is an `async fn`; {FORM}");
                syn::Error::new(error.span(), message)
            })?;
            if !input.peek(token::Brace) {
                return Err(input.error(format!("this test needs a body; {FORM}")));
            }
            Ok(Self {
                attrs,
                vis,
                sig,
                body: input.parse()?,
            })
        };
        parser.parse2(item.clone())
    }

    /// The types of the parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &syn::Type> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(&*parameter.ty),
            FnArg::Receiver(_) => None,
        })
    }

    pub(super) fn check(&self, errors: &mut Errors) {
        let sig = &self.sig;
        if sig.asyncness.is_none() {
            errors.on(
                sig.fn_token,
                "a test of a database is asynchronous; write `async fn`",
            );
        }
        if !sig.generics.params.is_empty() {
            errors.on(
                &sig.generics,
                "a test has no caller who could choose these; remove them",
            );
        }
        if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
            errors.on(
                receiver,
                "a test is no method; write it outside of the `impl`",
            );
        }
        for attr in &self.attrs {
            let last = attr.path().segments.last();
            if last.is_some_and(|last| last.ident == "test") {
                errors.on(
                    attr,
                    "`#[session_factory::test]` makes the function a test already; remove this attribute",
                );
            }
        }
    }

    /// `#[should_panic]`: whether the test has to panic, and with which text.
    #[allow(clippy::option_option)] // no attribute; without a text; with one
    pub(super) fn should_panic(&self) -> Option<Option<Lit>> {
        let attr = self
            .attrs
            .iter()
            .find(|attr| attr.path().is_ident("should_panic"))?;
        let literal = |value: &Expr| match value {
            Expr::Lit(ExprLit { lit, .. }) => Some(lit.clone()),
            _ => None,
        };
        Some(match &attr.meta {
            Meta::NameValue(pair) => literal(&pair.value),
            Meta::List(list) => {
                let parser = |input: ParseStream<'_>| {
                    input.parse::<syn::Ident>()?;
                    input.parse::<Token![=]>()?;
                    let value = input.parse::<Lit>()?;
                    input.parse::<Option<Token![,]>>()?;
                    Ok(value)
                };
                parser.parse2(list.tokens.clone()).ok()
            }
            Meta::Path(_) => None,
        })
    }
}
