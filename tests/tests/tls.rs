//! TLS to PostgreSQL: each `sslmode` means the same as in libpq, on every kind of server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use session_factory::ConnectErrorKind;
use session_factory_tests::connect::{connect_error, one_connection};
use session_factory_tests::encrypted::Outcome::{self, Encrypted, Plain, Refused};
use session_factory_tests::encrypted::{
    encrypted_only, file, is_encrypted, outcome, root_of, url, with,
};
use testbed::certificates::{Authority, Certificate};
use testbed::postgres::{Server, Tls};

const TLS: Outcome = Refused(ConnectErrorKind::Tls);
const AUTH: Outcome = Refused(ConnectErrorKind::Authentication);

#[tokio::test]
async fn each_sslmode_on_each_server_is_as_libpq_has_it() {
    let (authority, users) = (Authority::new(), Authority::new());
    let root = file("sslrootcert", &authority.file());
    let modes = [
        "sslmode=disable".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=require{root}"),
        format!("sslmode=verify-ca{root}"),
        format!("sslmode=verify-full{root}"),
    ];
    let user = users.issue("app");
    let ours = file("sslcert", &user.certificate_file()) + &file("sslkey", &user.key_file());
    let stranger = authority.issue("app");
    let theirs =
        file("sslcert", &stranger.certificate_file()) + &file("sslkey", &stranger.key_file());
    let right = authority.issue("localhost");
    let wrong_name = authority.issue("db.example");
    let expired = authority.issue_expired("localhost");
    let self_signed = Certificate::self_signed("localhost");
    let clients = Tls {
        certificate: Some(&right),
        clients: Some(&users),
        ..Tls::default()
    };
    #[rustfmt::skip]
    let servers = [
        // the server                                disable prefer     require    + root     verify-ca  verify-full
        ("no TLS", Tls::default(), "",               [Plain, Plain,     TLS,       TLS,       TLS,       TLS]),
        ("the right certificate", with(&right), "",  [Plain, Encrypted, Encrypted, Encrypted, Encrypted, Encrypted]),
        ("another host's", with(&wrong_name), "",    [Plain, Encrypted, Encrypted, Encrypted, Encrypted, TLS]),
        ("an expired one", with(&expired), "",       [Plain, Encrypted, Encrypted, TLS,       TLS,       TLS]),
        ("a self-signed one", with(&self_signed), "",[Plain, Encrypted, Encrypted, TLS,       TLS,       TLS]),
        ("asks for ours", clients, ours.as_str(),    [AUTH,  Encrypted, Encrypted, Encrypted, Encrypted, Encrypted]),
        ("asks, we have none", clients, "",          [AUTH,  AUTH,      AUTH,      AUTH,      AUTH,      AUTH]),
        ("asks, a stranger's", clients, &theirs,     [AUTH,  AUTH,      TLS,       TLS,       TLS,       TLS]),
    ];
    let server = Server::start().await;
    let database = server.database().await;
    for (name, tls, identity, expected) in servers {
        server.set_tls(tls).await;
        let mut found = Vec::new();
        for mode in &modes {
            let query = format!("{mode}{identity}");
            found.push(outcome(&url(&database, "app", &query)).await);
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn a_refused_certificate_is_told_with_its_reason() {
    let authority = Authority::new();
    let server = Server::start().await;
    let database = server.database().await;
    let query = format!(
        "sslmode=verify-full{}",
        file("sslrootcert", &authority.file())
    );
    let said = async |certificate: &Certificate, query: &str| {
        server.set_tls(with(certificate)).await;
        let error = is_encrypted(&one_connection(&url(&database, "app", query))).await;
        connect_error(&error.unwrap_err()).to_string()
    };
    let wrong_name = said(&authority.issue("db.example"), &query).await;
    assert!(
        wrong_name.contains("localhost") && wrong_name.contains("db.example"),
        "{wrong_name}"
    );
    let expired = said(&authority.issue_expired("localhost"), &query).await;
    assert!(expired.contains("expired"), "{expired}");
    let unknown = said(&Certificate::self_signed("localhost"), &query).await;
    assert!(
        unknown.contains("no authority that is trusted here"),
        "{unknown}"
    );
    // The platform does not trust a private authority either.
    let right = authority.issue("localhost");
    for query in [
        "sslmode=verify-full",
        "sslrootcert=system",
        "sslmode=verify-ca",
    ] {
        let text = said(&right, query).await;
        assert!(
            text.contains("no authority that is trusted here")
                || text.contains("no trusted authorities"),
            "{text}"
        );
    }
    for (files, part) in [
        (
            "&sslrootcert=/nowhere.pem",
            "the file that sslrootcert names: No such file",
        ),
        (
            "&sslcert=/nowhere.pem&sslkey=/nowhere.key",
            "the file that sslcert names: No such file",
        ),
    ] {
        let text = said(&right, &format!("sslmode=require{files}")).await;
        assert!(text.contains(part), "{text}");
    }
    let key = right.key_file();
    let no_certificate = format!("sslmode=verify-ca{}", file("sslrootcert", &key));
    let text = said(&right, &no_certificate).await;
    assert!(text.contains("holds no certificate"), "{text}");
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_given_as_its_own_root_is_trusted() {
    let server = Server::start().await;
    let database = server.database().await;
    let own = Certificate::self_signed("localhost");
    let root = file("sslrootcert", &own.certificate_file());
    server.set_tls(with(&own)).await;
    let full = url(&database, "app", &format!("sslmode=verify-full{root}"));
    assert_eq!(outcome(&full).await, Encrypted);
    // Valid for its own name only, and no other certificate of that name is accepted.
    let elsewhere = full.replace("localhost", "127.0.0.1");
    assert_eq!(outcome(&elsewhere).await, TLS);
    server
        .set_tls(with(&Certificate::self_signed("localhost")))
        .await;
    assert_eq!(outcome(&full).await, TLS);
}

#[tokio::test]
async fn the_platforms_authorities_are_trusted_when_no_root_is_named() {
    let (server, database, _query) = encrypted_only().await;
    let root = root_of(&server);
    for query in [
        "sslmode=verify-full",
        "sslrootcert=system",
        "sslmode=verify-ca",
    ] {
        // The platform's authorities come from the variable that OpenSSL reads as well.
        let url = url(&database, "app", query);
        let (out, err) = init(&url, Some(&root));
        assert!(out.contains("connected"), "{query}: {out}{err}");
        let (out, _err) = init(&url, None);
        assert!(
            !out.contains("connected") && out.contains("TLS with"),
            "{query}: {out}"
        );
    }
}

fn init(url: &str, platform: Option<&Path>) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg("init")
        .env("DATABASE_URL", url)
        .envs(platform.map(|roots| ("SSL_CERT_FILE", roots)))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_name_in_the_certificate_is_the_hosts_wherever_it_leads() {
    let authority = Authority::new();
    let server = Server::start().await;
    let database = server.database().await;
    let (port, name) = (server.address().port(), database.name());
    let root = authority.file().display().to_string();
    let at = |place: &str| {
        format!(
            "{place} port={port} user=app dbname={name} sslmode=verify-full sslrootcert='{root}'"
        )
    };
    server.set_tls(with(&authority.issue("db.example"))).await;
    let elsewhere = at("host=db.example hostaddr=127.0.0.1");
    assert_eq!(outcome(&elsewhere).await, Encrypted);
    assert_eq!(outcome(&at("host=127.0.0.1")).await, TLS);
    assert_eq!(
        outcome(&at("host=other.example hostaddr=127.0.0.1")).await,
        TLS
    );
    // A certificate may contain an address instead of a name.
    server.set_tls(with(&authority.issue("127.0.0.1"))).await;
    assert_eq!(outcome(&at("host=127.0.0.1")).await, Encrypted);
    assert_eq!(outcome(&at("hostaddr=127.0.0.1")).await, Encrypted);
    assert_eq!(outcome(&elsewhere).await, TLS);
}
