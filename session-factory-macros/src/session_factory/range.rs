//! Ranges of allowed values: `1..=200` in `pool_size: 1..=200` and in `batch: u32 in 1..=1000`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Expr, Lit, RangeLimits, Token, parse_quote};

use super::literals::duration_tokens;
use super::number::Number;

/// A range between literals.
pub(super) struct Range {
    lower: Option<Expr>,
    limits: RangeLimits,
    upper: Option<Expr>,
}

/// The kind of number that a range's bounds are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Numbers of a type that the macro does not know.
    Numbers,
    Whole,
    Floats,
    Durations,
}

/// True if a range comes next, and not a type.
pub(super) fn begins(input: ParseStream<'_>) -> bool {
    input.peek(Lit) || input.peek(Token![-]) || input.peek(Token![..])
}

/// True if `..` follows the first bound.
pub(super) fn has_limits(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    bound(&fork).is_ok() && fork.peek(Token![..])
}

/// The form of a range, for messages.
pub(super) const FORM: &str =
    "expected the values that are allowed; write a range of literals: `1..=200`";

/// Parses a range of literals. Parsing an expression would read too far: `1..=200 = env("KEY")` is
/// an assignment.
pub(super) fn parse(input: ParseStream<'_>) -> syn::Result<Range> {
    let error = |error: syn::Error| syn::Error::new(error.span(), FORM);
    let lower = bound(input)?;
    let limits: RangeLimits = input.parse().map_err(error)?;
    let upper = bound(input)?;
    if upper.is_none() && (lower.is_none() || matches!(limits, RangeLimits::Closed(_))) {
        return Err(syn::Error::new_spanned(limits, FORM));
    }
    Ok(Range {
        lower,
        limits,
        upper,
    })
}

fn bound(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(Token![-]) {
        let minus: Token![-] = input.parse()?;
        let literal: Lit = input.parse()?;
        return Ok(Some(parse_quote!(#minus #literal)));
    }
    if input.peek(Lit) {
        let literal: Lit = input.parse()?;
        return Ok(Some(parse_quote!(#literal)));
    }
    Ok(None)
}

impl Range {
    /// Returns the error in this range for a setting whose bounds must be of this kind.
    pub(super) fn refuses(&self, bounds: Bounds) -> Option<String> {
        let of_another_kind = [&self.lower, &self.upper]
            .into_iter()
            .flatten()
            .any(|bound| {
                matches!(
                    (bounds, Number::of(bound)),
                    (Bounds::Floats, Some(Number::Integer(_)))
                        | (Bounds::Whole, Some(Number::Float(_)))
                )
            });
        if of_another_kind {
            return Some(match bounds {
                Bounds::Floats => {
                    let points = self.with_points();
                    format!(
                        "the bounds are numbers with a point; write `{}`",
                        points.source()
                    )
                }
                _ => "the bounds are whole numbers; write `1..=200`".to_owned(),
            });
        }
        let numbers = [&self.lower, &self.upper]
            .into_iter()
            .flatten()
            .map(|bound| match (bounds, Number::of(bound)?) {
                (Bounds::Durations, number) => number.as_duration().map(Number::Duration),
                (_, Number::Duration(_)) => None,
                (_, number) => Some(number),
            })
            .collect::<Option<Vec<_>>>();
        match (numbers.as_deref(), bounds) {
            (None, Bounds::Durations) => {
                Some("expected a range of durations; write `\"1s\"..=\"5m\"`".to_owned())
            }
            (None, _) => Some("expected a range of numbers; write `1..=200`".to_owned()),
            (Some([lower, upper]), _) if lower > upper => {
                let turned = Self {
                    lower: self.upper.clone(),
                    limits: self.limits,
                    upper: self.lower.clone(),
                };
                Some(format!(
                    "the smaller bound comes first; write `{}`",
                    turned.source()
                ))
            }
            (Some([lower, upper]), _)
                if lower == upper && matches!(self.limits, RangeLimits::HalfOpen(_)) =>
            {
                let closed = Self {
                    lower: self.lower.clone(),
                    limits: RangeLimits::Closed(parse_quote!(..=)),
                    upper: self.upper.clone(),
                };
                Some(format!(
                    "no value is in this range, as `..` leaves out its end; write `{}`",
                    closed.source()
                ))
            }
            _ => None,
        }
    }

    /// The same range with floating-point bounds. An exclusive upper bound becomes inclusive,
    /// because the last value below it cannot be written.
    fn with_points(&self) -> Self {
        let point = |bound: &Option<Expr>| {
            let bound = bound.as_ref()?;
            let text = bound.to_token_stream().to_string().replace(' ', "");
            let is_whole = matches!(Number::of(bound), Some(Number::Integer(_)));
            let text = if is_whole { format!("{text}.0") } else { text };
            syn::parse_str(&text).ok()
        };
        let upper = point(&self.upper);
        Self {
            lower: point(&self.lower),
            limits: if upper.is_some() {
                RangeLimits::Closed(parse_quote!(..=))
            } else {
                self.limits
            },
            upper,
        }
    }

    pub(super) fn contains(&self, number: Number) -> bool {
        let number_of = |bound: &Expr| Number::of(bound);
        let above = self
            .lower
            .as_ref()
            .and_then(number_of)
            .is_none_or(|lower| lower <= number);
        let below = self
            .upper
            .as_ref()
            .and_then(number_of)
            .is_none_or(|upper| match self.limits {
                RangeLimits::HalfOpen(_) => number < upper,
                RangeLimits::Closed(_) => number <= upper,
            });
        above && below
    }

    /// The range without quotes, for messages.
    pub(super) fn words(&self) -> String {
        self.source().replace('"', "")
    }

    /// The range as the macro accepts it.
    pub(super) fn source(&self) -> String {
        let words = |bound: &Option<Expr>| bound.to_token_stream().to_string().replace("- ", "-");
        let limits = match self.limits {
            RangeLimits::HalfOpen(_) => "..",
            RangeLimits::Closed(_) => "..=",
        };
        format!("{}{limits}{}", words(&self.lower), words(&self.upper))
    }

    /// The range as an expression.
    pub(super) fn tokens(&self, bounds: Bounds) -> TokenStream {
        let tokens = |bound: &Option<Expr>| {
            let bound = bound.as_ref()?;
            Some(match bounds {
                Bounds::Numbers | Bounds::Whole | Bounds::Floats => bound.to_token_stream(),
                Bounds::Durations => duration_tokens(Number::of(bound)?.as_duration()?),
            })
        };
        let (lower, limits, upper) = (tokens(&self.lower), &self.limits, tokens(&self.upper));
        quote!(#lower #limits #upper)
    }
}

impl ToTokens for Range {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.lower.to_tokens(tokens);
        self.limits.to_tokens(tokens);
        self.upper.to_tokens(tokens);
    }
}
