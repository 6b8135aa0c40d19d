//! Side by side with what a user would pick instead: `cargo xtask bench`.
//!
//! One file for each thing that is measured, one for each system under `systems`.

mod arguments;
mod bed;
mod contention;
mod latency;
mod report;
mod results;
mod sqlite;
mod storm;
mod systems;
mod unit;
mod wan;
mod wire;

use anyhow::Result;
use clap::Parser as _;

use crate::arguments::{Arguments, Name};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.name {
        Name::Wire => wire::run(&arguments).await,
        Name::Storm => storm::run(&arguments).await,
        Name::Latency => latency::run(&arguments).await,
        Name::Contention => contention::run(&arguments).await,
        Name::Sqlite => sqlite::run(&arguments).await,
        Name::Report => report::run(&arguments),
        Name::All => all(&arguments).await,
    }
}

/// One after the other, so that none disturbs another, and the report at the end.
async fn all(arguments: &Arguments) -> Result<()> {
    wire::run(arguments).await?;
    storm::run(arguments).await?;
    latency::run(arguments).await?;
    contention::run(arguments).await?;
    sqlite::run(arguments).await?;
    report::run(arguments)
}
