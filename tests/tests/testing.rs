//! `#[session_factory::test]`: each test has a database of its own, which everything in it uses, and nothing stays.
#![cfg(unix)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use testbed::proxy::Proxy;

/// The program of `subjects/testing.rs`, which `cargo test` leaves alone: some of its tests are to fail.
static SUBJECTS: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut cargo = Command::new(env!("CARGO"));
    // Build scripts of dependencies run again if these differ from those of a cargo that no test has started.
    for (name, _) in std::env::vars_os() {
        let is_of_this_package = name.to_str().is_some_and(|name| {
            let kinds = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_CRATE_",
                "CARGO_BIN_",
            ];
            kinds.iter().any(|kind| name.starts_with(kind))
        });
        if is_of_this_package {
            cargo.env_remove(name);
        }
    }
    // With the features of `cargo xtask test`, which has built everything else with them.
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "test",
            "--workspace",
            "--all-features",
            "--no-run",
            "--offline",
        ])
        .args(["--test", "testing_subjects", "--message-format", "json"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let program = said.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == "testing_subjects";
        let program = message["executable"].as_str()?;
        is_it.then(|| PathBuf::from(program))
    });
    program.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
});

/// How many tests the suite of `exit_paths.rs` has.
const EXIT_PATHS: usize = 22;

/// A server of its own, and the process that runs tests on it.
struct Bed {
    backend: &'static str,
    server: Server,
}

enum Server {
    Postgres(testbed::postgres::Server),
    Mysql(testbed::mysql::Server),
    Folder(tempfile::TempDir),
}

impl Bed {
    async fn postgres() -> Self {
        let server = testbed::postgres::Server::builder().max_connections(100);
        Self {
            backend: "postgres",
            server: Server::Postgres(server.start().await),
        }
    }

    async fn mysql() -> Self {
        Self {
            backend: "mysql",
            server: Server::Mysql(testbed::mysql::Server::start().await),
        }
    }

    fn sqlite() -> Self {
        // Where the program lies in a folder with this file, its databases are in it too.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("CACHEDIR.TAG"), "").unwrap();
        Self {
            backend: "sqlite",
            server: Server::Folder(folder),
        }
    }

    /// The subjects of this module, on this server.
    fn subjects(&self, module: &str) -> Command {
        let program = SUBJECTS.as_path();
        let mut command = match &self.server {
            Server::Postgres(server) => {
                let url = format!("postgres://app@{}/postgres", server.address());
                let mut command = Command::new(program);
                command.env("TEST_DATABASE_URL", &url);
                command.env("TEST_PG_DATABASE_URL", url);
                command
            }
            Server::Mysql(server) => {
                let url = format!("mysql://app@{}", server.address());
                let mut command = Command::new(program);
                command.env("TEST_DATABASE_URL", &url);
                command.env("TEST_MY_DATABASE_URL", url);
                command
            }
            Server::Folder(folder) => {
                let copy = folder.path().join("testing-0123456789abcdef");
                if !copy.exists() {
                    // By another program: a process that is forked here while the file is open for writing would keep
                    // it so, and no file that is open for writing can be executed.
                    let copied = Command::new("cp").arg(program).arg(&copy).status();
                    assert!(copied.unwrap().success(), "{}", copy.display());
                }
                Command::new(copy)
            }
        };
        // Modules outside of the backends' are named by their whole paths.
        let is_whole = ["several", "rolled::", "exit_paths::"]
            .iter()
            .any(|whole| module.starts_with(whole));
        command
            .arg(if is_whole {
                module.to_owned()
            } else {
                format!("{}::{module}", self.backend)
            })
            .env("RUST_TEST_THREADS", "8")
            .env("TEST_DB_SLOTS", "6");
        command
    }

    /// Runs the subjects: what they printed.
    fn run(&self, module: &str) -> String {
        run(&mut self.subjects(module))
    }

