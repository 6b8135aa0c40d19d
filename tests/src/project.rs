//! A cargo project of a test's own, which depends on the crate in this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package with one program. It is in the workspace's target folder, so that its dependencies are
/// compiled once.
pub struct Project {
    name: &'static str,
    folder: PathBuf,
}

/// The outcome of a build.
pub struct Built {
    pub program: PathBuf,
    pub succeeded: bool,
    /// The output of cargo and the compiler.
    pub said: String,
}

impl Project {
    pub fn new(name: &'static str, main: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the workspace");
        let projects = target().join("tests").join("projects");
        let folder = projects.join(name);
        let manifest = format!(
            r#"[package]
name = "{name}"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
session-factory = {{ path = '{path}', features = ["postgres", "dotenv", "serde", "tracing"] }}
diesel = {{ version = "2", default-features = false, features = ["postgres_backend"] }}
diesel-async = {{ version = "0.9", features = ["postgres"] }}
serde_json = "1"
tokio = {{ version = "1", features = ["rt", "macros", "time"] }}
tracing = {{ version = "0.1", default-features = false, features = ["std"] }}

[profile.dev]
debug = "line-tables-only"
"#,
            path = root.join("session-factory").display(),
        );
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.join("src").join("main.rs"), main).unwrap();
        // The workspace's own versions, so that nothing is downloaded.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self { name, folder }
    }

    /// Builds the project with these variables in the compiler's environment.
    pub fn build(&self, variables: &[(&str, &str)]) -> Built {
        let target = self.folder.parent().unwrap().join("target");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(&self.folder)
            .args(["build", "--offline", "--target-dir"])
            .arg(&target)
            .env("CARGO_TERM_COLOR", "never")
            .envs(variables.iter().copied());
        let output = cargo.output().unwrap();
        let program = format!("{}{}", self.name, std::env::consts::EXE_SUFFIX);
        Built {
            program: target.join("debug").join(program),
            succeeded: output.status.success(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Built {
    /// A command that runs the program.
    pub fn command(&self) -> Command {
        assert!(self.succeeded, "{}", self.said);
        Command::new(&self.program)
    }

    /// Runs the program, and returns its output.
    pub fn printed(&self) -> String {
        let output = self.command().output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The workspace's target folder, which contains the running program.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "deps"))
        .and_then(|deps| deps.ancestors().nth(2))
        .expect("a test lies in target/<profile>/deps")
        .to_owned()
}
