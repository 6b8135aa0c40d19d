//! Tests on real databases: what [`#[session_factory::test]`](macro@crate::test) gives a test. Feature `testing`.
//!
//! The guide's page [Testing](crate::guide::testing) shows how tests are written; this is how one is run:
//!
//! | file | does |
//! | --- | --- |
//! | `place` | finds the server, and refuses one that is not this machine's and was not given for tests |
//! | `databases` | what differs between databases: creating, copying, locking, dropping |
//! | `names` | what each database is called, and what its name says |
//! | `template` | builds what a test's database is a copy of, once |
//! | `slot` | the slots of this process: locks, connections, copies made ahead |
//! | `lease` | a database for one test, and what becomes of it |
//! | `sweep` | removes what killed runs and old builds have left |
//! | `every_await` | drops a call at each of its polls, on copies of the test's database |
//! | `wanted` | the factories of one test |
//! | `migrations` | the SQL of diesel's migrations |
//! | `record` | the units of work and the statements of a test |
//! | `fault` | failures on demand |
//! | `run` | the runtime, the body, what it left behind, the verdict |

mod databases;
mod every_await;
mod fault;
mod fixture;
mod lease;
mod migrations;
#[cfg(feature = "mysql")]
mod mysql;
mod names;
mod outcome;
mod parameter;
mod place;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod run;
mod slot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod strays;
mod sweep;
mod template;
mod test;
mod wanted;

pub use self::databases::Tested;
pub use self::every_await::{EveryAwait, Polls};
pub use self::fault::{Fault, Kept};
pub use self::fixture::{Fixture, FixtureFunction, FixtureResult};
pub use self::migrations::TestMigrations;
pub use self::outcome::Outcome;
pub use self::parameter::{Parameter, parameter};
pub use self::plan::{Plan, RollsBack, rolls_back};
pub use self::record::{Repeated, Statements, Units};
pub use self::run::run;
pub use self::test::{Test, TestHandle};
pub use self::wanted::{Wanted, WantedFactory};
