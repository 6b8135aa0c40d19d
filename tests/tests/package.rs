//! The two published crates, as an unrelated project gets them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

const CRATES: [&str; 2] = ["session-factory-macros", "session-factory"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The workspace's target folder.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

/// Runs a command, and returns its standard output.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder);
    command
}

/// The code of the first block in this language.
fn first_block(text: &str, language: &str) -> String {
    let mut code = String::new();
    let mut inside = false;
    for event in pulldown_cmark::Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                inside = info.split(',').next() == Some(language);
            }
            Event::Text(part) if inside => code.push_str(&part),
            Event::End(TagEnd::CodeBlock) if inside => return code,
            _ => {}
        }
    }
    panic!("no {language} block");
}

/// Packs both crates and unpacks them into the folder, as a registry would deliver them.
fn unpack_into(folder: &Path) {
    let mut package = cargo(&root());
    package
        .args(["package", "--quiet", "--no-verify", "--allow-dirty"])
        .arg("--target-dir")
        .arg(folder.join("packed"));
    for name in CRATES {
        package.args(["--package", name]);
    }
    output(&mut package);
    for name in CRATES {
        let packed = folder.join(format!("packed/package/{name}-0.1.0.crate"));
        output(
            Command::new("tar")
                .arg("xzf")
                .arg(packed)
                .current_dir(folder),
        );
    }
}

/// The files that the listed sources include, as paths in the package.
fn included_files(name: &str, listed: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in listed.lines() {
        let is_source = Path::new(file).extension().is_some_and(|end| end == "rs");
        if !is_source {
            continue;
        }
        let text = fs::read_to_string(root().join(name).join(file)).unwrap();
        for part in text.split("include_str!(\"").skip(1) {
            let mut path: Vec<_> = file.split('/').collect();
            path.pop();
            for step in part.split('"').next().unwrap().split('/') {
                match step {
                    ".." => drop(path.pop()),
                    step => path.push(step),
                }
            }
            found.push(path.join("/"));
        }
    }
    found
}

#[test]
fn each_packed_crate_has_its_licences_its_front_page_and_all_that_its_source_includes() {
    for name in CRATES {
        let listed =
            output(cargo(&root()).args(["package", "--list", "--allow-dirty", "-p", name]));
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"] {
            assert!(
                listed.lines().any(|line| line == file),
                "{name} lacks {file}:\n{listed}"
            );
        }
        for included in included_files(name, &listed) {
            assert!(
                listed.lines().any(|line| line == included),
                "{name} lacks {included}, which its source includes:\n{listed}"
            );
        }
        for line in listed.lines() {
            let first = line.split('/').next().unwrap();
            assert!(
                ["src", "docs"].contains(&first) || !line.contains('/'),
                "{name}: {line} is nothing that a user of the crate needs"
            );
        }
    }
}

/// Uses the README's dependencies, its first example as `main.rs`, and the packed crates only.
#[test]
fn a_crate_outside_of_the_workspace_runs_the_readme_on_the_packed_crates_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    unpack_into(folder);
    let readme = fs::read_to_string(folder.join("session-factory-0.1.0/README.md")).unwrap();
    let outside = folder.join("outside");
    fs::create_dir_all(outside.join("src")).unwrap();
    // The workspace's profile, so that shared dependencies are compiled once.
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n{}\n\
         [patch.crates-io]\n\
         session-factory = {{ path = \"../session-factory-0.1.0\" }}\n\
         session-factory-macros = {{ path = \"../session-factory-macros-0.1.0\" }}\n\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\n\
         [profile.dev.package.\"*\"]\ndebug = false\n",
        first_block(&readme, "toml")
    );
    fs::write(outside.join("Cargo.toml"), manifest).unwrap();
    fs::write(outside.join("src/main.rs"), first_block(&readme, "rust")).unwrap();
    // The workspace's versions, which are downloaded already.
    fs::copy(root().join("Cargo.lock"), outside.join("Cargo.lock")).unwrap();
    output(
        cargo(&outside)
            .args(["build", "--quiet", "--offline", "--target-dir"])
            .arg(target()),
    );

    testbed::block_on(async {
        let database = testbed::postgres::database().await;
        let admin = database.admin();
        admin
            .execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
            .await;
        admin
            .execute("INSERT INTO users VALUES (7, 'x'), (8, 'x')")
            .await;
        admin.execute("GRANT ALL ON users TO app").await;
        output(Command::new(target().join("debug/outside")).env("DATABASE_URL", database.url()));
        let names = admin
            .text("SELECT string_agg(name, ' ' ORDER BY id) FROM users")
            .await;
        assert_eq!(names, "Bob Ada", "rename(7), then swap(7, 8)");
    });
}