    /// The names of the databases that tests have left.
    async fn left(&self) -> Vec<String> {
        let rows = match &self.server {
            Server::Postgres(server) => {
                let names =
                    "SELECT datname FROM pg_database WHERE datname LIKE 'sf\\_%' ORDER BY 1";
                server.admin().rows(names).await
            }
            Server::Mysql(server) => {
                let names = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'sf\\_%' ORDER BY 1";
                server.admin().rows(names).await
            }
            Server::Folder(folder) => {
                let files = std::fs::read_dir(folder.path().join("session-factory-tests"));
                let files = files.into_iter().flatten().flatten();
                let mut names: Vec<_> = files
                    .filter_map(|file| {
                        Some(file.file_name().to_str()?.strip_suffix(".db")?.to_owned())
                    })
                    .collect();
                names.sort();
                return names;
            }
        };
        rows.into_iter().flatten().flatten().collect()
    }

    /// The same without the templates, and without what belongs to a slot: on PostgreSQL the next test that gets the
    /// slot drops what the one before has used, and uses a copy that was made ahead.
    async fn left_of_tests(&self) -> Vec<String> {
        let mut left = self.left().await;
        left.retain(|name| !name.ends_with("_template"));
        let Server::Postgres(server) = &self.server else {
            return left;
        };
        let kept = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'kept %' ORDER BY 1";
        let kept: Vec<_> = server
            .admin()
            .rows(kept)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let mut slots = std::collections::BTreeMap::new();
        for name in left.iter().filter(|name| !kept.contains(name)) {
            let slot = name
                .rsplitn(if name.ends_with("_spare") { 2 } else { 3 }, '_')
                .last()
                .unwrap();
            *slots.entry(slot).or_insert(0) += 1;
        }
        assert!(slots.values().all(|databases| *databases <= 2), "{slots:?}");
        kept
    }

