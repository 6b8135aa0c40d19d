//! Collects all output about one URL, for every way in which a URL can be configured.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use fastrand::Rng;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as SerdeError, MapDeserializer};
use session_factory::config::{ConfigError, Reader};
use session_factory::driver::{Mysql, Postgres, Sqlite};
use session_factory::session_factory;

session_factory! {
    /// On PostgreSQL.
    #[derive(Debug)]
    pub struct PgDb(Postgres) {
        /// A custom key.
        batch: u32 = env("BATCH", default = 500),
    }
}

session_factory! {
    /// On MySQL.
    #[derive(Debug)]
    pub struct MyDb(Mysql);
}

session_factory! {
    /// On SQLite.
    #[derive(Debug)]
    pub struct LiteDb(Sqlite);
}

/// The output, and true if the URL was accepted.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) accepted: bool,
}

/// The key that contains the text, if it is not `DATABASE_URL`.
#[derive(Debug, Clone, Copy)]
enum Place {
    Replica,
    File,
    Part(&'static str),
    Other(&'static str),
    Serde(&'static str),
    SerdeName,
    SerdeAlone,
}

const PARTS: &[&str] = &[
    "DB_HOST",
    "DB_PORT",
    "DB_USER",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PASSWORD_FILE",
];
const OTHERS: &[&str] = &[
    "DB_ECHO",
    "DB_POOL_SIZE",
    "DB_POOL_TIMEOUT",
    "BATCH",
    "DB_STATEMENT_CACHE",
];
const SETTINGS: &[&str] = &[
    "url",
    "replica_url",
    "echo",
    "pool_size",
    "pool_timeout",
    "batch",
];

/// Collects all output about the URL.
pub(crate) fn said(rng: &mut Rng, url: &str) -> Said {
    let mut said = Said {
        text: String::with_capacity(4096),
        accepted: false,
    };
    said.as_url(url);
    if let Some(place) = place(rng, url) {
        said.elsewhere(place, url);
    }
    said
}

fn place(rng: &mut Rng, url: &str) -> Option<Place> {
    let choose = |rng: &mut Rng, names: &[&'static str]| rng.choice(names.iter().copied());
    // A password that could be a host's or a user's name cannot be recognized in that place.
    let is_a_word = !url.contains(['/', ':', '@', '?', '=', '%', '\'', '[', '\\', '&', '#']);
    match rng.u8(..8) {
        0 => Some(Place::Replica),
        1 => Some(Place::File),
        2 if !is_a_word => choose(rng, PARTS).map(Place::Part),
        // A value that is no secret is shown, unless it looks like a URL.
        3 if url.contains("://") || url.contains(['@', '=']) => {
            choose(rng, OTHERS).map(Place::Other)
        }
        4 => choose(rng, &SETTINGS[..2]).map(Place::Serde),
        5 if url.contains("://") || url.contains(['@', '=']) => {
            choose(rng, SETTINGS).map(Place::Serde)
        }
        6 => Some(Place::SerdeName),
        7 => Some(Place::SerdeAlone),
        _ => None,
    }
}

impl Said {
    /// Sets the URL as each backend's `DATABASE_URL`.
    fn as_url(&mut self, url: &str) {
        let vars = |key: &str| (key == "DATABASE_URL").then(|| url.to_owned());
        macro_rules! on {
            ($($factory:ident: $driver:ident),*) => {$(
                let mut reader = Reader::from_vars(stringify!($factory), $factory::KEYS, vars);
                let read = reader.url::<$driver>("url");
                self.debug(&read);
                self.debug(&reader);
                self.text.push_str(&reader.describe());
                match reader.finish(|| read) {
                    Ok(_) => self.accepted = true,
                    Err(error) => self.error(&error),
                }
            )*};
        }
        on!(PgDb: Postgres, MyDb: Mysql, LiteDb: Sqlite);
    }

    fn elsewhere(&mut self, place: Place, url: &str) {
        let on_postgres =
            |name: &'static str| move |key: &str| (key == name).then(|| url.to_owned());
        match place {
            Place::Replica => {
                self.config(PgDbConfig::from_vars(on_postgres("DATABASE_REPLICA_URL")));
            }
            Place::File => self.config(PgDbConfig::from_vars(on_postgres("DATABASE_URL_FILE"))),
            Place::Other(name) => self.config(PgDbConfig::from_vars(on_postgres(name))),
            Place::Part(name) => {
                let vars = |key: &str| match key {
                    key if key == name => Some(url.to_owned()),
                    "DB_HOST" => Some("localhost".to_owned()),
                    "DB_USER" => Some("ada".to_owned()),
                    "DB_NAME" => Some("app".to_owned()),
                    _ => None,
                };
                let mut reader = Reader::from_vars("MyDb", MyDb::KEYS, vars);
                let read = reader.url::<Mysql>("url");
                self.text.push_str(&reader.describe());
                match reader.finish(|| read) {
                    Ok(url) => self.debug(&url),
                    Err(error) => self.error(&error),
                }
                self.config(PgDbConfig::from_vars(vars));
            }
            Place::Serde(name) => self.serde::<PgDbConfig>([(name, url)]),
            Place::SerdeName => self.serde::<LiteDbConfig>([(url, "sqlite:app.db")]),
            Place::SerdeAlone => {
                let alone = <&str as IntoDeserializer<'_, SerdeError>>::into_deserializer(url);
                self.outcome(<PgDbConfig as serde::Deserialize>::deserialize(alone));
            }
        }
    }

    fn serde<'u, C: serde::Deserialize<'u> + Debug>(&mut self, values: [(&'u str, &'u str); 1]) {
        let map = MapDeserializer::<_, SerdeError>::new(values.into_iter());
        self.outcome(C::deserialize(map));
    }

    fn config(&mut self, config: Result<impl Debug, ConfigError>) {
        self.outcome(config);
    }

    fn outcome(&mut self, outcome: Result<impl Debug, impl Error>) {
        match outcome {
            Ok(config) => self.debug(&config),
            Err(error) => self.error(&error),
        }
    }

    fn error(&mut self, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            // Writing to a `String` cannot fail.
            let _ = writeln!(self.text, "{error}\n{error:?}");
            next = error.source();
        }
    }

    fn debug(&mut self, value: &dyn Debug) {
        let _ = writeln!(self.text, "{value:?}");
    }
}
