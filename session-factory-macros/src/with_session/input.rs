//! The annotated function. Its body stays unparsed tokens: code that the user is still typing must
//! not make the function, and all its callers, disappear.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{AttrStyle, Attribute, Signature, Token, Visibility, token};

use crate::diagnostics::parse_all;

const NO_BODY: &str = "this function needs a body";

/// A function as the user writes it.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) sig: Signature,
    /// The body with its braces, or the semicolon of a method that a trait requires.
    pub(super) body: Body,
}

/// The body of a function.
#[derive(Clone)]
pub(super) enum Body {
    Block(TokenTree),
    Required(Token![;]),
}

impl Function {
    /// Parses the function, or says what to annotate instead.
    pub(super) fn parse(item: &TokenStream) -> syn::Result<Self> {
        if let Some(function) = Self::parse_without_body(item) {
            return Ok(function);
        }
        parse_all(item.clone(), Self::parse_item)
    }

    /// Parses the function with an empty body, and puts the real body back. This is faster: syn
    /// copies its input token by token, and each token costs a call to the compiler. Returns `None`
    /// if something is wrong; the caller then parses the whole function for its errors.
    fn parse_without_body(item: &TokenStream) -> Option<Self> {
        let mut tokens: Vec<_> = item.clone().into_iter().collect();
        let body = tokens.pop().filter(
            |last| matches!(last, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
        )?;
        tokens.push(Group::new(Delimiter::Brace, TokenStream::new()).into());
        let function = Self::parse_item.parse2(tokens.into_iter().collect()).ok()?;
        Some(Self {
            body: Body::Block(body),
            ..function
        })
    }

    fn parse_item(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        reject_other_items(input)?;
        let sig = input.parse()?;
        let body = if input.peek(Token![;]) {
            Body::Required(input.parse()?)
        } else if input.peek(token::Brace) {
            Body::Block(input.parse()?)
        } else {
            return Err(input.error(format!("{NO_BODY}; write `{{ … }}` here")));
        };
        if !input.is_empty() {
            return Err(input.error("nothing may follow the function's body; remove this"));
        }
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
        })
    }

    /// The function's statements.
    pub(super) fn statements(&self) -> TokenStream {
        self.inside().1
    }

    /// The body without its braces.
    pub(super) fn body_tokens(&self) -> TokenStream {
        match &self.body {
            Body::Block(TokenTree::Group(block)) => block.stream(),
            _ => TokenStream::new(),
        }
    }

    /// The body's `#![…]` attributes as outer attributes, for a function that contains these
    /// statements.
    pub(super) fn inner_attrs(&self) -> TokenStream {
        let (attrs, _) = self.inside();
        attrs
            .into_iter()
            .map(|mut attr| {
                attr.style = AttrStyle::Outer;
                attr.to_token_stream()
            })
            .collect()
    }

    /// The span of the body.
    pub(super) fn body_span(&self) -> Span {
        match &self.body {
            Body::Block(block) => block.span(),
            Body::Required(semi) => semi.span,
        }
    }

    /// The span of the body's last brace.
    pub(super) fn body_end(&self) -> Span {
        match &self.body {
            Body::Block(TokenTree::Group(block)) => block.span_close(),
            _ => self.body_span(),
        }
    }

    fn inside(&self) -> (Vec<Attribute>, TokenStream) {
        let Body::Block(TokenTree::Group(block)) = &self.body else {
            return (Vec::new(), TokenStream::new());
        };
        let parser =
            |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse()?));
        parser
            .parse2(block.stream())
            .unwrap_or_else(|_| (Vec::new(), block.stream()))
    }
}

impl ToTokens for Body {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Body::Block(block) => block.to_tokens(tokens),
            Body::Required(semi) => semi.to_tokens(tokens),
        }
    }
}

impl ToTokens for Function {
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

/// Rejects items other than functions, and says where the attribute belongs.
fn reject_other_items(input: ParseStream<'_>) -> syn::Result<()> {
    if begins_closure(input) || binds_closure(input) {
        let message = "`#[with_session]` annotates an `async fn`, and this is a closure; \
                       write `AppDb::with_session(async |db| …).await`";
        return Err(input.error(message));
    }
    let ahead = input.lookahead1();
    let what =
        if ahead.peek(Token![struct]) || ahead.peek(Token![enum]) || ahead.peek(Token![union]) {
            "a type"
        } else if ahead.peek(Token![impl]) {
            "an `impl` block"
        } else if ahead.peek(Token![trait]) {
            "a trait"
        } else if ahead.peek(Token![mod]) {
            "a module"
        } else if ahead.peek(Token![static])
            || ahead.peek(Token![type])
            || ahead.peek(Token![use])
            || (ahead.peek(Token![const]) && !begins_function(input))
            || ahead.peek(Token![let])
            || input.peek2(Token![!])
        {
            "something else"
        } else {
            return Ok(());
        };
    let message = format!(
        "`#[with_session]` annotates an `async fn`, and this is {what}; \
         write it above each function that needs a session"
    );
    Err(input.error(message))
}

/// Replaces the parser's message about tokens. The compiler has already reported which tokens are
/// wrong, so this message says how to write the function.
pub(super) fn in_words(error: syn::Error) -> syn::Error {
    let text = error.to_string();
    if text.starts_with("expected ") || text.starts_with("unexpected ") {
        let message = "`#[with_session]` cannot read this function; write `async fn name(db: &mut \
                       Session<AppDb>, …) -> Result<T, E> { … }`";
        return syn::Error::new(error.span(), message);
    }
    error
}

/// True if the compiler has already reported this error: it parses a function before the macro
/// runs.
pub(super) fn is_read_by_the_compiler(error: &syn::Error, item: &TokenStream) -> bool {
    let text = error.to_string();
    let of_the_parser = ["expected ", "unexpected ", NO_BODY]
        .iter()
        .any(|start| text.starts_with(start));
    let is_function = |token: TokenTree| matches!(token, TokenTree::Ident(word) if word == "fn");
    of_the_parser && proc_macro::is_available() && item.clone().into_iter().any(is_function)
}

/// True if the item is a closure.
pub(super) fn is_closure(item: &TokenStream) -> bool {
    let parser = |input: ParseStream<'_>| {
        let is_closure = begins_closure(input);
        let _rest = input.parse::<TokenStream>();
        Ok(is_closure)
    };
    parser.parse2(item.clone()).unwrap_or(false)
}

fn begins_closure(input: ParseStream<'_>) -> bool {
    let input = input.fork();
    let _async = input.parse::<Option<Token![async]>>();
    let _move = input.parse::<Option<Token![move]>>();
    input.peek(Token![|]) || input.peek(Token![||])
}

/// True for `let f = async |db| …`.
fn binds_closure(input: ParseStream<'_>) -> bool {
    let input = input.fork();
    if !input.peek(Token![let]) {
        return false;
    }
    while !input.is_empty() && !input.peek(Token![=]) {
        let _token = input.parse::<TokenTree>();
    }
    let _equals = input.parse::<Option<Token![=]>>();
    begins_closure(&input)
}

fn begins_function(input: ParseStream<'_>) -> bool {
    input.fork().call(Signature::parse).is_ok()
}
