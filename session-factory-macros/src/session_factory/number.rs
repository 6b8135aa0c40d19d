//! Values that the macro can compare at compile time.

use std::cmp::Ordering;
use std::time::Duration;

use syn::{Expr, ExprUnary, Lit, UnOp};

use super::literals::{has_unit, literal};
use crate::duration::parse as parse_duration;

/// A number or a duration.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
    Duration(Duration),
}

impl Number {
    /// The value of a literal, with or without a minus sign. A string is parsed as a duration.
    pub(super) fn of(value: &Expr) -> Option<Self> {
        match value {
            Expr::Unary(ExprUnary {
                op: UnOp::Neg(_),
                expr,
                ..
            }) => match Self::of(expr)? {
                Self::Integer(number) => Some(Self::Integer(-number)),
                Self::Float(number) => Some(Self::Float(-number)),
                Self::Duration(_) => None,
            },
            value => match literal(value)? {
                Lit::Int(literal) if has_unit(literal.suffix()) => None,
                Lit::Float(literal) if has_unit(literal.suffix()) => None,
                Lit::Int(literal) => literal.base10_parse().ok().map(Self::Integer),
                Lit::Float(literal) => literal.base10_parse().ok().map(Self::Float),
                Lit::Str(literal) => parse_duration(&literal.value()).map(Self::Duration),
                _ => None,
            },
        }
    }

    /// The value as a duration; a number counts as seconds.
    pub(super) fn as_duration(self) -> Option<Duration> {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "nobody waits for that long")]
            Self::Integer(seconds) => Duration::try_from_secs_f64(seconds as f64).ok(),
            Self::Float(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Self::Duration(duration) => Some(duration),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    #[allow(clippy::cast_precision_loss, reason = "a float is compared with it")]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Integer(one), Self::Integer(other)) => Some(one.cmp(&other)),
            (Self::Integer(one), Self::Float(other)) => (one as f64).partial_cmp(&other),
            (Self::Float(one), Self::Integer(other)) => one.partial_cmp(&(other as f64)),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(&other),
            _ => self.as_duration()?.partial_cmp(&other.as_duration()?),
        }
    }
}
