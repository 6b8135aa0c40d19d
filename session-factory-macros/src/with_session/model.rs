//! An annotated function that was found to be right: all that the expansion needs to know.

use syn::{Ident, Path, Type};

use super::args::Args;
use super::input::Function;
use super::place::Place;

/// An annotated function that was found to be right.
pub(super) struct Model<'a> {
    /// The options.
    pub(super) args: &'a Args,
    pub(super) function: &'a Function,
    pub(super) place: Place,
    /// The position of the session among the parameters, `self` counted.
    pub(super) session_at: usize,
    /// The type behind `&mut` of the session.
    pub(super) session: &'a Type,
    /// `F` of `#[with_session(F)]`.
    pub(super) factory: Option<&'a Type>,
    /// The return type: what is awaited, not the future that `#[async_trait]` makes of it.
    pub(super) output: &'a Type,
    /// `#[async_trait]` has made it a function that returns a boxed future.
    pub(super) boxed: bool,
    /// The name of `f_in`, if there is to be one.
    pub(super) joined: Option<Ident>,
    /// Where the runtime crate is.
    pub(super) krate: Path,
}
