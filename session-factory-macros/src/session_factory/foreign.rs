//! Settings under the names that other libraries give them. The error for such a name says which
//! setting to write, or where else the same thing is configured.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, Lit, Type};

use super::input::words;
use super::literals::literal;
use super::meant::{duration, meant, quoted};
use super::range::Range;
use super::settings::{GLOBALS, Kind, STANDARD, names, standard};
use crate::diagnostics::{nearest, same_name};

/// What another library's name stands for.
#[derive(Clone, Copy)]
enum Meaning {
    /// A setting; the text is its name here.
    Setting(&'static str),
    /// Like `Setting`, but a bare number is milliseconds.
    Milliseconds(&'static str),
    /// The greatest number of connections, which is the sum of two settings here.
    Most,
    /// A part of the URL, and the key from which it is read if there is no URL.
    Part(&'static str, &'static str),
    /// A parameter to write into the URL.
    Parameter(&'static str),
    /// Advice for anything else.
    Advice(&'static str),
}

use Meaning::{Advice, Milliseconds, Most, Parameter, Part, Setting};

const TIMEOUTS: Meaning = Advice(
    "write `pool_timeout` (how long a caller waits for a connection), `connect_timeout` (how long connecting may take) \
     or `statement_timeout` (how long a statement may run); one function has `#[with_session(timeout = \"5s\")]`",
);
const BACKEND: Meaning = Advice(
    "the backend stands in the parentheses behind the factory's name: write `AppDb(Postgres)`",
);
const TLS: Meaning = Parameter("sslmode=verify-full");
const SCHEMA: Meaning = Parameter("options=-csearch_path%3Dapp");
const KEEPALIVE: Meaning = Parameter("keepalives_idle=60");
const COMMITS: Meaning = Advice(
    "there is nothing to set: a session commits when its function returns `Ok` and rolls back when it returns `Err`; \
     remove this line",
);
const RESETS: Meaning = Advice(
    "there is nothing to set: a connection is always rolled back and reset before the next caller has it; remove this line",
);
const ORDER: Meaning = Advice(
    "there is nothing to set: callers have their connections in the order in which they asked; remove this line",
);
const HOOKS: Meaning = Advice(
    "no code runs when a connection is opened; settings of the server belong into the URL \
     (`?options=-csearch_path%3Dapp`); remove this line",
);
const REAPER: Meaning = Advice(
    "there is nothing to set: idle connections are closed on their own, after `idle_timeout`; remove this line",
);
const SQLITE: Meaning = Advice(
    "there is nothing to set: SQLite's connections are opened with WAL, foreign keys and a busy timeout; remove this line",
);
const MIGRATIONS: Meaning = Advice(
    "a factory runs no migrations: run them when the program starts, behind `AppDb::init().await`; remove this line",
);
const THREADS: Meaning =
    Advice("there is nothing to set: the application's own runtime is used; remove this line");
const REPORTS: Meaning = Advice(
    "reports are events of `tracing`: turn on the feature `tracing` in Cargo.toml; remove this line",
);

/// Names from sqlx, r2d2, bb8, deadpool, `HikariCP`, Spring, SQLAlchemy, Django, Rails, Prisma, Go
/// and libpq. The look-up ignores case, underscores and dashes.
const FOREIGN: &[(&[&str], Meaning)] = &[
    (
        &[
            "max_connections",
            "max_size",
            "maximum_pool_size",
            "max_pool_size",
            "pool_max_size",
            "pool_max",
            "connection_limit",
            "max_open_connections",
            "max_open_conns",
            "max_conns",
            "max_active",
            "max_total",
            "max_pool",
            "pool_limit",
            "max_db_connections",
            "max",
        ],
        Most,
    ),
    (
        &[
            "min_connections",
            "min_idle",
            "minimum_idle",
            "min_size",
            "min_pool_size",
            "pool_min_size",
            "pool_min",
            "initial_size",
            "max_idle_connections",
            "max_idle_conns",
            "max_idle",
            "pool",
            "size",
            "connections",
            "connection_count",
            "num_connections",
            "pool_connections",
            "capacity",
            "min_conns",
            "min",
        ],
        Setting("pool_size"),
    ),
    (
        &[
            "overflow",
            "pool_overflow",
            "pool_max_overflow",
            "extra_connections",
        ],
        Setting("max_overflow"),
    ),
    (
        &[
            "acquire_timeout",
            "checkout_timeout",
            "wait_timeout",
            "pool_wait_timeout",
            "max_wait",
            "max_wait_time",
            "acquire_wait",
            "get_timeout",
            "wait",
            "borrow_timeout",
            "pool_acquire_timeout",
        ],
        Milliseconds("pool_timeout"),
    ),
    (&["connection_timeout", "timeout", "timeouts"], TIMEOUTS),
    (
        &[
            "create_timeout",
            "login_timeout",
            "dial_timeout",
            "connecting_timeout",
            "tcp_timeout",
            "open_timeout",
        ],
        Milliseconds("connect_timeout"),
    ),
    (
        &[
            "max_lifetime",
            "connection_max_lifetime",
            "conn_max_lifetime",
            "max_conn_lifetime",
            "max_connection_lifetime",
            "lifetime",
            "recycle",
            "recycle_after",
            "max_age",
            "connection_lifetime",
        ],
        Milliseconds("pool_recycle"),
    ),
    (
        &["conn_max_age", "max_connection_age"],
        Setting("pool_recycle"),
    ),
    (
        &[
            "max_idle_time",
            "idle_time",
            "conn_max_idle_time",
            "max_conn_idle_time",
            "pool_idle_timeout",
            "connection_idle_timeout",
            "max_idle_lifetime",
            "idle",
            "min_evictable_idle_time",
        ],
        Milliseconds("idle_timeout"),
    ),
    (
        &[
            "test_on_check_out",
            "test_before_acquire",
            "test_on_borrow",
            "test_on_acquire",
            "pre_ping",
            "ping",
            "conn_health_checks",
            "health_check",
            "health_checks",
            "validate",
            "verify",
            "verify_on_checkout",
        ],
        Setting("pool_pre_ping"),
    ),
    (
        &[
            "validation_query",
            "connection_test_query",
            "recycling_method",
            "validation_timeout",
            "test_query",
        ],
        Advice(
            "a connection that idled is asked without a query: write `pool_pre_ping = true`, which is the default",
        ),
    ),
    (
        &[
            "log",
            "logging",
            "log_statements",
            "log_queries",
            "log_sql",
            "show_sql",
            "debug",
            "verbose",
            "print_sql",
            "trace",
            "echo_pool",
            "format_sql",
            "sql_log",
            "log_level",
            "query_logging",
        ],
        Setting("echo"),
    ),
    (
        &[
            "log_slow_statements",
            "slow_query",
            "slow_query_threshold",
            "slow_query_time",
            "slow_threshold",
            "long_query_time",
            "log_min_duration_statement",
            "slow_statements",
            "slow_queries",
        ],
        Milliseconds("slow_statement"),
    ),
    (
        &[
            "acquire_slow_threshold",
            "slow_acquire_threshold",
            "acquire_slow_level",
        ],
        Milliseconds("slow_acquire"),
    ),
    (
        &[
            "leak_detection_threshold",
            "leak_detection",
            "leak_timeout",
            "remove_abandoned_timeout",
            "leak",
        ],
        Milliseconds("leak_threshold"),
    ),
    (
        &[
            "query_timeout",
            "command_timeout",
            "default_query_timeout",
            "execution_timeout",
            "max_execution_time",
            "socket_timeout",
            "read_timeout",
            "request_timeout",
            "sql_timeout",
        ],
        Milliseconds("statement_timeout"),
    ),
    (
        &[
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "deadlock_timeout",
            "transaction_timeout",
        ],
        Parameter("options=-clock_timeout%3D5s"),
    ),
    (
        &[
            "statement_cache_capacity",
            "statement_cache_size",
            "prepared_statement_cache_size",
            "statement_limit",
            "prepared_statements_limit",
            "prep_stmt_cache_size",
            "query_cache_size",
            "cache_size",
            "prepared_cache",
        ],
        Setting("statement_cache"),
    ),
    (
        &[
            "prepared_statements",
            "prepare_threshold",
            "pgbouncer",
            "cache_prep_stmts",
            "disable_prepared_statements",
        ],
        Advice("statements are prepared and kept: write `statement_cache = 0` to keep none"),
    ),
    (
        &[
            "database_url",
            "db_url",
            "uri",
            "dsn",
            "jdbc_url",
            "connection_string",
            "conn_str",
            "conn_string",
            "datasource",
            "datasource_url",
            "data_source_name",
            "database_uri",
            "sqlalchemy_database_uri",
            "db_uri",
            "connection",
            "connection_url",
            "write_url",
            "primary_url",
            "writer_url",
            "connection_uri",
        ],
        Setting("url"),
    ),
    (
        &[
            "read_url",
            "reader_url",
            "read_only_url",
            "replica",
            "replicas",
            "read_replica",
            "read_replica_url",
            "slave_url",
            "follower_url",
            "standby_url",
            "reader",
            "replica_database_url",
        ],
        Setting("replica_url"),
    ),
    (
        &[
            "host",
            "hostname",
            "server",
            "server_name",
            "address",
            "addr",
            "endpoint",
            "db_host",
        ],
        Part("host", "DB_HOST"),
    ),
    (&["port", "port_number", "db_port"], Part("port", "DB_PORT")),
    (
        &["user", "username", "login", "role", "db_user"],
        Part("user", "DB_USER"),
    ),
    (
        &["password", "passwd", "pass", "pwd", "db_password"],
        Part("password", "DB_PASSWORD"),
    ),
    (
        &["database", "dbname", "database_name", "catalog", "db"],
        Part("database", "DB_NAME"),
    ),
    (
        &[
            "sslmode",
            "ssl",
            "tls",
            "use_ssl",
            "use_tls",
            "require_ssl",
            "tls_mode",
            "encrypt",
            "require_tls",
            "ssl_enabled",
            "tls_enabled",
        ],
        TLS,
    ),
    (
        &[
            "sslrootcert",
            "ssl_ca",
            "root_cert",
            "ca_cert",
            "tls_ca",
            "ca_file",
            "ssl_ca_file",
        ],
        Parameter("sslmode=verify-full&sslrootcert=/path/ca.pem"),
    ),
    (
        &[
            "sslcert",
            "sslkey",
            "client_cert",
            "client_key",
            "ssl_client_cert",
        ],
        Parameter("sslcert=/path/client.pem&sslkey=/path/client.key"),
    ),
    (&["channel_binding"], Parameter("channel_binding=require")),
    (
        &["application_name", "app_name", "program_name"],
        Parameter("application_name=app"),
    ),
    (
        &[
            "search_path",
            "schema",
            "schema_search_path",
            "default_schema",
            "current_schema",
            "schema_name",
        ],
        SCHEMA,
    ),
    (
        &[
            "options",
            "connect_args",
            "connection_options",
            "connection_params",
            "extra_params",
            "properties",
        ],
        SCHEMA,
    ),
    (
        &["timezone", "session_timezone"],
        Parameter("options=-ctimezone%3DUTC"),
    ),
    (
        &["target_session_attrs"],
        Parameter("target_session_attrs=read-write"),
    ),
    (
        &["load_balance_hosts", "load_balance"],
        Parameter("load_balance_hosts=random"),
    ),
    (&["hostaddr"], Parameter("hostaddr=10.0.0.7")),
    (
        &["unix_socket", "socket", "socket_dir"],
        Parameter("host=/var/run/postgresql"),
    ),
    (
        &[
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "keepalive",
            "keepalive_time",
            "tcp_keepalive",
            "tcp_keepalives",
        ],
        KEEPALIVE,
    ),
    (&["tcp_user_timeout"], Parameter("tcp_user_timeout=30000")),
    (
        &[
            "charset",
            "encoding",
            "client_encoding",
            "character_set",
            "collation",
        ],
        Advice(
            "PostgreSQL and SQLite speak UTF-8; MySQL's belongs into the URL: `?charset=utf8mb4`; remove this line",
        ),
    ),
    (
        &[
            "passfile",
            "pgpass",
            "service",
            "servicefile",
            "gssencmode",
            "krbsrvname",
            "sslcrl",
            "sslnegotiation",
            "replication",
        ],
        Advice("this parameter of libpq is not supported; remove this line"),
    ),
    (
        &[
            "adapter",
            "driver",
            "engine",
            "backend",
            "dialect",
            "provider",
            "driver_class_name",
            "database_type",
            "db_type",
            "drivername",
            "flavor",
            "kind",
        ],
        BACKEND,
    ),
    (
        &[
            "isolation",
            "isolation_level",
            "transaction_isolation",
            "default_isolation_level",
            "tx_isolation",
        ],
        Advice("each function says it: write `#[with_session(isolation = \"serializable\")]`"),
    ),
    (
        &[
            "read_only",
            "default_read_only",
            "default_transaction_read_only",
        ],
        Advice("each function says it: write `#[with_session(read_only)]`"),
    ),
    (
        &[
            "retry",
            "retries",
            "max_retries",
            "retry_attempts",
            "reconnect",
            "retry_on_deadlock",
            "max_attempts",
        ],
        Advice("each function says it: write `#[with_session(retry = 5)]`"),
    ),
    (
        &[
            "auto_commit",
            "atomic_requests",
            "autoflush",
            "autobegin",
            "expire_on_commit",
            "open_in_view",
            "commit_on_exit",
        ],
        COMMITS,
    ),
    (
        &[
            "pool_reset_on_return",
            "reset_on_return",
            "rollback_on_return",
        ],
        RESETS,
    ),
    (
        &["fair", "queue_mode", "pool_use_lifo", "lifo", "fifo"],
        ORDER,
    ),
    (
        &[
            "after_connect",
            "on_connect",
            "before_acquire",
            "after_release",
            "connection_init_sql",
            "init_sql",
            "connection_customizer",
            "post_create",
            "init_command",
            "initialization_fail_timeout",
            "variables",
        ],
        HOOKS,
    ),
    (
        &[
            "reaping_frequency",
            "reaper_rate",
            "time_between_eviction_runs",
            "cleanup_interval",
            "evict",
        ],
        REAPER,
    ),
    (
        &[
            "journal_mode",
            "foreign_keys",
            "busy_timeout",
            "synchronous",
            "pragma",
            "pragmas",
            "create_if_missing",
            "wal",
        ],
        SQLITE,
    ),
    (
        &[
            "migrations",
            "migrate",
            "auto_migrate",
            "ddl_auto",
            "hbm2ddl_auto",
            "synchronize",
            "run_migrations",
        ],
        MIGRATIONS,
    ),
    (
        &[
            "threads",
            "num_threads",
            "thread_pool",
            "workers",
            "runtime",
            "executor",
            "event_loop",
        ],
        THREADS,
    ),
    (
        &[
            "metrics",
            "metrics_enabled",
            "register_mbeans",
            "tracing",
            "statistics",
            "generate_statistics",
        ],
        REPORTS,
    ),
    (
        &[
            "pool_name",
            "poolclass",
            "pool_type",
            "error_sink",
            "error_handler",
            "pool_builder",
        ],
        Advice(
            "a factory has one pool of its own; for a pool that the application has write `Factory::from_pool(pool)`",
        ),
    ),
    (
        &[
            "lazy",
            "connect_lazy",
            "eager",
            "connect_on_start",
            "fail_fast",
        ],
        Advice(
            "the first session connects; to connect when the program starts write `AppDb::init().await`",
        ),
    ),
    (
        &["env_prefix", "key_prefix", "env_var_prefix", "namespace"],
        Setting("prefix"),
    ),
    (
        &[
            "env_file",
            "dotenv_path",
            "load_dotenv",
            "use_dotenv",
            "dot_env",
        ],
        Advice("write `dotenv = true`"),
    ),
    (
        &[
            "path",
            "file",
            "filename",
            "database_file",
            "database_path",
            "db_file",
            "db_path",
        ],
        Advice(
            "SQLite's file is a part of the URL: write `url = env(\"DATABASE_URL\")`, and set `DATABASE_URL` to `sqlite://app.db`",
        ),
    ),
    (
        &["default", "default_value"],
        Advice(
            "a default stands behind its key: write `env(\"KEY\", default = …)`, and remove this line",
        ),
    ),
    (
        &["crate_path", "krate"],
        Advice("write `crate = ::session_factory`"),
    ),
];

/// The advice for an unknown name, using the value that the user wrote. `None` if the name is not
/// another library's.
pub(super) fn means(name: &str, value: Option<&TokenStream>) -> Option<String> {
    if let Some(standard) = STANDARD.iter().find(|standard| standard.key == name) {
        let line = write(standard.name, value, false);
        return Some(format!("that is the key of `{}`: {line}", standard.name));
    }
    let (_, meaning) = FOREIGN.iter().find(|(names, _)| {
        let plain = name.replace('-', "_");
        names.iter().any(|foreign| same_name(foreign, &plain))
    })?;
    Some(match meaning {
        Setting(setting) => write(setting, value, false),
        Milliseconds(setting) => write(setting, value, true),
        Most => {
            let size = value.map_or_else(|| "10".to_owned(), words);
            format!(
                "`pool_size` connections are kept, and up to `max_overflow` more are opened under load: \
                 write `pool_size = {size}, max_overflow = 0`"
            )
        }
        Part(part, key) => format!(
            "the {part} is a part of the URL; without a URL it is read from `{key}`, which needs no line here: remove this one"
        ),
        Parameter(parameter) => {
            format!(
                "it belongs into the URL: write `…/database?{parameter}` there, and remove this line"
            )
        }
        Advice(advice) => with_value(advice, name, value),
    })
}

/// Puts the user's value into the advice's example, as in `#[with_session(retry = 5)]`, if the
/// user's value and the example's are the same kind of literal.
fn with_value(advice: &str, name: &str, value: Option<&TokenStream>) -> String {
    let sample = format!("{name} = ");
    let parts = advice.split_once(&sample).and_then(|(before, rest)| {
        let (sample, after) = rest.split_once(')')?;
        Some((before, sample, after))
    });
    let kind = |text: &str| {
        let value = syn::parse_str::<Expr>(text).ok()?;
        literal(&value).map(std::mem::discriminant)
    };
    match (parts, value.map(words)) {
        (Some((before, example, after)), Some(value))
            if kind(example).is_some() && kind(example) == kind(&value) =>
        {
            format!("{before}{name} = {value}){after}")
        }
        _ => advice.to_owned(),
    }
}

/// Returns advice to set `setting` to this value, or to an example value if this one does not fit.
fn write(setting: &str, value: Option<&TokenStream>, milliseconds: bool) -> String {
    let calls = value.map(calls).unwrap_or_default();
    if let (true, [first, _, ..]) = (setting == "replica_url", calls.as_slice()) {
        return format!("a factory has one replica; write `{setting} = {first}`");
    }
    let value = value.and_then(|value| fitting(setting, value, milliseconds));
    let value = value.unwrap_or_else(|| {
        match standard(setting).map(|standard| (standard.kind, standard.key)) {
            Some((Kind::Url | Kind::OptionalUrl, key)) => format!("env(\"{key}\")"),
            Some((Kind::Bool, _)) => "true".to_owned(),
            Some((Kind::Choice(choice), _)) => format!("\"{}\"", choice.words[0].0),
            Some((Kind::Size | Kind::Count, _)) => "5".to_owned(),
            Some((Kind::OptionalCount | Kind::OptionalSize, _)) => "100".to_owned(),
            Some((Kind::Duration | Kind::OptionalDuration, _)) => "\"30s\"".to_owned(),
            None => "\"REPORTS_\"".to_owned(),
        }
    });
    format!("write `{setting} = {value}`")
}

/// Each `env("KEY")` and `build_env("KEY")` inside a value.
pub(super) fn calls(value: &TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let mut tokens = value.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Ident(function), Some(TokenTree::Group(group)))
                if function == "env" || function == "build_env" =>
            {
                found.push(format!("{function}({})", words(&group.stream())));
                tokens.next();
            }
            (TokenTree::Group(group), _) => found.extend(calls(&group.stream())),
            _ => {}
        }
    }
    found
}

/// The value in the form that the setting accepts; `None` if it does not fit.
fn fitting(setting: &str, value: &TokenStream, milliseconds: bool) -> Option<String> {
    let text = words(value);
    if text.starts_with("env(") || text.starts_with("build_env(") {
        return Some(text);
    }
    let kind = standard(setting).map(|standard| standard.kind);
    // `[env("KEY")]`, `Some(env("KEY"))`
    if let Some(call) = calls(value).into_iter().next() {
        return Some(call);
    }
    let expr: Expr = syn::parse2(value.clone()).ok()?;
    let Some(kind) = kind else {
        return matches!(literal(&expr), Some(Lit::Str(_))).then_some(text);
    };
    if kind.is_secret() {
        return None;
    }
    if milliseconds && let Some(Lit::Int(number)) = literal(&expr) {
        let number: u64 = number.base10_parse().ok()?;
        let duration = if number < 1000 {
            Duration::from_secs(number)
        } else {
            Duration::from_millis(number)
        };
        return (number > 0).then(|| quoted(duration));
    }
    meant(kind, &expr)
}

/// What to write for an application's key that has the name of another library's setting. Empty if
/// the key's prefix is that of the factory's own keys.
pub(super) fn of_ones_own(name: &Ident, ty: &Type) -> String {
    let key = name.unraw().to_string().to_uppercase();
    if key.starts_with("DB_") || key.starts_with("DATABASE_") {
        return String::new();
    }
    let ty = words(&ty.to_token_stream());
    format!("; for a key of your own write `{name}: {ty} = env(\"{key}\")`")
}

/// The message for a name that is neither a setting nor one of the application's keys.
pub(super) fn unknown(name: &str, range: Option<&Range>, value: Option<&TokenStream>) -> String {
    if let Some(advice) = means(name, value) {
        return format!("there is no setting `{name}`; {advice}");
    }
    let value_text = match value {
        // The user's code reads the environment itself.
        Some(value) if words(value).contains("env::") || words(value).contains("env!") => {
            format!("env(\"{}\")", name.to_uppercase())
        }
        Some(value)
            if words(value).starts_with("env(") || words(value).starts_with("build_env(") =>
        {
            words(value)
        }
        Some(value) => match syn::parse2::<Expr>(value.clone()) {
            Ok(expr) => match duration(&expr) {
                Some(duration) => quoted(duration),
                None if is_simple(&expr) => words(value),
                None => format!("env(\"{}\")", name.to_uppercase()),
            },
            Err(_) => format!("env(\"{}\")", name.to_uppercase()),
        },
        None => format!("env(\"{}\")", name.to_uppercase()),
    };
    let range_text = range.map_or_else(String::new, |range| format!(" in {}", range.source()));
    let usual = if range.is_some() { "u32" } else { "String" };
    let own = format!(
        "`{name}: {}{range_text} = {value_text}`",
        value.map_or(usual, type_of_value)
    );
    if let Some(near) = nearest(name, names().chain(GLOBALS)) {
        if same_name(name, near) {
            return format!("there is no setting `{name}`; write `{near}`");
        }
        return format!(
            "there is no setting `{name}`; write `{near}`, or, for a key of your own, its type: {own}"
        );
    }
    let settings: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    format!(
        "there is no setting `{name}`; a key of your own has a type: write {own}; the settings are {}",
        settings.join(", ")
    )
}

/// True for a literal, with or without a minus sign.
fn is_simple(value: &Expr) -> bool {
    match value {
        Expr::Unary(unary) => literal(&unary.expr).is_some(),
        value => literal(value).is_some(),
    }
}

/// The type that a value probably has; for `env("KEY", default = …)`, the default's type.
pub(super) fn type_of_value(value: &TokenStream) -> &'static str {
    let tokens: Vec<_> = value.clone().into_iter().collect();
    if let [TokenTree::Ident(function), TokenTree::Group(group)] = tokens.as_slice()
        && (function == "env" || function == "build_env")
    {
        let default = group
            .stream()
            .into_iter()
            .skip_while(|token| token.to_string() != "=");
        return type_of_value(&default.skip(1).collect());
    }
    let expr = syn::parse2::<Expr>(value.clone());
    match &expr {
        Ok(Expr::Unary(unary)) => match literal(&unary.expr) {
            Some(Lit::Float(_)) => "f64",
            _ => "i32",
        },
        Ok(expr) => match literal(expr) {
            Some(Lit::Int(_)) => "u32",
            Some(Lit::Float(_)) => "f64",
            Some(Lit::Bool(_)) => "bool",
            Some(Lit::Char(_)) => "char",
            _ if duration(expr).is_some() => "std::time::Duration",
            _ => "String",
        },
        Err(_) => "String",
    }
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    FOREIGN.iter().flat_map(|(names, _)| names.iter().copied())
}
