//! The application's own typed keys.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, GenericArgument, Lit, Path, PathArguments, Type};

use super::number::Number;
use super::range::Bounds;
use super::values::{duration_tokens, literal, parse_boolean};
use crate::diagnostics::respanned;
use crate::duration::parse as parse_duration;

/// What can be seen of an own key's type.
pub(super) struct OwnType<'a> {
    pub(super) ty: &'a Type,
    /// `Option<…>`: may be missing.
    pub(super) optional: bool,
    /// Its value must not be in the program.
    pub(super) secret: bool,
    /// The name of the type, of that in the `Option` if it is one.
    name: String,
}

impl<'a> OwnType<'a> {
    pub(super) fn of(ty: &'a Type) -> Self {
        let (name, inner) = name_and_argument(ty);
        let optional = name == "Option";
        let name = if optional {
            inner.map(|ty| name_and_argument(ty).0).unwrap_or_default()
        } else {
            name
        };
        let secret = name.starts_with("Secret");
        Self {
            ty,
            optional,
            secret,
            name,
        }
    }

    /// How the type is called in `KEYS`.
    pub(super) fn words(&self) -> String {
        let text = self.ty.to_token_stream().to_string();
        text.replace(" :: ", "::")
            .replace(" <", "<")
            .replace("< ", "<")
            .replace(" >", ">")
    }

    /// What is wrong with a text as a value of this type, if that can be seen already.
    pub(super) fn refuses(&self, text: &str) -> Option<&'static str> {
        let parses = match self.name.as_str() {
            "bool" => {
                let ok = parse_boolean(text).is_some();
                return (!ok).then_some("expected a boolean; write `true` or `false`");
            }
            "Duration" => {
                let ok = parse_duration(text).is_some();
                return (!ok).then_some("expected a duration; write `\"30s\"` or `\"500ms\"`");
            }
            "char" => {
                let ok = text.chars().count() == 1;
                return (!ok).then_some("expected one character");
            }
            "IpAddr" => {
                let ok = text.parse::<IpAddr>().is_ok();
                return (!ok).then_some("expected an IP address; write `\"127.0.0.1\"`");
            }
            "SocketAddr" => {
                let ok = text.parse::<SocketAddr>().is_ok();
                return (!ok)
                    .then_some("expected an address with a port; write `\"127.0.0.1:8080\"`");
            }
            "u8" => text.parse::<u8>().is_ok(),
            "u16" => text.parse::<u16>().is_ok(),
            "u32" => text.parse::<u32>().is_ok(),
            "u64" => text.parse::<u64>().is_ok(),
            "u128" => text.parse::<u128>().is_ok(),
            "usize" => text.parse::<usize>().is_ok(),
            "i8" => text.parse::<i8>().is_ok(),
            "i16" => text.parse::<i16>().is_ok(),
            "i32" => text.parse::<i32>().is_ok(),
            "i64" => text.parse::<i64>().is_ok(),
            "i128" => text.parse::<i128>().is_ok(),
            "isize" => text.parse::<isize>().is_ok(),
            "NonZeroU8" => text.parse::<NonZeroU8>().is_ok(),
            "NonZeroU16" => text.parse::<NonZeroU16>().is_ok(),
            "NonZeroU32" => text.parse::<NonZeroU32>().is_ok(),
            "NonZeroU64" => text.parse::<NonZeroU64>().is_ok(),
            "NonZeroUsize" => text.parse::<NonZeroUsize>().is_ok(),
            "f32" | "f64" => text.parse::<f64>().is_ok_and(f64::is_finite),
            _ => true,
        };
        (!parses).then_some("expected a number that fits the type; write it without quotes")
    }

    /// What a text of the environment comes to, as far as that can be compared.
    pub(super) fn number(&self, text: &str) -> Option<Number> {
        match self.bounds() {
            Bounds::Durations => parse_duration(text).map(Number::Duration),
            Bounds::Numbers => text
                .parse()
                .map(Number::Integer)
                .or_else(|_| text.parse().map(Number::Float))
                .ok(),
        }
    }

    /// What the bounds of a range have to be.
    pub(super) fn bounds(&self) -> Bounds {
        if self.name == "Duration" {
            Bounds::Durations
        } else {
            Bounds::Numbers
        }
    }

    /// Whether a range of values makes no sense.
    pub(super) fn has_no_range(&self) -> bool {
        self.secret
            || matches!(
                self.name.as_str(),
                "bool" | "String" | "PathBuf" | "IpAddr" | "SocketAddr"
            )
    }

    /// How the type is read, as an expression.
    pub(super) fn how(&self, krate: &Path) -> TokenStream {
        let ty = self.ty;
        let span = ty.span();
        let private = respanned(quote!(#krate::__private), span);
        // The paths are those of this macro, the place is that of the type: it is the one to blame.
        quote_spanned! {span.resolved_at(Span::mixed_site())=> {
            #[allow(unused_imports)]
            use #private::{ByFromStr as _, OptionByFromStr as _, Unreadable as _};
            (&#private::Own::<#ty>::new()).how()
        }}
    }

    /// A text that is written in the macro or was found by it: it means what it would mean in the
    /// environment.
    pub(super) fn of_text(&self, text: &str, krate: &Path) -> TokenStream {
        let how = self.how(krate);
        quote!(#how.value(#text))
    }

    /// A constant of this type.
    pub(super) fn constant(&self, value: &Expr, krate: &Path) -> TokenStream {
        if let Some(Lit::Str(text)) = literal(value) {
            return self.of_text(&text.value(), krate);
        }
        let value = if self.name == "Duration" && !self.optional {
            // As in the environment, a bare number is seconds.
            Number::of(value)
                .and_then(Number::as_duration)
                .map_or_else(|| value.to_token_stream(), duration_tokens)
        } else {
            value.to_token_stream()
        };
        quote!(::core::option::Option::Some(#value))
    }
}

fn name_and_argument(ty: &Type) -> (String, Option<&Type>) {
    let Type::Path(path) = ty else {
        return (String::new(), None);
    };
    let Some(last) = path.path.segments.last() else {
        return (String::new(), None);
    };
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(ty)) => Some(ty),
            _ => None,
        },
        _ => None,
    };
    (last.ident.to_string(), argument)
}
