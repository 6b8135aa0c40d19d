//! Reads its configuration as its arguments say. `tests/dotenv.rs` runs it in a separate folder.
#![allow(clippy::print_stdout, clippy::print_stderr)] // it reports to its test

use std::process::ExitCode;

use session_factory::{SessionError, session_factory};

session_factory! {
    /// Reads `.env` if the program calls `init_from_dotenv`.
    pub struct AppDb(Sqlite) {
        prefix = "APP_",
        batch: u32 = env("APP_BATCH", default = 500),
        undotted: Option<String> = env("APP_NAME"),
    }
    /// Always reads `.env`.
    pub struct DotDb(Sqlite) {
        prefix = "APP_",
        dotenv = true,
        batch: u32 = env("APP_BATCH", default = 500),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), SessionError> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "from_env" => println!("{}", shown(AppDbConfig::from_env()?.batch)),
        "from_dotenv" => println!("{}", shown(AppDbConfig::from_dotenv()?.batch)),
        "dotenv = true" => println!("{}", shown(DotDbConfig::from_env()?.batch)),
        "init_from_dotenv" => {
            let result = AppDb::init_from_dotenv().await;
            println!("{}", AppDb::describe());
            result?;
            let factory = AppDb::factory().await?;
            let batch = factory.config().map_or(0, |config| config.batch);
            println!("{}", shown(batch));
        }
        _ => println!("{}{}", AppDb::describe(), DotDb::describe()),
    }
    Ok(())
}

/// The value, and true if the process's environment contains it.
fn shown(batch: u32) -> String {
    let inherited = std::env::var("APP_BATCH").is_ok();
    format!("batch {batch}, in the environment: {inherited}")
}
