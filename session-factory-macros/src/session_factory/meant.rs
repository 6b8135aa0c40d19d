//! Guesses what the user meant by an invalid value: `10` for `2 * 5`, `"30s"` for
//! `Duration::from_secs(30)`.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{BinOp, Expr, Lit, Stmt, Type, UnOp};

use super::input::words;
use super::key_name::is_key;
use super::literals::{has_unit, literal};
use super::range::Range;
use super::settings::{Kind, standard};
use super::values::{check, instead, parse_boolean};

/// One line of the macro's block. Messages print it with the value that the user should write.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// The type, if the line is for a key of the application.
    pub(super) ty: Option<&'a Type>,
    pub(super) range: Option<&'a Range>,
    /// The key that the line reads, or would read by default.
    pub(super) key: String,
    /// `env` or `build_env`, if the value is a key's default.
    pub(super) function: Option<String>,
}

impl<'a> Line<'a> {
    pub(super) fn of(
        name: &'a str,
        ty: Option<&'a Type>,
        range: Option<&'a Range>,
        function: Option<String>,
        key: String,
    ) -> Self {
        Self {
            name,
            ty,
            range,
            key,
            function,
        }
    }

    /// True if the program must not contain the value.
    pub(super) fn is_secret(&self) -> bool {
        let ty = self.ty.map(|ty| words(&ty.to_token_stream()));
        standard(self.name).is_some_and(|standard| standard.kind.is_secret())
            || ty.is_some_and(|ty| ty.contains("Secret"))
    }

    /// The line with this value in place of the user's.
    pub(super) fn with(&self, value: &str) -> String {
        let key = &self.key;
        match &self.function {
            Some(function) => self.is(&format!("{function}(\"{key}\", default = {value})")),
            None => self.is(value),
        }
    }

    /// The line with a value that reads the line's own key, without a default.
    pub(super) fn reads(&self) -> String {
        self.reads_key(&self.key)
    }

    /// The line with a value that reads this key.
    pub(super) fn reads_key(&self, key: &str) -> String {
        let function = self.function.as_deref().unwrap_or("env");
        self.is(&format!("{function}(\"{key}\")"))
    }

    /// The line with this range, and `value` after `=`.
    pub(super) fn with_range(&self, range: &str, value: &str) -> String {
        let ty = self.ty.map(|ty| words(&ty.to_token_stream()));
        match ty {
            Some(ty) => format!("{}: {ty} in {range} = {value}", self.name),
            None if standard(self.name).is_some() => format!("{}: {range} = {value}", self.name),
            None => format!("{}: u32 in {range} = {value}", self.name),
        }
    }

    /// The line with `value` after `=`.
    pub(super) fn is(&self, value: &str) -> String {
        let ty = self.ty.map(|ty| words(&ty.to_token_stream()));
        declaration(self.name, ty.as_deref(), self.range, value)
    }
}

/// Formats `batch: u32 in 1..=1000 = value`.
pub(super) fn declaration(
    name: &str,
    ty: Option<&str>,
    range: Option<&Range>,
    value: &str,
) -> String {
    let range = range.map(Range::source);
    match (ty, range) {
        (Some(ty), Some(range)) => format!("{name}: {ty} in {range} = {value}"),
        (Some(ty), None) => format!("{name}: {ty} = {value}"),
        (None, Some(range)) => format!("{name}: {range} = {value}"),
        (None, None) => format!("{name} = {value}"),
    }
}

