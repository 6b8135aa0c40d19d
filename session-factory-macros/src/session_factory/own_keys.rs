//! The application's own typed keys.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, GenericArgument, Lit, Path, PathArguments, Type};

use super::values::literal;
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
                const WORDS: [&str; 10] = [
                    "true", "1", "t", "yes", "on", "false", "0", "f", "no", "off",
                ];
                let ok = WORDS.contains(&text.to_ascii_lowercase().as_str());
                return (!ok).then_some("expected a boolean; write `true` or `false`");
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
            "f32" | "f64" => text.parse::<f64>().is_ok(),
            "Duration" => {
                let ok = parse_duration(text).is_some();
                return (!ok).then_some("expected a duration; write `\"30s\"` or `\"500ms\"`");
            }
            _ => true,
        };
        (!parses).then_some("expected a number that fits the type; write it without quotes")
    }

    /// A constant of this type.
    pub(super) fn constant(&self, value: &Expr, krate: &Path) -> TokenStream {
        let ty = self.ty;
        if let Some(Lit::Str(text)) = literal(value) {
            // A text means what it would mean in the environment.
            return quote!(<#ty as #krate::config::ConfigValue>::parse(#text));
        }
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
