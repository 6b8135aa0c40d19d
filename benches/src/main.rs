//! `cargo xtask bench`: measures the library beside its alternatives.
//!
//! There is one file for each measurement, and one for each system under `systems`.

mod arguments;
mod bed;
mod compile;
mod contention;
mod latency;
mod origin;
mod overhead;
mod pgbench;
mod report;
mod results;
mod spent;
mod sqlite;
mod storm;
mod systems;
#[cfg(feature = "testing")]
mod testing;
mod unit;
mod wan;
mod wire;

use anyhow::Result;
use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Name};

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    arguments.check()?;
    #[cfg(feature = "testing")]
    if testing::run_tests(&arguments.tests)? {
        return Ok(());
    }
    match arguments.name {
        // The process that callgrind counts has its own runtime.
        Name::Counted => overhead::counted::run(&arguments.counted),
        _ => Runtime::new()?.block_on(run(&arguments)),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    match arguments.name {
        Name::Wire => wire::run(arguments).await,
        Name::Storm => storm::run(arguments).await,
        Name::Latency => latency::run(arguments).await,
        Name::Contention => contention::run(arguments).await,
        Name::Sqlite => sqlite::run(arguments).await,
        Name::Compile => compile::run(arguments),
        Name::Overhead => overhead::run(arguments).await,
        #[cfg(feature = "testing")]
        Name::Testing => testing::measure(arguments).await,
        #[cfg(not(feature = "testing"))]
        Name::Testing => {
            anyhow::bail!("`cargo xtask bench testing` builds this with the feature `testing`")
        }
        Name::Report => report::run(arguments),
        Name::All => all(arguments).await,
        Name::Counted => Ok(()),
    }
}

/// Runs all measurements one after another, so that they do not disturb each other, and the report.
async fn all(arguments: &Arguments) -> Result<()> {
    wire::run(arguments).await?;
    storm::run(arguments).await?;
    latency::run(arguments).await?;
    contention::run(arguments).await?;
    sqlite::run(arguments).await?;
    overhead::run(arguments).await?;
    compile::run(arguments)?;
    if arguments.is_part() {
        eprintln!("no report is made of a part: run `cargo xtask bench all` without options");
        return Ok(());
    }
    report::run(arguments)
}