/// The value in the form that this kind of setting accepts.
pub(super) fn meant(kind: Kind, value: &Expr) -> Option<String> {
    if check(kind, value).is_ok() {
        return Some(words(&value.to_token_stream()));
    }
    if let Some(inner) = inner(value) {
        return meant(kind, inner);
    }
    let word = words(&value.to_token_stream()).to_ascii_lowercase();
    let is_off = matches!(word.as_str(), "off" | "none" | "never");
    let found = match kind {
        Kind::Url | Kind::OptionalUrl | Kind::Choice(_) => None,
        Kind::Bool => boolean(value)
            .or_else(|| parse_boolean(&word))
            .map(|value| value.to_string()),
        Kind::Duration | Kind::OptionalDuration | Kind::OptionalSize if is_off => {
            Some("\"off\"".to_owned())
        }
        Kind::Duration | Kind::OptionalDuration => match duration(value) {
            Some(Duration::MAX) => Some("\"off\"".to_owned()),
            Some(duration) => Some(quoted(duration)),
            None => whole(value)
                .filter(|_| literal(value).is_none())
                .and_then(|seconds| seconds.try_into().ok().map(Duration::from_secs))
                .map(quoted),
        },
        Kind::OptionalCount if is_off => Some("0".to_owned()),
        Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize => {
            whole(value).map(|number| number.to_string())
        }
    };
    found
        .filter(|text| syn::parse_str(text).is_ok_and(|value| check(kind, &value).is_ok()))
        .or_else(|| instead(kind, value))
}

/// The value inside `Some(5)`, `{ 5 }`, `5 as u32`, `&5` or `"30s".into()`.
pub(super) fn inner(value: &Expr) -> Option<&Expr> {
    const WRAPPERS: [&str; 6] = ["Some", "Ok", "default", "from", "new", "value"];
    match value {
        Expr::Paren(paren) => Some(&paren.expr),
        Expr::Group(group) => Some(&group.expr),
        Expr::Cast(cast) => Some(&cast.expr),
        Expr::Reference(reference) => Some(&reference.expr),
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [Stmt::Expr(value, None)] => Some(value),
            _ => None,
        },
        Expr::MethodCall(call) if call.args.is_empty() && literal(&call.receiver).is_some() => {
            duration(value).is_none().then_some(&*call.receiver)
        }
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else {
                return None;
            };
            let name = function.path.segments.last()?.ident.to_string();
            let is_wrapper = WRAPPERS.contains(&name.as_str()) && call.args.len() == 1;
            is_wrapper.then(|| call.args.first()).flatten()
        }
        _ => None,
    }
}

/// `false`, from `!true`.
fn boolean(value: &Expr) -> Option<bool> {
    match value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
            boolean(&unary.expr).map(|value| !value)
        }
        value => match literal(value)? {
            Lit::Bool(value) => Some(value.value),
            _ => None,
        },
    }
}

/// Evaluates an expression of integer literals.
pub(super) fn whole(value: &Expr) -> Option<i128> {
    match value {
        Expr::Binary(binary) => {
            let (left, right) = (whole(&binary.left)?, whole(&binary.right)?);
            match binary.op {
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Mul(_) => left.checked_mul(right),
                BinOp::Div(_) => left.checked_div(right),
                _ => None,
            }
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => whole(&unary.expr)?.checked_neg(),
        Expr::Path(_) => match words(&value.to_token_stream()).as_str() {
            "u8::MAX" => Some(u8::MAX.into()),
            "u16::MAX" => Some(u16::MAX.into()),
            "u32::MAX" => Some(u32::MAX.into()),
            "i32::MAX" => Some(i32::MAX.into()),
            _ => None,
        },
        value => match literal(value) {
            Some(Lit::Int(number)) if !has_unit(number.suffix()) => number.base10_parse().ok(),
            Some(_) => None,
            None => whole(inner(value)?),
        },
    }
}

/// The duration in `Duration::from_secs(30)`, with or without `Some(…)` around it, in
/// `30.seconds()` or in `Duration::MAX`.
pub(super) fn duration(value: &Expr) -> Option<Duration> {
    match value {
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else {
                return None;
            };
            let name = function.path.segments.last()?.ident.to_string();
            let argument = call.args.first()?;
            match (name.as_str(), call.args.len()) {
                ("Some", 1) => duration(argument),
                ("new", 2) if whole(call.args.last()?)? == 0 => of_unit("secs", argument),
                (name, 1) => of_unit(name.strip_prefix("from_").unwrap_or(name), argument),
                _ => None,
            }
        }
        Expr::MethodCall(call) if call.args.is_empty() => {
            of_unit(&call.method.to_string(), &call.receiver)
        }
        Expr::Path(path) => {
            let mut names = path.path.segments.iter().rev();
            let (last, owner) = (names.next()?, names.next()?);
            match (last.ident.to_string().as_str(), owner.ident == "Duration") {
                ("MAX", true) => Some(Duration::MAX),
                ("ZERO", true) => Some(Duration::ZERO),
                _ => None,
            }
        }
        _ => None,
    }
}

