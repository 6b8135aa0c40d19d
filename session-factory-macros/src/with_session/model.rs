//! A valid annotated function: everything that the expansion needs.

use syn::{Ident, Path, Type};

use super::args::Args;
use super::input::Function;
use super::place::Place;

/// A valid annotated function.
pub(super) struct Model<'a> {
    /// The options.
    pub(super) args: &'a Args,
    pub(super) function: &'a Function,
    pub(super) place: Place,
    /// The session's position among the parameters, `self` included.
    pub(super) session_at: usize,
    /// The type after `&mut` in the session's parameter.
    pub(super) session: &'a Type,
    /// `F`, from `#[with_session(F)]`.
    pub(super) factory: Option<&'a Type>,
    /// The awaited return type, and not the future that `#[async_trait]` returns.
    pub(super) output: &'a Type,
    /// True if `#[async_trait]` has rewritten the function to return a boxed future.
    pub(super) boxed: bool,
    /// The name of `f_in`, if there is one.
    pub(super) joined: Option<Ident>,
    /// The path of the runtime crate.
    pub(super) krate: Path,
}
