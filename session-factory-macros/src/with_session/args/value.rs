//! A value's tokens as the user wrote them.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{LitBool, LitInt, LitStr, Token, Type, token};

use crate::diagnostics::pretty;

/// The tokens after an option's name, without the sign between the two.
#[derive(Default)]
pub(super) struct Value(pub(super) TokenStream);

impl Value {
    /// The tokens up to the next comma. Consumes nothing.
    pub(super) fn ahead(input: ParseStream<'_>) -> Self {
        let input = input.fork();
        while input.peek(Token![=]) || input.peek(Token![:]) || input.peek(Token![>]) {
            let _sign = input.parse::<TokenTree>();
        }
        let is_call =
            input.peek(token::Paren) || input.peek(token::Brace) || input.peek(token::Bracket);
        let mut tokens = Vec::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            tokens.extend(input.parse::<TokenTree>().ok());
        }
        match tokens.first() {
            Some(TokenTree::Group(group)) if is_call && tokens.len() == 1 => Self(group.stream()),
            _ => Self(tokens.into_iter().collect()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value as a type, such as `Some(AppDb)`.
    pub(super) fn ty(&self) -> Option<Type> {
        syn::parse2(self.0.clone()).ok()
    }

    pub(super) fn bool(&self) -> Option<bool> {
        syn::parse2::<LitBool>(self.0.clone())
            .ok()
            .map(|value| value.value)
    }

    pub(super) fn text(&self) -> String {
        pretty(&self.0)
    }

    /// True for a string literal.
    pub(super) fn is_text(&self) -> bool {
        syn::parse2::<LitStr>(self.0.clone()).is_ok()
    }

    pub(super) fn number(&self) -> Option<u32> {
        let number = |input: ParseStream<'_>| input.parse::<LitInt>()?.base10_parse();
        number.parse2(self.0.clone()).ok()
    }

    /// True for a lone name in small letters.
    pub(super) fn is_parameter(&self) -> bool {
        let name = syn::parse2::<syn::Ident>(self.0.clone());
        name.is_ok_and(|name| !name.to_string().contains(char::is_uppercase))
    }

    /// The value's last word, quoted or not: `REQUIRED`, from `Propagation.REQUIRED`.
    pub(super) fn word(&self) -> Option<String> {
        let last = self.0.clone().into_iter().last()?;
        match last {
            TokenTree::Ident(word) => Some(word.to_string()),
            TokenTree::Literal(_) => syn::parse2::<LitStr>(last.into())
                .ok()
                .map(|literal| literal.value()),
            _ => None,
        }
    }
}

/// Skips to the next comma, or to the end.
pub(super) fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