fn of_unit(unit: &str, number: &Expr) -> Option<Duration> {
    if matches!(unit, "secs_f64" | "secs_f32") {
        let Lit::Float(seconds) = literal(number)? else {
            return None;
        };
        return Duration::try_from_secs_f64(seconds.base10_parse().ok()?).ok();
    }
    let number = u64::try_from(whole(number)?).ok()?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match unit {
        "secs" | "seconds" => seconds(1),
        "mins" | "minutes" => seconds(60),
        "hours" => seconds(3600),
        "days" => seconds(86400),
        "weeks" => seconds(7 * 86400),
        "millis" | "milliseconds" => Some(Duration::from_millis(number)),
        "micros" | "microseconds" => Some(Duration::from_micros(number)),
        "nanos" | "nanoseconds" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// A duration as the macro accepts it: `"30s"`.
pub(super) fn quoted(duration: Duration) -> String {
    format!("\"{}\"", crate::duration::text(duration))
}

/// The key in `env!("KEY")`, `std::env::var("KEY")`, `env.KEY`, `"${KEY}"` or `KEY`, and true if
/// the code reads the compiler's environment.
pub(super) fn named_key(value: &TokenStream) -> Option<(String, bool)> {
    let text = words(value);
    if is_screaming(&text) {
        return Some((text, false));
    }
    let lower = text.to_ascii_lowercase();
    let asks = lower.contains("env") || lower.contains("var");
    let is_built = text.contains("env!") || lower.contains("build");
    let Some(quoted) = text.split('"').nth(1) else {
        let last = text
            .rsplit([' ', '.', ':', '(', ')'])
            .find(|word| !word.is_empty())?;
        return (asks && is_screaming(last)).then(|| (last.to_owned(), is_built));
    };
    let written = quoted
        .strip_prefix('$')
        .map(|key| key.trim_matches(['{', '}', '(', ')']))
        .or_else(|| asks.then_some(quoted))?;
    is_key(written).then(|| (written.to_owned(), is_built))
}

/// True for `DATABASE_URL`, the way in which environment variables and constants are written.
pub(super) fn is_screaming(name: &str) -> bool {
    is_key(name)
        && name.contains(|c: char| c.is_ascii_uppercase())
        && !name.contains(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_that_was_meant_is_computed() {
        for (kind, written, expected) in [
            (Kind::Size, "2 * 5", "10"),
            (Kind::Count, "u32::MAX", "4294967295"),
            (Kind::Size, "Some(5 as u32)", "5"),
            (Kind::Size, "{ 5 }", "5"),
            (Kind::Size, "default(5)", "5"),
            (Kind::Size, "\"5\"", "5"),
            (Kind::Bool, "yes", "true"),
            (Kind::Bool, "!true", "false"),
            (Kind::Duration, "5 * 60", "\"5m\""),
            (Kind::Duration, "Duration::from_secs(30 * 60)", "\"30m\""),
            (
                Kind::Duration,
                "std::time::Duration::from_millis(1500)",
                "\"1s 500ms\"",
            ),
            (Kind::Duration, "Duration::from_days(40)", "\"40d\""),
            (Kind::Duration, "Duration::MAX", "\"off\""),
            (Kind::Duration, "30.seconds()", "\"30s\""),
            (Kind::Duration, "30s", "\"30s\""),
            (
                Kind::OptionalDuration,
                "Some(Duration::from_secs_f64(0.5))",
                "\"500ms\"",
            ),
        ] {
            let value = syn::parse_str(written).expect("an expression");
            assert_eq!(meant(kind, &value).as_deref(), Some(expected), "{written}");
        }
        for (kind, written) in [
            (Kind::Size, "num_cpus::get()"),
            (Kind::Size, "5 - 5"),
            (Kind::Duration, "Duration::ZERO"),
            (Kind::Url, "\"postgres://me:secret@localhost/app\""),
        ] {
            let value = syn::parse_str(written).expect("an expression");
            assert_eq!(meant(kind, &value), None, "{written}");
        }
    }
}
