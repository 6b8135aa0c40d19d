//! The application's own typed keys.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, GenericArgument, Lit, Path, PathArguments, Type, Visibility};

use super::input::words;
use super::literals::{duration_tokens, has_unit, literal};
use super::meant::{Line, declaration, duration, named_key, quoted};
use super::number::Number;
use super::range::Bounds;
use super::values::parse_boolean;
use crate::diagnostics::{pretty, respanned};
use crate::duration::{meant as meant_duration, parse as parse_duration};

/// What the macro can see of a custom key's type.
pub(super) struct CustomType<'a> {
    pub(super) ty: &'a Type,
    /// The type inside the `Option`, if there is one; else the type itself.
    pub(super) inner: &'a Type,
    /// True for `Option<…>`: the key may be unset.
    pub(super) optional: bool,
    /// True if the program must not contain the value.
    pub(super) secret: bool,
    /// The name of `inner`.
    name: String,
}

impl<'a> CustomType<'a> {
    pub(super) fn of(ty: &'a Type) -> Self {
        let (name, inner) = name_and_argument(ty);
        let optional = name == "Option";
        let of_option = inner.filter(|_| optional).unwrap_or(ty);
        let name = if optional {
            inner.map(|ty| name_and_argument(ty).0).unwrap_or_default()
        } else {
            name
        };
        let secret = name.starts_with("Secret");
        Self {
            ty,
            inner: of_option,
            optional,
            secret,
            name,
        }
    }

    /// The type's name in `KEYS`.
    pub(super) fn words(&self) -> String {
        let text = self.ty.to_token_stream().to_string();
        text.replace(" :: ", "::")
            .replace(" <", "<")
            .replace("< ", "<")
            .replace(" >", ">")
            .replace("& ", "&")
    }

    /// True if the name belongs to a type that is always `Clone` and `Debug`.
    pub(super) fn is_known(&self) -> bool {
        whole(&self.name).is_some()
            || [
                "bool",
                "char",
                "f32",
                "f64",
                "String",
                "PathBuf",
                "IpAddr",
                "SocketAddr",
                "Duration",
                "SecretString",
                "SecretUrl",
            ]
            .contains(&self.name.as_str())
    }

    /// True if a struct's field can have this type.
    pub(super) fn can_be_a_field(&self) -> bool {
        matches!(
            self.ty,
            Type::Path(_) | Type::Group(_) | Type::Paren(_) | Type::Macro(_)
        )
    }

    /// What is wrong with the type, as far as its name shows.
    pub(super) fn unreadable(&self, vis: &Visibility) -> Option<String> {
        let written = self.words();
        // A public factory's configuration has a public field of this type, so the wrapper takes that visibility.
        let vis = pretty(vis);
        let space = if vis.is_empty() { "" } else { " " };
        let wrapper = format!(
            "declare a type of your own around it, `#[derive(Clone, Debug)] {vis}{space}struct Wrapper(…)` with \
             `impl std::str::FromStr for Wrapper`, and write `Wrapper`"
        );
        let advice = match self.ty {
            Type::Reference(reference) => match reference.elem.as_ref() {
                Type::Path(path) if path.path.is_ident("str") => "write `String`".to_owned(),
                Type::Path(path) => {
                    format!("write `{}`, without `&`", path.to_token_stream())
                }
                _ => "write `String`".to_owned(),
            },
            Type::Path(path) if path.path.is_ident("str") => "write `String`".to_owned(),
            Type::Path(_) => {
                let has_no_from_str = [
                    "Vec",
                    "VecDeque",
                    "HashMap",
                    "HashSet",
                    "BTreeMap",
                    "BTreeSet",
                    "Box",
                    "Rc",
                    "Arc",
                    "Cow",
                    "Result",
                    "Instant",
                    "SystemTime",
                    "Range",
                    "RangeInclusive",
                ];
                if !has_no_from_str.contains(&self.name.as_str()) {
                    return None;
                }
                wrapper
            }
            Type::Infer(_) => "write the type out, as in `batch: u32`".to_owned(),
            Type::Paren(_) | Type::Group(_) | Type::Macro(_) => return None,
            _ => wrapper,
        };
        Some(format!(
            "an environment variable holds one text, of which no `{written}` can be made; {advice}"
        ))
    }

    /// What is wrong with a value of this type, as far as the macro can see.
    pub(super) fn refuses_value(&self, value: &Expr, line: &Line<'_>) -> Option<String> {
        if let (false, Some(message)) = (self.optional, self.is_option(value, line)) {
            return Some(message);
        }
        if line.function.is_none()
            && let Some(function) = reads_environment(value)
            && let Some((key, _)) = named_key(&value.to_token_stream())
        {
            let written = line.is(&format!("{function}(\"{key}\")"));
            return Some(format!("write `{written}`"));
        }
        if self.name == "Duration"
            && let Some(duration) = duration(value).filter(|duration| *duration != Duration::MAX)
        {
            let written = line.with(&quoted(duration));
            return Some(format!("write the duration as a text: `{written}`"));
        }
        self.refuses_literal(value)
    }

