//! The PostgreSQL URL.

use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

/// Parses a URL. The error says what is wrong and quotes nothing of the URL but names of known options.
pub(super) fn parse(url: &str) -> Result<Config, String> {
    let config = Config::from_str(url).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let option = ["port", "host", "connect_timeout", "sslmode", "target_session_attrs", "hostaddr"]
            .into_iter()
            .find(|option| cause.as_deref().is_some_and(|cause| cause.contains(&format!("`{option}`"))));
        match option {
            Some(option) => format!(
                "its {option} is not valid (a `/`, `:`, `@`, `?` or `#` in the password is written percent-encoded)"
            ),
            None => "it is not a PostgreSQL URL: expected postgres://user:password@host:5432/database".to_owned(),
        }
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(
            "it names no host: expected postgres://user:password@host:5432/database".into(),
        );
    }
    Ok(config)
}

/// Encryption is asked for, not merely preferred.
pub(super) fn wants_tls(config: &Config) -> bool {
    !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer)
}
