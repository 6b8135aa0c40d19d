//! Values fixed at compile time follow the compiler's environment, without a clean build.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use session_factory_tests::project::Project;

const MAIN: &str = r#"
session_factory::session_factory! {
    struct AppDb(build_env("PROJECT_BACKEND", default = "postgres")) {
        pool_size: 1..=200 = build_env("PROJECT_POOL", default = 3),
        batch: u32 = build_env("PROJECT_BATCH", default = 7),
    }
}

fn main() {
    let vars = |key: &str| (key == "DATABASE_URL").then(|| "postgres://host/app".to_owned());
    let config = AppDbConfig::from_vars(vars).unwrap();
    println!("{} {}", config.pool_size, config.batch);
}
"#;

#[test]
fn a_changed_variable_is_built_in_without_a_clean() {
    let project = Project::new("build-env-project", MAIN);
    assert_eq!(project.build(&[]).printed(), "3 7\n");
    let one = [("PROJECT_POOL", "4")];
    assert_eq!(project.build(&one).printed(), "4 7\n");
    let two = [("PROJECT_POOL", "4"), ("PROJECT_BATCH", "8")];
    let built = project.build(&two);
    assert_eq!(built.printed(), "4 8\n");
    assert!(built.said.contains("Compiling build-env-project"));
    let again = project.build(&two);
    assert!(!again.said.contains("Compiling"), "{}", again.said);

    // At run time the variable has no effect.
    let late = again.command().env("PROJECT_POOL", "9").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&late.stdout), "4 8\n");

    for (wrong, parts) in [
        (
            ("PROJECT_POOL", "many"),
            ["`PROJECT_POOL`", "whole number", "there it is `many`"],
        ),
        (
            ("PROJECT_POOL", "500"),
            ["`PROJECT_POOL`", "in 1..=200", "there it is `500`"],
        ),
        (
            ("PROJECT_BATCH", "-1"),
            ["`PROJECT_BATCH`", "number", "there it is `-1`"],
        ),
        (
            ("PROJECT_BATCH", "postgres://ada:hunter2@host/app"),
            [
                "`PROJECT_BATCH`",
                "a URL with a user in it",
                "write `env(\"PROJECT_BATCH\")`",
            ],
        ),
        (
            ("PROJECT_BACKEND", "oracle"),
            ["`PROJECT_BACKEND`", "`sqlite`", "there it is `oracle`"],
        ),
        (
            ("PROJECT_BACKEND", "sqlite"),
            ["`Sqlite`", "needs the feature", "`sqlite`"],
        ),
    ] {
        let built = project.build(&[wrong]);
        assert!(!built.succeeded, "{wrong:?}");
        for part in parts {
            assert!(built.said.contains(part), "{part} in {}", built.said);
        }
        assert!(!built.said.contains("hunter2"), "{}", built.said);
    }
    assert_eq!(project.build(&[]).printed(), "3 7\n");
}
