//! What `#[session_factory::test]` names.

pub use crate::testing::{
    Fixture, FixtureFunction, FixtureResult, Outcome, Parameter, Plan, RollsBack, TestMigrations,
    Tested, Wanted, WantedFactory, parameter, rolls_back, run,
};
