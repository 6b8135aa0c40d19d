//! What `#[session_factory::test]` names.

pub use crate::testing::{
    Fixture, FixtureFunction, FixtureResult, Outcome, Parameter, Plan, Tested, parameter, run,
};
