//! The messages about options that do not exist.

use crate::diagnostics::did_you_mean;

const OPTIONS: [&str; 12] = [
    "rollback",
    "fresh",
    "migrations",
    "fixtures",
    "ids",
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
        "migrator" => "write `migrations = crate::MIGRATIONS`",
        "scripts" | "sql" | "schema" => "write `fixtures = [\"path/of/file.sql\"]`",
        "flavor" => "write `runtime = \"multi_thread\"`",
        "worker_threads" => "write `workers = 2`",
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
