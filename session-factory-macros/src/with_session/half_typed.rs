//! A function while the user types its signature: `id: `, `db: &mut `, `-> `.
//!
//! The compiler parses the function before the macro runs, and has reported what is missing. The
//! macro still emits both functions, so that their callers have no errors.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, FnArg, Generics, Ident, Pat, PatType, ReturnType, Signature, Token, Type,
    WhereClause,
};

use super::input::{Body, Function};
use super::types::mentions;

/// The function with the readable part of its signature. `None` if the item is no function, or has
/// an error that the compiler may not have reported.
pub(super) fn parse(item: &TokenStream) -> Option<Function> {
    let mut tokens: Vec<_> = item.clone().into_iter().collect();
    let body = tokens.pop().filter(is_block)?;
    let parser = |input: ParseStream<'_>| {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let asyncness = input.parse()?;
        let fn_token = input.parse()?;
        let ident: Ident = input.parse()?;
        let generics: Generics = input.parse()?;
        let content;
        let paren_token = syn::parenthesized!(content in input);
        let inputs: TokenStream = content.parse()?;
        let rest: TokenStream = input.parse()?;
        let sig = Signature {
            constness: None,
            asyncness,
            safety: syn::Safety::Default,
            abi: None,
            fn_token,
            ident,
            generics,
            paren_token,
            inputs: Punctuated::new(),
            variadic: None,
            output: ReturnType::Default,
        };
        let function = Function {
            attrs,
            vis,
            sig,
            body: Body::Block(body.clone()),
        };
        Ok((function, inputs, rest))
    };
    let (mut function, inputs, rest) = parser.parse2(tokens.into_iter().collect()).ok()?;
    let mut missing = Vec::new();
    // True if a comma is missing or superfluous.
    let mut misses_comma = false;
    let mut parts = split(inputs);
    if parts.last().is_some_and(TokenStream::is_empty) {
        parts.pop();
    }
    for part in parts {
        let before = function.sig.inputs.len();
        parameter(part, &mut function.sig.inputs, &mut missing)?;
        misses_comma |= function.sig.inputs.len() != before + 1;
    }
    let is_missing_output = returned(rest, &mut function.sig)?;
    if missing.is_empty() && !misses_comma && !is_missing_output {
        return None;
    }
    // Code that uses a parameter without a type would have errors for that reason alone, so the
    // body is dropped.
    let body = function.body_tokens();
    let is_used = missing
        .iter()
        .any(|name| mentions(body.clone(), &name.to_string()));
    if is_used || is_missing_output {
        let empty = quote!({ ::core::panic!("this function has errors") });
        function.body = Body::Block(empty.into_iter().next()?);
    }
    function.attrs.push(syn::parse_quote!(#[allow(unused)]));
    Some(function)
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Splits the parameters at their commas.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    let mut depth = 0_usize;
    let mut after_dash = false;
    for token in tokens {
        let mut dash = false;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if !after_dash => depth = depth.saturating_sub(1),
                '-' => dash = punct.spacing() == Spacing::Joint,
                ',' if depth == 0 => {
                    parts.push(TokenStream::new());
                    continue;
                }
                _ => {}
            }
        }
        after_dash = dash;
        if let Some(part) = parts.last_mut() {
            part.extend([token]);
        }
    }
    parts
}

/// Parses one parameter. `None` if it is wrong rather than unfinished.
fn parameter(
    part: TokenStream,
    inputs: &mut Punctuated<FnArg, Token![,]>,
    missing: &mut Vec<Ident>,
) -> Option<()> {
    if part.is_empty() {
        return Some(());
    }
    let several = |input: ParseStream<'_>| {
        let mut read = Vec::new();
        while !input.is_empty() {
            read.push(input.parse::<FnArg>()?);
        }
        Ok(read)
    };
    match several.parse2(part.clone()) {
        Ok(read) => {
            inputs.extend(read);
            return Some(());
        }
        Err(error) if error.to_string().starts_with("unexpected end of input") => {}
        // A parameter without a type may lack its colon too.
        Err(_) if part.clone().into_iter().count() == 1 => {}
        Err(_) if with_mut_for_a_reference(part.clone()).is_some() => {}
        Err(_) => return None,
    }
    if let Some((name, read)) = with_mut_for_a_reference(part.clone()) {
        missing.push(name);
        inputs.push(read);
        return Some(());
    }
    let name = |input: ParseStream<'_>| {
        let pat = input.call(Pat::parse_single)?;
        let colon = input.parse::<Option<Token![:]>>()?;
        Ok((pat, colon, input.parse::<TokenStream>()?))
    };
    let (pat, colon, ty) = name.parse2(part).ok()?;
    if let Pat::Ident(pat) = &pat {
        missing.push(pat.ident.clone());
    }
    let is_session = inputs
        .iter()
        .all(|input| matches!(input, FnArg::Receiver(_)))
        && ty.to_string().starts_with('&');
    // A parameter whose type is missing accepts any argument.
    let any = quote!(impl ::core::marker::Sized);
    inputs.push(FnArg::Typed(PatType {
        attrs: Vec::new(),
        pat: Box::new(pat),
        colon_token: colon.unwrap_or_default(),
        ty: Box::new(if is_session {
            Type::Verbatim(any)
        } else {
            syn::parse2(any).ok()?
        }),
    }));
    Some(())
}

