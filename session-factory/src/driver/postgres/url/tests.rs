use std::path::PathBuf;

use tokio_postgres::config::ChannelBinding;

use super::*;
use crate::driver::postgres::connect::ssl_mode::{Mode, Roots};

fn ok(url: &str) -> Url {
    parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn wrong(url: &str) -> String {
    parse(url).map(drop).expect_err(url)
}

/// Returns the URL's user, password, hosts and database.
fn said(url: &str) -> (String, String, String, String) {
    let url = ok(url);
    let password = url.config.get_password().unwrap_or_default();
    let hosts: Vec<_> = url
        .hosts
        .iter()
        .map(|host| match &host.lookup {
            Lookup::Folder(folder) => format!("{}:{}", folder.display(), host.port),
            Lookup::Name => format!("{}:{}", host.name, host.port),
            Lookup::Address(address) => format!("{}={address}:{}", host.name, host.port),
        })
        .collect();
    (
        url.config.get_user().unwrap_or_default().to_owned(),
        String::from_utf8(password.to_vec()).unwrap(),
        hosts.join(" "),
        url.config.get_dbname().unwrap_or_default().to_owned(),
    )
}

fn is(url: &str, user: &str, password: &str, hosts: &str, database: &str) {
    let expected = (user.into(), password.into(), hosts.into(), database.into());
    assert_eq!(said(url), expected, "{url}");
}

#[test]
fn every_dialect_names_the_same_database() {
    for scheme in [
        "postgres",
        "postgresql",
        "postgresql+psycopg2",
        "postgresql+psycopg",
        "postgresql+asyncpg",
        "postgres+pg8000",
        "PostgreSQL",
    ] {
        let url = format!("{scheme}://ada:word@db.internal:5433/app");
        is(&url, "ada", "word", "db.internal:5433", "app");
    }
    let pairs = "host=db.internal port=5433 user=ada password=word dbname=app";
    is(pairs, "ada", "word", "db.internal:5433", "app");
    is("postgres://localhost/app", "", "", "localhost:5432", "app");
    is("postgres://ada@localhost", "ada", "", "localhost:5432", "");
}

#[test]
fn awkward_passwords_arrive_whole() {
    for (written, password) in [
        ("p%40ss%3Aw%2For%23d%3F%25", "p@ss:w/or#d?%"),
        ("with%20space", "with space"),
        ("with space", "with space"),
        ("gr%C3%BC%C3%9Fe", "grüße"),
        ("grüße", "grüße"),
        ("p@ss", "p@ss"),
        ("p@:@ss", "p@:@ss"),
        ("hash#tag", "hash#tag"),
        ("100%", "100%"),
        ("a,b=c&d", "a,b=c&d"),
        ("", ""),
    ] {
        let url = format!("postgres://ada:{written}@db:1/app");
        is(&url, "ada", password, "db:1", "app");
    }
    let quoted = r"host=db user=ada password='a \'b\\ c=d' dbname=app";
    is(quoted, "ada", r"a 'b\ c=d", "db:5432", "app");
    is("host = db password = x://y@z", "", "x://y@z", "db:5432", "");
    is(
        "postgres://db/app?user=ada&password=p%26q",
        "ada",
        "p&q",
        "db:5432",
        "app",
    );
}

#[test]
fn hosts_are_many_and_of_all_kinds() {
    is("postgres://a:1,b,c:3/app", "", "", "a:1 b:5432 c:3", "app");
    is(
        "postgres://[::1]:7,[fe80::2]/app",
        "",
        "",
        "::1:7 fe80::2:5432",
        "app",
    );
    is(
        "postgres://%2Fvar%2Frun%2Fpostgresql/app",
        "",
        "",
        "/var/run/postgresql:5432",
        "app",
    );
    is("postgres://%2Fvar%2Frun:6/app", "", "", "/var/run:6", "app");
    is(
        "postgres:///app?host=/var/run&port=6",
        "",
        "",
        "/var/run:6",
        "app",
    );
    is(
        "postgresql://ada@/app?host=a:1&host=b:2",
        "ada",
        "",
        "a:1 b:2",
        "app",
    );
    is("postgres://a,b/app?port=7", "", "", "a:7 b:7", "app");
    is("host=a,b port=1,2", "", "", "a:1 b:2", "");
    is("host=a hostaddr=10.0.0.1", "", "", "a=10.0.0.1:5432", "");
    is("hostaddr=10.0.0.1", "", "", "10.0.0.1=10.0.0.1:5432", "");
}

#[test]
fn parameters_take_effect() {
    let url = ok(
        "postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem\
        &target_session_attrs=prefer-standby&load_balance_hosts=random&channel_binding=require\
        &connect_timeout=3&keepalives_idle=60&keepalives_count=4&tcp_user_timeout=1500&application_name=a+b%20c",
    );
    assert_eq!(url.encryption.mode, Mode::VerifyFull);
    assert_eq!(url.encryption.roots, Some(Roots::File("/ca.pem".into())));
    let files = Some((PathBuf::from("/c.pem"), PathBuf::from("/k.pem")));
    assert_eq!(url.encryption.identity, files);
    assert_eq!(url.wanted, Wanted::PreferStandby);
    assert!(url.shuffled);
    assert_eq!(url.config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(url.config.get_application_name(), Some("a+b c"));
    assert_eq!(url.socket.connect_timeout.unwrap().as_secs(), 3);
    assert_eq!(url.socket.keepalives_idle.unwrap().as_secs(), 60);
    assert_eq!(url.socket.keepalives_retries, Some(4));
    assert_eq!(url.socket.user_timeout.unwrap().as_millis(), 1500);
    assert!(url.socket.keepalives);
}

#[test]
fn a_number_that_the_kernel_refuses_is_refused_with_its_range() {
    for (name, most, unit) in [
        ("keepalives_idle", 32_767_u32, "seconds"),
        ("keepalives_interval", 32_767, "seconds"),
        ("keepalives_count", 127, "probes"),
        ("keepalives_retries", 127, "probes"),
        ("tcp_user_timeout", 2_147_483_647, "milliseconds"),
    ] {
        ok(&format!("postgres://h/d?{name}={most}"));
        for value in [u64::from(most) + 1, 4_294_967_295, 99_999_999_999] {
            let error = wrong(&format!("postgres://h/d?{name}={value}"));
            let range = format!("its {name} is not from 0 to {most} {unit}");
            assert!(error.contains(&range), "{value}: {error}");
        }
    }
}

#[test]
fn sslmode_is_libpqs() {
    let mode = |query: &str| ok(&format!("postgres://h/d?{query}")).encryption.mode;
    assert_eq!(mode(""), Mode::Prefer);
    assert_eq!(mode("sslmode=disable"), Mode::Disable);
    assert_eq!(mode("ssl=true"), Mode::Require);
    assert_eq!(mode("ssl=verify-ca"), Mode::VerifyCa);
    assert_eq!(mode("sslrootcert=system"), Mode::VerifyFull);
    for (query, part) in [
        ("sslmode=require&sslrootcert=system", "verify-full"),
        ("sslcert=/c.pem", "sslkey"),
        ("sslkey=/k.pem", "sslcert"),
        ("sslmode=verify_full", "did you mean `verify-full`?"),
        (
            "sslmode=allow",
            "one of disable, prefer, require, verify-ca, verify-full",
        ),
        ("sslnegotiation=direct", "sslnegotiation is not supported"),
    ] {
        let error = wrong(&format!("postgres://h/d?{query}"));
        assert!(error.contains(part), "{query}: {error}");
    }
}

#[test]
fn an_error_names_the_part_that_is_wrong() {
    for (url, part) in [
        ("postgres://a:w@h:notaport/d", "its port"),
        ("postgres://a:w@h:0/d", "its port"),
        ("postgres://a:w@h:70000/d", "its port"),
        ("postgres://a:w@[::1/d", "its host"),
        ("postgres://a:w@h,,i/d", "its host"),
        ("postgres://a:w@/d", "it names no host"),
        ("postgres://", "it names no host"),
        (
            "postgres://a:w@h/d?sslmod=require",
            "one of its parameters is not known: did you mean `sslmode`?",
        ),
        (
            "postgres://a:w@h/d?frobnicate=1",
            "one of its parameters is none of user, password",
        ),
        (
            "postgres://a:w@h/d?connect_timeout=soon",
            "its connect_timeout",
        ),
        ("postgres://a:w@h/d?sslmode", "has no value"),
        (
            "postgres://a:w@h/d?target_session_attrs=standbye",
            "did you mean `standby`?",
        ),
        (
            "postgres://a:w@h/d?client_encoding=latin1",
            "its client_encoding",
        ),
        ("host=h port=x", "its port"),
        ("host=h,i port=1,2,3", "its port"),
        ("host=h hostaddr=nowhere", "its hostaddr"),
        ("host=h hostaddr=10.0.0.1,10.0.0.2", "its hostaddr"),
        ("host=h password='open", "a quote"),
        ("host=h dbname", "a `=` is missing"),
        ("mysql://a:w@h/d", "not a PostgreSQL URL"),
        ("postgresql+://h/d", "not a PostgreSQL URL"),
        ("word", "not a PostgreSQL URL"),
    ] {
        let error = wrong(url);
        assert!(error.contains(part), "{url}: {error}");
    }
}

#[test]
fn no_error_quotes_a_piece_of_a_password() {
    // In each of these URLs a piece of the secret is in a different part, wherever the parser cuts.
    for url in [
        "postgres://ada:hunter2/rest@host/db",
        "postgres://ada:hunter2?rest@host/db",
        "postgres://ada:hunter2?rest=1@host/db",
        "postgres://ada:1234?sslmode=hunter2@host/db",
        "postgres://ada:1234/hunter2@host/db",
        "postgres://ada:p@hunter2/x@host/db",
        "postgres://ada:p@host?hunter2=x@host/db",
        "postgres://ada:hunter2",
        "postgres://ada:hunter2/db",
        "postgres://h/d?hunter2=1",
        "postgres://h/d?hunter2",
        "host=h password=my hunter2",
        "host=h password=my hunter2=1",
        "host=h password='hunter2",
        "hunter2://h",
        "hunter2",
    ] {
        let error = wrong(url);
        assert!(!error.contains("hunter2"), "{url}: {error}");
    }
}

#[test]
fn an_instrumentation_is_shown_no_host_that_may_be_a_password() {
    for (url, expected) in [
        (
            "postgres://ada@127.0.0.1/app",
            "postgresql://127.0.0.1:5432",
        ),
        (
            "postgres://ada@[::1]:1,localhost/app",
            "postgresql://[::1]:1,localhost:5432",
        ),
        ("postgres://ada:x@hunter2/app", "postgresql://…:5432"),
        (
            "host=hunter2 hostaddr=127.0.0.1 user=ada",
            "postgresql://…:5432",
        ),
    ] {
        assert_eq!(shown(url), expected, "{url}");
    }
}