    /// The error for `None` or `Some(5)` as the value of a key that is not optional.
    fn is_option(&self, value: &Expr, line: &Line<'_>) -> Option<String> {
        let text = words(&value.to_token_stream());
        if text == "None" || text == "Option::None" {
            let (name, ty) = (line.name, self.words());
            let optional = format!("Option<{ty}>");
            let written = match &line.function {
                Some(function) => format!("{function}(\"{}\")", line.key),
                None => format!("env(\"{}\")", line.key),
            };
            return Some(format!(
                "`{name}` is a `{ty}`, which is never `None`; for a key that may be missing write `{}`",
                declaration(name, Some(&optional), line.range, &written)
            ));
        }
        let Expr::Call(call) = value else {
            return None;
        };
        let is_some = words(&call.func.to_token_stream()) == "Some";
        let argument = call.args.first().filter(|_| is_some)?;
        let written = line.with(&words(&argument.to_token_stream()));
        Some(format!("write the value alone: `{written}`"))
    }

    /// The error for a literal that cannot be a value of this type. Strings pass here, because they
    /// are parsed later, like values from the environment.
    fn refuses_literal(&self, value: &Expr) -> Option<String> {
        let negative = matches!(value, Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)));
        let literal = match value {
            Expr::Unary(unary) if negative => literal(&unary.expr)?,
            value => literal(value)?,
        };
        let is_number = matches!(literal, Lit::Int(_) | Lit::Float(_));
        match (self.name.as_str(), literal) {
            (_, Lit::Str(_)) | ("bool", Lit::Bool(_)) | ("char", Lit::Char(_)) => None,
            ("bool", _) => Some("expected a boolean; write `true` or `false`".to_owned()),
            ("char", _) => Some("expected one character; write `','`".to_owned()),
            ("String" | "PathBuf", literal) => {
                let text = literal.to_token_stream().to_string();
                let text = text.trim_matches('\'');
                Some(format!("expected a text; write `\"{text}\"`"))
            }
            ("Duration", Lit::Int(_) | Lit::Float(_)) if has_unit(suffix(literal)) => {
                let text = literal.to_token_stream().to_string();
                Some(format!("write the duration as a text: `\"{text}\"`"))
            }
            ("Duration", _) if is_number && !negative => None,
            ("Duration", _) => {
                Some("expected a duration; write `\"30s\"` or `\"500ms\"`".to_owned())
            }
            ("f32" | "f64", Lit::Int(number)) => Some(format!(
                "expected a number with a point; write `{}{}.0`",
                if negative { "-" } else { "" },
                number.base10_digits()
            )),
            (name, literal) if whole(name).is_some() => {
                let text = literal.to_token_stream().to_string();
                let text = match literal {
                    Lit::Int(number) => number.base10_digits(),
                    _ => text.as_str(),
                };
                let text = if negative {
                    format!("-{text}")
                } else {
                    text.to_owned()
                };
                self.refuses(&text)
            }
            _ => None,
        }
    }

    /// The error for a text that cannot be a value of this type, if the macro can see that.
    pub(super) fn refuses(&self, text: &str) -> Option<String> {
        if self.name == "Duration"
            && let Some(meant) = meant_duration(text)
        {
            return Some(format!("expected a duration; write `\"{meant}\"`"));
        }
        let (parses, expected) = match self.name.as_str() {
            "bool" => (
                parse_boolean(text).is_some(),
                "expected a boolean; write `true` or `false`",
            ),
            "Duration" => (
                parse_duration(text).is_some(),
                "expected a duration; write `\"30s\"` or `\"500ms\"`",
            ),
            "char" => (
                text.chars().count() == 1,
                "expected one character; write `','`",
            ),
            "IpAddr" => (
                text.parse::<IpAddr>().is_ok(),
                "expected an IP address; write `\"127.0.0.1\"`",
            ),
            "SocketAddr" => (
                text.parse::<SocketAddr>().is_ok(),
                "expected an address with a port; write `\"127.0.0.1:8080\"`",
            ),
            "f32" | "f64" => (
                text.parse::<f64>().is_ok_and(f64::is_finite),
                "expected a number; write `0.5`",
            ),
            name => {
                let (least, most) = whole(name)?;
                let fits = match text.parse::<i128>() {
                    Ok(number) => {
                        least <= number && u128::try_from(number).is_ok_and(|number| number <= most)
                            || (least..0).contains(&number)
                    }
                    Err(_) => text.parse::<u128>().is_ok_and(|number| number <= most),
                };
                return (!fits)
                    .then(|| format!("expected a whole number from {least} to {most}; write `5`"));
            }
        };
        (!parses).then(|| expected.to_owned())
    }

    /// The number that this text stands for in the environment, if the macro can compare it with a range.
    pub(super) fn number(&self, text: &str) -> Option<Number> {
        match self.bounds() {
            Bounds::Durations => parse_duration(text).map(Number::Duration),
            Bounds::Numbers | Bounds::Whole | Bounds::Floats => text
                .parse()
                .map(Number::Integer)
                .or_else(|_| text.parse().map(Number::Float))
                .ok(),
        }
    }

    /// The kind of number that a range's bounds must be.
    pub(super) fn bounds(&self) -> Bounds {
        match self.name.as_str() {
            "Duration" => Bounds::Durations,
            "f32" | "f64" => Bounds::Floats,
            name if whole(name).is_some() => Bounds::Whole,
            _ => Bounds::Numbers,
        }
    }

    /// True if a range makes no sense for this type.
    pub(super) fn has_no_range(&self) -> bool {
        self.secret
            || matches!(
                self.name.as_str(),
                "bool" | "char" | "String" | "PathBuf" | "IpAddr" | "SocketAddr"
            )
    }

    /// An expression that selects how the runtime reads the type: by `FromStr`, as an `Option`, or not at all.
    pub(super) fn how(&self, krate: &Path) -> TokenStream {
        let ty = self.ty;
        let span = ty.span();
        let private = respanned(quote!(#krate::__private), span);
        // Names resolve with this macro's hygiene, while errors point at the type that causes them.
        quote_spanned! {span.resolved_at(Span::mixed_site())=> {
            #[allow(unused_imports)]
            use #private::{ByFromStr as _, OptionByFromStr as _, Unreadable as _};
            (&#private::Custom::<#ty>::new()).how()
        }}
    }

    /// An expression for the value of a text from the macro's input or from `build_env`. The
    /// runtime parses the text as if it came from the environment.
    pub(super) fn of_text(&self, text: &str, krate: &Path) -> TokenStream {
        let how = self.how(krate);
        quote!(#how.value(#text))
    }

    /// A constant of this type.
    pub(super) fn constant(&self, value: &Expr, krate: &Path) -> TokenStream {
        if let Some(Lit::Str(text)) = literal(value) {
            return self.of_text(&text.value(), krate);
        }
        let value = self.default(value);
        quote!(::core::option::Option::Some(#value))
    }

    /// A value other than a string, as an expression of this type. If the type is optional, a
    /// literal is wrapped in `Some`. A bare number for a `Duration` is seconds, as in the
    /// environment.
    pub(super) fn default(&self, value: &Expr) -> TokenStream {
        let is_literal = literal(value).is_some() || matches!(value, Expr::Unary(_));
        let duration = match Number::of(value) {
            Some(number) if self.name == "Duration" => number.as_duration(),
            _ => None,
        };
        let tokens = duration.map_or_else(|| value.to_token_stream(), duration_tokens);
        if self.optional && is_literal {
            return quote!(::core::option::Option::Some(#tokens));
        }
        tokens
    }
}

/// Finds code that reads the environment, and returns the function to write instead: `env` for `std::env::var("KEY")`,
/// with or without methods called on it; `build_env` for a bare `env!("KEY")`, because no key can have its type.
fn reads_environment(value: &Expr) -> Option<&'static str> {
    match value {
        Expr::MethodCall(call) => reads_environment(&call.receiver).filter(|found| *found == "env"),
        Expr::Try(inner) => reads_environment(&inner.expr),
        Expr::Call(call) => {
            let function = words(&call.func.to_token_stream());
            let is_var = ["env::var", "env::var_os", "dotenvy::var", "getenv"]
                .iter()
                .any(|known| function.ends_with(known));
            is_var.then_some("env")
        }
        Expr::Macro(call) => {
            let name = &call.mac.path.segments.last()?.ident;
            (name == "env" || name == "option_env").then_some("build_env")
        }
        _ => None,
    }
}

fn suffix(literal: &Lit) -> &str {
    match literal {
        Lit::Int(number) => number.suffix(),
        Lit::Float(number) => number.suffix(),
        _ => "",
    }
}

/// The least and the greatest value of this integer type.
fn whole(name: &str) -> Option<(i128, u128)> {
    Some(match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        "u128" => (0, u128::MAX),
        "i8" => (i8::MIN.into(), i8::MAX.unsigned_abs().into()),
        "i16" => (i16::MIN.into(), i16::MAX.unsigned_abs().into()),
        "i32" => (i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.unsigned_abs().into()),
        "i128" => (i128::MIN, i128::MAX.unsigned_abs()),
        "NonZeroU8" => (1, u8::MAX.into()),
        "NonZeroU16" => (1, u16::MAX.into()),
        "NonZeroU32" => (1, u32::MAX.into()),
        "NonZeroU64" | "NonZeroUsize" => (1, u64::MAX.into()),
        _ => return None,
    })
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
