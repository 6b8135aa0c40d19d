//! A configuration from serde has the same words and checks, and hides secrets in the same way.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Json, Serialized};
use session_factory::config::SecretString;
use session_factory::session_factory;

session_factory! {
    /// A factory whose configuration comes from a file.
    #[derive(Debug)]
    pub struct FileDb(Postgres) {
        pool_size: 1..=200,
        max_overflow = 0,
        /// Rows per batch.
        batch: u32 = env("BATCH", default = 500),
        every: Option<Duration> = env("EVERY"),
        token: Option<SecretString> = env("TOKEN"),
    }
}

fn read(json: &str) -> Result<FileDbConfig, String> {
    let config: Result<FileDbConfig, _> = serde_json::from_str(json);
    config.map_err(|error| {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
        error.to_string()
    })
}

const URL: &str = r#""url": "postgres://ada:hunter2@localhost/app""#;

#[test]
fn values_are_read_as_those_of_variables_are() {
    let config = read(&format!(
        r#"{{ {URL}, "pool_size": 7, "echo": "yes", "pool_pre_ping": false, "pool_timeout": "1m 30s",
             "pool_recycle": 90, "connect_timeout": 0.5, "slow_acquire": "off", "batch": "8",
             "every": "500ms", "token": "hunter2", "replica_url": null }}"#
    ))
    .unwrap();
    assert_eq!(
        (config.pool_size, config.max_overflow, config.batch),
        (7, 0, 8)
    );
    assert!(config.echo && !config.pool_pre_ping);
    assert_eq!(config.pool_timeout, Duration::from_secs(90));
    assert_eq!(config.pool_recycle, Duration::from_secs(90));
    assert_eq!(config.connect_timeout, Duration::from_millis(500));
    assert_eq!(
        (config.slow_acquire, config.every),
        (None, Some(Duration::from_millis(500)))
    );
    assert_eq!(config.idle_timeout, Duration::from_secs(600), "the default");
    assert!(config.url.expose().ends_with("@localhost/app") && config.replica_url.is_none());
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn everything_that_is_wrong_is_told_by_the_names_of_the_settings() {
    let error = read(
        r#"{ "url": "mysql://ada:hunter2@h", "pool_size": 201, "echo": 2, "pool_timeout": "soon",
             "idle_timeout": "2h", "pool_sise": "hunter2", "max_overflow": 5, "batch": -1 }"#,
    )
    .unwrap_err();
    for part in [
        "the configuration of `FileDb` is wrong in 8 places",
        "url is malformed; expected a URL for PostgreSQL",
        "found the scheme `mysql`",
        "pool_size is malformed; expected a value in 1..=200; found `201`",
        "echo is malformed; expected a boolean: one of true, 1, t, yes, on, false, 0, f, no, off; found `2`",
        "pool_timeout is malformed; expected a duration",
        "idle_timeout is malformed; expected a duration below that of pool_recycle (30m)",
        "a setting is malformed; expected one of the settings url, replica_url, echo, pool_size",
        "found an unknown setting: did you mean `pool_size`?",
        "max_overflow is malformed",
        "batch is malformed; expected a whole number from 0 to 4294967295; found `-1`",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn what_is_no_map_or_no_value_is_not_quoted() {
    for json in [
        r#""postgres://ada:hunter2@h/d""#,
        r#"["hunter2"]"#,
        r#"{ "url": ["hunter2"] }"#,
        r#"{ "url": { "password": "hunter2" } }"#,
        r#"{ "token": ["hunter2"] }"#,
        r#"{ "url": "hunter2" }"#,
        r#"{ "hunter2@host": 1 }"#,
        r#"{ "hunter2": 1 }"#,
        r#"{ "url postgres//ada:hunter2": 1 }"#,
    ] {
        read(json).expect_err(json);
    }
    let error = read("{}").unwrap_err();
    assert!(
        error.contains("url is not set; expected a URL for PostgreSQL"),
        "{error}"
    );
    let error = read(&format!("{{ {URL}, {URL} }}")).unwrap_err();
    assert!(
        error.contains("url is malformed; expected one value; found two"),
        "{error}"
    );
}

#[test]
fn figment_fills_it_from_several_places() {
    #[allow(clippy::result_large_err)] // figment's
    figment::Jail::expect_with(|jail| {
        jail.set_env("MYAPP_POOL_SIZE", "9");
        jail.set_env("MYAPP_POOL_TIMEOUT", "45s");
        let config: FileDbConfig = Figment::new()
            .merge(Serialized::default("batch", 3))
            .merge(Json::string(&format!(
                "{{ {URL}, \"pool_size\": 2, \"echo\": true }}"
            )))
            .merge(Env::prefixed("MYAPP_"))
            .extract()?;
        assert_eq!((config.pool_size, config.batch, config.echo), (9, 3, true));
        assert_eq!(config.pool_timeout, Duration::from_secs(45));
        jail.set_env("MYAPP_POOL_SIZE", "many");
        let error = Figment::new()
            .merge(Json::string(&format!("{{ {URL} }}")))
            .merge(Env::prefixed("MYAPP_"))
            .extract::<FileDbConfig>()
            .unwrap_err()
            .to_string();
        assert!(error.contains("pool_size is malformed"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        Ok(())
    });
}