/// Parses `db: mut Session<AppDb>`.
fn with_mut_for_a_reference(part: TokenStream) -> Option<(Ident, FnArg)> {
    let parser = |input: ParseStream<'_>| {
        let name: Ident = input.parse()?;
        let colon: Token![:] = input.parse()?;
        input.parse::<Token![mut]>()?;
        Ok((name, colon, input.parse::<Type>()?))
    };
    let (name, colon, ty) = parser.parse2(part).ok()?;
    let read = syn::parse_quote!(#name #colon #ty);
    Some((name, read))
}

/// Parses what follows the parameters. Returns true if the type after `->` is missing, and `None`
/// if something else is wrong.
fn returned(rest: TokenStream, sig: &mut Signature) -> Option<bool> {
    let parser = |input: ParseStream<'_>| {
        let arrow = input.parse::<Option<Token![->]>>()?;
        let is_missing = arrow.is_some() && (input.is_empty() || input.peek(Token![where]));
        let output = match arrow {
            Some(arrow) if is_missing => ReturnType::Type(
                arrow,
                syn::parse_quote!(::core::result::Result<(), ::session_factory::SessionError>),
            ),
            Some(arrow) => ReturnType::Type(arrow, input.parse()?),
            None => ReturnType::Default,
        };
        Ok((is_missing, output, input.parse::<Option<WhereClause>>()?))
    };
    let (is_missing, output, clause) = parser.parse2(rest).ok()?;
    sig.output = output;
    sig.generics.where_clause = clause;
    Some(is_missing)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn read(text: &str) -> Option<String> {
        let item: TokenStream = format!("{text} {{ use_of(db); }}").parse().expect("tokens");
        let function = parse(&item)?;
        Some(function.sig.to_token_stream().to_string().replace(' ', ""))
    }

    #[test]
    fn what_is_missing_is_taken_for_anything() {
        let sized = "impl::core::marker::Sized";
        for (text, inputs) in [
            (
                "async fn f(db: &mut S, id: ) -> R",
                format!("db:&mutS,id:{sized}"),
            ),
            (
                "async fn f(db: &mut S, id) -> R",
                format!("db:&mutS,id:{sized}"),
            ),
            (
                "async fn f(db: &mut , id: i32) -> R",
                format!("db:{sized},id:i32"),
            ),
            (
                "async fn f(db: &mut S, id: Vec<, n: i32) -> R",
                String::new(),
            ),
            (
                "async fn f(db: mut S, n: i32) -> R",
                "db:S,n:i32".to_owned(),
            ),
            (
                "async fn f(&self, db: &mut S, mut id:) -> R",
                format!("&self,db:&mutS,mutid:{sized}"),
            ),
            (
                "async fn f(db: &mut S, f: fn(u8) -> u8, id: &) -> R",
                format!("db:&mutS,f:fn(u8)->u8,id:{sized}"),
            ),
        ] {
            let expected = (!inputs.is_empty()).then(|| format!("asyncfnf({inputs})->R"));
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_return_type_is_a_result() {
        let read = read("async fn f(db: &mut S) -> ").expect("a function");
        assert!(
            read.ends_with("->::core::result::Result<(),::session_factory::SessionError>"),
            "{read}"
        );
    }

    #[test]
    fn what_is_not_unfinished_is_left_to_others() {
        for text in [
            "async fn f(db: &mut S) -> R",
            "async fn f(5: S) -> R",
            "struct X",
            "async f(db: )",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
