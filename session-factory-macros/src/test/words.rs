//! The messages about options that do not exist.

use crate::diagnostics::did_you_mean;

const OPTIONS: [&str; 9] = [
    "fresh",
    "fixtures",
    "runtime",
    "workers",
    "start_paused",
    "stray",
    "within",
    "keep",
    "crate",
];

/// Why there is no option of this name, and what to write.
pub(super) fn unknown(name: &str) -> String {
    let advice = match name {
        "rollback" => {
            "tests that are rolled back do not exist yet; write `fresh`, which gives the test a database of its own"
        }
        "migrations" | "migrator" => {
            "write a function that runs the migrations among the fixtures: `fixtures = [migrate]`"
        }
        "scripts" | "sql" | "schema" => "write `fixtures = [\"path/of/file.sql\"]`",
        "flavor" => "write `runtime = \"multi_thread\"`",
        "worker_threads" => "write `workers = 2`",
        "ids" => "a fresh database continues the template's sequences; remove this",
        "timeout" => {
            "a test has no time limit of its own; put `tokio::time::timeout` around what may hang"
        }
        _ => {
            let meant = did_you_mean(name, OPTIONS);
            return format!(
                "there is no option `{name}`{meant}; the options are {}",
                OPTIONS.join(", ")
            );
        }
    };
    format!("there is no option `{name}`; {advice}")
}
