#![allow(clippy::panic, clippy::expect_used)]

use secrecy::ExposeSecret;

use super::*;

fn target(url: &str) -> Target {
    match parse(url) {
        Ok(target) => target,
        Err(wrong) => panic!("{url}: {wrong}"),
    }
}

fn places(url: &str) -> Vec<Place> {
    parse(url).map(|target| target.places).unwrap_or_default()
}

#[test]
fn takes_the_forms_people_write() {
    for url in [
        "mysql://ada:a%40b@db.internal/app",
        "mariadb://ada:a%40b@db.internal:3306/app",
        "mysql+pymysql://ada:a@b@db.internal/app?charset=utf8mb4",
        "mariadb+mariadbconnector://ada:a%40b@db.internal/app?ssl-mode=DISABLED",
    ] {
        let target = target(url);
        let password = target.password.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(
            (target.user.as_deref(), password),
            (Some("ada"), Some("a@b")),
            "{url}"
        );
        assert_eq!(target.database.as_deref(), Some("app"), "{url}");
        assert_eq!(
            places(url),
            [Place::Tcp("db.internal".into(), 3306)],
            "{url}"
        );
    }
    assert_eq!(target("mysql://localhost").user, None);
}

#[test]
fn takes_several_hosts_addresses_and_a_socket() {
    assert_eq!(
        places("mysql://a@h1,h2:3307,[::1]:3308/db"),
        [
            Place::Tcp("h1".into(), 3306),
            Place::Tcp("h2".into(), 3307),
            Place::Tcp("::1".into(), 3308),
        ]
    );
    assert_eq!(
        places("mysql://a@localhost/db?socket=/run/mysqld.sock"),
        [Place::Socket("/run/mysqld.sock".into())]
    );
}

#[test]
#[cfg(feature = "tls")]
fn takes_the_modes_of_tls_and_their_files() {
    for (options, mode) in [
        ("", Mode::Preferred),
        ("?ssl-mode=DISABLED", Mode::Disabled),
        ("?ssl_mode=required", Mode::Required),
        ("?sslmode=require", Mode::Required),
        ("?sslMode=VERIFY_IDENTITY", Mode::VerifyIdentity),
        ("?sslmode=verify-ca", Mode::VerifyCa),
        ("?ssl-ca=/ca.pem", Mode::VerifyCa),
        ("?ssl-ca=/ca.pem&ssl-mode=REQUIRED", Mode::Required),
    ] {
        let encryption = target(&format!("mysql://ada@host/db{options}")).encryption;
        assert_eq!(encryption.mode, mode, "{options}");
    }
    let encryption = target("mysql://a@h/d?ssl_cert=/c.pem&ssl_key=/k%20.pem").encryption;
    assert_eq!(
        encryption.identity,
        Some(("/c.pem".into(), "/k .pem".into()))
    );
    assert!(parse("mysql://a@h/d?ssl-cert=/c.pem").is_err());
}

#[test]
fn a_url_that_asks_for_tls_in_other_words_is_refused_and_never_connects_without() {
    for option in [
        "ssl=true",
        "ssl",
        "useSSL=true",
        "require_ssl=true",
        "requireSSL=1",
        "tls=true",
        "verify_identity=true",
        "ssl[ca]=/ca.pem",
        "ssl-mode=on",
    ] {
        let wrong = parse(&format!("mysql://ada:hunter2@host/db?{option}")).map(drop);
        let wrong = wrong.expect_err(option);
        assert!(
            wrong.contains("TLS") || wrong.contains("not valid") || wrong.contains("ssl-mode"),
            "{option}: {wrong}"
        );
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn says_what_is_wrong_and_nothing_else() {
    for (url, said) in [
        ("postgres://ada:hunter2@host/db", "not a MySQL URL"),
        ("mysql:///db", "names no host"),
        ("mysql://ada:hunter2@host:port/db", "port is not valid"),
        ("mysql://ada:hunter2@host/db?useSSL=1", "TLS"),
        ("mysql://ada:hunter2@host/db?charset=latin1", "charset"),
        (
            "mysql://ada:hunter2@host/db?pool_min=1",
            "one of its options is not known; expected socket, charset, ssl-mode, ssl-ca, ssl-cert, ssl-key",
        ),
    ] {
        let Err(wrong) = parse(url) else {
            panic!("{url} is taken");
        };
        assert!(wrong.contains(said), "{wrong}");
        assert!(
            !wrong.contains("hunter2") && !wrong.contains("ada"),
            "{wrong}"
        );
    }
}

#[test]
fn an_instrumentation_is_shown_no_host_that_may_be_a_password() {
    for (url, expected) in [
        (
            "mysql://ada:hun/ter2@127.0.0.1/db",
            "mysql://127.0.0.1:3306",
        ),
        (
            "mysql://ada@[::1]:3308,localhost/db",
            "mysql://[::1]:3308,localhost:3306",
        ),
        ("mysql://ada:x@hunter2/db", "mysql://…:3306"),
    ] {
        assert_eq!(shown(url), expected, "{url}");
    }
}