    async fn templates(&self) -> Vec<String> {
        let mut left = self.left().await;
        left.retain(|name| name.ends_with("_template"));
        left
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap()
}

fn assert_passed(said: &str, number: usize) {
    assert!(
        said.contains(&format!("test result: ok. {number} passed; 0 failed")),
        "{said}"
    );
}

async fn two_hundred_tests_with_the_same_value_pass_and_nothing_stays(bed: Bed) {
    assert_passed(&bed.run("same_value"), 200);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
    let before = bed.templates().await;
    // The second run uses the same template.
    assert_passed(&bed.run("same_value::a0"), 10);
    assert_eq!(bed.templates().await, before);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn two_hundred_tests_with_the_same_value_pass_on_postgres() {
    two_hundred_tests_with_the_same_value_pass_and_nothing_stays(Bed::postgres().await).await;
}

#[tokio::test]
async fn two_hundred_tests_with_the_same_value_pass_on_mariadb() {
    two_hundred_tests_with_the_same_value_pass_and_nothing_stays(Bed::mysql().await).await;
}

#[tokio::test]
async fn two_hundred_tests_with_the_same_value_pass_on_sqlite() {
    two_hundred_tests_with_the_same_value_pass_and_nothing_stays(Bed::sqlite()).await;
}

async fn all_that_runs_in_a_test_belongs_to_it(bed: Bed) {
    assert_passed(&bed.run("belongs"), 10);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn all_that_runs_in_a_test_belongs_to_it_on_postgres() {
    all_that_runs_in_a_test_belongs_to_it(Bed::postgres().await).await;
}

#[tokio::test]
async fn all_that_runs_in_a_test_belongs_to_it_on_mariadb() {
    all_that_runs_in_a_test_belongs_to_it(Bed::mysql().await).await;
}

#[tokio::test]
async fn all_that_runs_in_a_test_belongs_to_it_on_sqlite() {
    all_that_runs_in_a_test_belongs_to_it(Bed::sqlite()).await;
}

async fn failures_say_why_and_where_the_database_is(bed: Bed) -> String {
    let said = bed.run("fails");
    assert!(said.contains("0 passed; 5 failed"), "{said}");
    for words in [
        "the test returned Err: Query(",
        "the body's words",
        "one session is still open 50ms after the test's body has ended:\n  - create_session (tests/subjects/testing.rs:",
        "await what opened it in the test, or write `stray = \"wait\"`",
        "the fixture `fails_itself` failed: Closed",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    let kept = said.matches("is kept: ").count();
    assert_eq!(kept, 4, "{said}");
    // The last three, however many fail.
    assert_eq!(bed.left_of_tests().await.len(), 3);
    // A run that passes removes none of them, and adds none.
    assert_passed(&bed.run("passes::and_shows_its_url"), 1);
    assert_eq!(bed.left_of_tests().await.len(), 3);
    said
}

#[tokio::test]
async fn failures_say_why_and_where_the_database_is_on_postgres() {
    let said = failures_say_why_and_where_the_database_is(Bed::postgres().await).await;
    assert!(
        said.contains("is kept: postgres://app@127.0.0.1:"),
        "{said}"
    );
}

#[tokio::test]
async fn failures_say_why_and_where_the_database_is_on_mariadb() {
    let said = failures_say_why_and_where_the_database_is(Bed::mysql().await).await;
    assert!(said.contains("is kept: mysql://app@127.0.0.1:"), "{said}");
}

#[tokio::test]
async fn failures_say_why_and_where_the_database_is_on_sqlite() {
    let said = failures_say_why_and_where_the_database_is(Bed::sqlite()).await;
    assert!(said.contains("is kept: sqlite:/"), "{said}");
}

async fn a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found(bed: Bed) {
    assert_passed(&bed.run("every_await"), 4);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found_on_postgres() {
    a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found(Bed::postgres().await).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found_on_mariadb() {
    a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found(Bed::mysql().await).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found_on_sqlite() {
    a_call_that_is_dropped_at_every_poll_is_all_or_nothing_or_found(Bed::sqlite()).await;
}

async fn each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded(bed: Bed) {
    assert_passed(&bed.run("faults"), 6);
    assert_passed(&bed.run("record"), 1);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded_on_postgres() {
    let bed = Bed::postgres().await;
    let said = run(bed.subjects("").args([
        "--exact",
        "lost::postgres::a_lost_connection_loses_the_work",
    ]));
    assert_passed(&said, 1);
    each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded(bed).await;
}

#[tokio::test]
async fn each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded_on_mariadb() {
    let bed = Bed::mysql().await;
    let said = run(bed
        .subjects("")
        .args(["--exact", "lost::mysql::a_lost_connection_loses_the_work"]));
    assert_passed(&said, 1);
    each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded(bed).await;
}

#[tokio::test]
async fn each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded_on_sqlite() {
    each_fault_gives_the_error_of_the_real_failure_and_calls_are_recorded(Bed::sqlite()).await;
}

async fn migrations_run_before_the_fixtures(bed: Bed) {
    assert_passed(&bed.run("migrations"), 2);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn migrations_run_before_the_fixtures_on_postgres() {
    migrations_run_before_the_fixtures(Bed::postgres().await).await;
}

#[tokio::test]
async fn migrations_run_before_the_fixtures_on_mariadb() {
    migrations_run_before_the_fixtures(Bed::mysql().await).await;
}

#[tokio::test]
async fn migrations_run_before_the_fixtures_on_sqlite() {
    migrations_run_before_the_fixtures(Bed::sqlite()).await;
}

#[tokio::test]
async fn a_test_may_have_several_factories() {
    let bed = Bed::postgres().await;
    let said = bed.run("several");
    assert_passed(&said, 3);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn a_rolled_back_test_shows_what_production_does() {
    let bed = Bed::postgres().await;
    let said = bed.run("rolled::shows");
    assert_passed(&said, 13);
    // On what the first run has left, and one after another.
    let again = run(bed.subjects("rolled::shows").env("RUST_TEST_THREADS", "1"));
    assert_passed(&again, 13);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn what_a_rolled_back_test_cannot_show_fails_it_with_what_to_write() {
    let bed = Bed::postgres().await;
    let said = bed.run("rolled::cannot");
    assert!(said.contains("0 passed; 7 failed"), "{said}");
    let behind = "; a rolled-back test cannot show that, so write `fresh`";
    for words in [
        "`audit` committed inside of `transfer`, which was rolled back: production keeps it",
        "insert (tests/subjects/testing.rs:",
        ") waits for create_session (tests/subjects/testing.rs:",
        ": sessions that are open at the same time",
        "the test's transaction has ended while `create_session` used it: terminating connection due to administrator command",
        "`create_session` uses a prepared transaction (`PREPARE TRANSACTION 'a'`)",
        "`create_session` prepares `COMMIT`, which ends the test's transaction",
        "one session is still open 50ms after the test's body has ended:\n  - create_session (tests/subjects/testing.rs:",
        "`at_every_await` makes copies of the test's database, and a rolled-back test has none of its own: write `fresh`",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    assert_eq!(said.matches(behind).count(), 6, "{said}");
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

async fn the_exit_paths_pass_under_the_attribute(bed: Bed, module: &str) {
    let said = bed.run(&format!("exit_paths::{module}::"));
    assert_passed(&said, EXIT_PATHS);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

#[tokio::test]
async fn the_exit_paths_pass_under_the_attribute_on_postgres() {
    the_exit_paths_pass_under_the_attribute(Bed::postgres().await, "postgres").await;
}

#[tokio::test]
async fn the_exit_paths_pass_under_the_attribute_rolled_back() {
    the_exit_paths_pass_under_the_attribute(Bed::postgres().await, "postgres_rolled_back").await;
}

#[tokio::test]
async fn the_exit_paths_pass_under_the_attribute_on_mariadb() {
    the_exit_paths_pass_under_the_attribute(Bed::mysql().await, "mysql").await;
}

#[tokio::test]
async fn the_exit_paths_pass_under_the_attribute_on_sqlite() {
    the_exit_paths_pass_under_the_attribute(Bed::sqlite(), "sqlite").await;
}

#[tokio::test]
async fn a_database_is_kept_when_the_test_asks_for_it() {
    let bed = Bed::postgres().await;
    assert_passed(&bed.run("passes::and_is_kept"), 1);
    assert_eq!(bed.left_of_tests().await.len(), 1);
    // None, if the environment says so.
    let said = run(bed.subjects("passes::and_is_kept").env("TEST_DB_KEEP", "0"));
    assert_passed(&said, 1);
    assert_eq!(bed.left_of_tests().await, [""; 0]);
}

async fn a_killed_run_leaves_nothing_that_the_next_does_not_remove(bed: Bed) {
    let mut killed = bed
        .subjects("killed")
        .arg("--nocapture")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(killed.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let ready = lines.find(|line| line.contains("ready to be killed: "));
    let url = ready.unwrap();
    let name = url.rsplit('/').next().unwrap().trim_end_matches(".db");
    // The next run leaves alone what is in use.
    assert_passed(&bed.run("same_value::a0"), 10);
    assert!(bed.left().await.iter().any(|left| left == name));
    killed.kill().unwrap();
    killed.wait().unwrap();
    testbed::eventually(testbed::PATIENCE, "the next run has removed it", || async {
        assert_passed(&bed.run("same_value::a0"), 10);
        assert_eq!(bed.left_of_tests().await, [""; 0]);
        !bed.left().await.iter().any(|left| left == name)
    })
    .await;
}

#[tokio::test]
async fn a_killed_run_leaves_nothing_that_the_next_does_not_remove_on_postgres() {
    a_killed_run_leaves_nothing_that_the_next_does_not_remove(Bed::postgres().await).await;
}

#[tokio::test]
async fn a_killed_run_leaves_nothing_that_the_next_does_not_remove_on_mariadb() {
    a_killed_run_leaves_nothing_that_the_next_does_not_remove(Bed::mysql().await).await;
}

#[tokio::test]
async fn a_killed_run_leaves_nothing_that_the_next_does_not_remove_on_sqlite() {
    a_killed_run_leaves_nothing_that_the_next_does_not_remove(Bed::sqlite()).await;
}

#[tokio::test]
async fn a_server_elsewhere_gets_no_packet_unless_it_was_given_for_tests() {
    let bed = Bed::postgres().await;
    let Server::Postgres(server) = &bed.server else {
        unreachable!()
    };
    let proxy = Proxy::start(server.address());
    // Every name below `localhost` leads to this machine, where the proxy counts; the name alone does not say so.
    let url = format!(
        "postgres://app@db.localhost:{}/postgres",
        proxy.address().port()
    );
    let mut subjects = bed.subjects("same_value::a00");
    let said = run(subjects
        .env_remove("TEST_PG_DATABASE_URL")
        .env("PG_DATABASE_URL", &url));
    assert!(
        said.contains(
            "PG_DATABASE_URL names the server db.localhost, which is not this machine: a test creates and drops databases there, \
             so it did not connect; set TEST_PG_DATABASE_URL to the server that the tests may use (that one if it is)"
        ),
        "{said}"
    );
    assert_eq!(proxy.counts().opened, 0);
    let local = url.replace("db.localhost", "127.0.0.1");
    let mut subjects = bed.subjects("same_value::a00");
    let said = run(subjects
        .env_remove("TEST_PG_DATABASE_URL")
        .env("PG_DATABASE_URL", local));
    assert_passed(&said, 1);
    assert!(proxy.counts().opened > 0);
}

#[tokio::test]
async fn the_server_may_stand_in_a_file_or_in_dotenv() {
    let bed = Bed::postgres().await;
    let Server::Postgres(server) = &bed.server else {
        unreachable!()
    };
    let url = format!("postgres://app@{}/postgres", server.address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, format!("{url}\n")).unwrap();
    let said = run(bed
        .subjects("same_value::a00")
        .env_remove("TEST_PG_DATABASE_URL")
        .env("TEST_PG_DATABASE_URL_FILE", file));
    assert_passed(&said, 1);
    let dotenv = format!("TEST_PG_DATABASE_URL={url}\n");
    std::fs::write(folder.path().join(".env"), dotenv).unwrap();
    let said = run(bed
        .subjects("same_value::a00")
        .env_remove("TEST_PG_DATABASE_URL")
        .current_dir(folder.path()));
    assert_passed(&said, 1);
}

#[tokio::test]
async fn a_template_that_was_not_used_for_seven_days_goes_with_its_copies() {
    let bed = Bed::postgres().await;
    let Server::Postgres(server) = &bed.server else {
        unreachable!()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let today = now.unwrap().as_secs() / (24 * 60 * 60);
    for (key, days) in [("00000000000000aa", 8), ("00000000000000bb", 6)] {
        for database in [format!("sf_{key}_template"), format!("sf_{key}_1_spare")] {
            server
                .admin()
                .execute(&format!("CREATE DATABASE {database} OWNER app"))
                .await;
        }
        let note = format!("template {} family-of-{key}\nSELECT 1", today - days);
        let note = format!("COMMENT ON DATABASE sf_{key}_template IS '{note}'");
        server.admin().execute(&note).await;
    }
    let of = |left: Vec<String>, key: &str| left.iter().filter(|name| name.contains(key)).count();
    testbed::eventually(testbed::PATIENCE, "the old ones have gone", || async {
        assert_passed(&bed.run("same_value::a0"), 10);
        of(bed.left().await, "00000000000000aa") == 0
    })
    .await;
    assert_eq!(of(bed.left().await, "00000000000000bb"), 2);
}

#[test]
fn without_a_server_three_ways_to_have_one_are_named() {
    let program = || {
        let mut program = Command::new(SUBJECTS.as_path());
        program.args(["--exact", "postgres::same_value::a00"]);
        program
    };
    let said = run(&mut program());
    for words in [
        "TEST_PG_DATABASE_URL is not set, and PG_DATABASE_URL is not either: the test has no server",
        "three ways to have one:",
        "a container: docker run",
        "then set TEST_PG_DATABASE_URL=postgres://postgres@127.0.0.1/postgres",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let said = run(program().env(
        "TEST_PG_DATABASE_URL",
        "postgres://ada:hunter2@127.0.0.1:1/app",
    ));
    assert!(said.contains("the test has no server: "), "{said}");
    assert!(said.contains("three ways to have one:"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
