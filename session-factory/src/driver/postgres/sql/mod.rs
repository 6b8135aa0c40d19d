//! What SQL does, as far as its text shows.

pub(super) mod calls;
pub(super) mod effects;
pub(super) mod lexer;
pub(super) mod names;
pub(super) mod reset;
pub(super) mod side_effects;
pub(super) mod statement_timeout;
pub(super) mod transaction_control;
