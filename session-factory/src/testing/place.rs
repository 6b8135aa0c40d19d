//! Where tests run: on the server that was given for tests, or on this machine. No other server gets a packet.

use std::collections::HashMap;
use std::env;
use std::sync::OnceLock;

use super::databases::Setup;
use crate::config::{Part, Reader, Settings, UrlDialect as _};
use crate::factory::{FactoryConfig, SessionFactory};

/// More tests at a time than this gain nothing on one machine.
const MOST_SLOTS: usize = 8;

/// `TEST_DB_SLOTS`, or as many as the machine has cores: how many tests run at a time.
pub(super) fn slots() -> usize {
    static SLOTS: OnceLock<usize> = OnceLock::new();
    *SLOTS.get_or_init(|| {
        let wanted = env::var("TEST_DB_SLOTS").ok();
        let wanted = wanted.and_then(|text| text.trim().parse().ok());
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        wanted.unwrap_or_else(|| cores().min(MOST_SLOTS)).max(1)
    })
}

/// Where a test's database is made, and how its factory is configured.
pub(super) struct Place<F: SessionFactory> {
    variables: Variables,
    /// The settings for connecting to the server.
    pub(super) settings: Settings,
    factory: std::marker::PhantomData<F>,
}

/// The environment, and `.env` with the feature `dotenv`.
struct Variables {
    dotenv: HashMap<String, String>,
}

impl Variables {
    fn read() -> Self {
        #[cfg(feature = "dotenv")]
        let dotenv = crate::config::dotenv_values();
        #[cfg(not(feature = "dotenv"))]
        let dotenv = HashMap::new();
        Self { dotenv }
    }

    fn get(&self, name: &str) -> Option<String> {
        let set = env::var(name).ok();
        set.or_else(|| self.dotenv.get(name).cloned())
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.trim().is_empty())
    }
}

/// The names of a factory's keys that say where the database is.
struct UrlKeys {
    url: &'static str,
    file: Option<&'static str>,
    parts: Vec<&'static str>,
    replica: Vec<&'static str>,
}

impl UrlKeys {
    fn of<F: SessionFactory>() -> Self {
        let names = |setting: &str, wanted: fn(Option<Part>) -> bool| -> Vec<_> {
            let keys = F::KEYS.iter();
            keys.filter(|key| key.setting == setting && wanted(key.part))
                .map(|key| key.name)
                .collect()
        };
        let first = |names: Vec<&'static str>| names.into_iter().next();
        Self {
            url: first(names("url", |part| part.is_none())).unwrap_or("DATABASE_URL"),
            file: first(names("url", |part| part == Some(Part::File))),
            parts: names("url", |part| !matches!(part, None | Some(Part::File))),
            replica: names("replica_url", |_| true),
        }
    }
}

impl<F: SessionFactory> Place<F> {
    /// Reads the environment.
    pub(super) fn find(is_file: bool) -> Setup<Self> {
        let variables = Variables::read();
        let keys = UrlKeys::of::<F>();
        if is_file {
            return Ok(Self::new(variables, Settings::new(String::new().into())));
        }
        let given = keys.url_for_tests(&variables);
        let config = match &given {
            Some(name) => Self::config(&variables, |key| keys.given_for_tests(&variables, key))
                .map_err(|error| format!("{name} stands for {} in tests: {error}", keys.url))?,
            None if !keys.is_set(&variables) => return Err(keys.no_server::<F>()),
            None => Self::config(&variables, |_| None).map_err(|error| error.to_string())?,
        };
        let settings = config.settings();
        if given.is_none()
            && let Some(host) = F::Driver::elsewhere(settings.url.expose())
        {
            return Err(format!(
                "{url} names the server {host}, which is not this machine: a test creates and drops databases there, so it \
                 did not connect; set TEST_{url} to the server that the tests may use (that one if it is)",
                url = keys.url
            ));
        }
        Ok(Self::new(variables, settings))
    }

    fn new(variables: Variables, settings: Settings) -> Self {
        Self {
            variables,
            settings,
            factory: std::marker::PhantomData,
        }
    }

    /// The configuration with some of the keys replaced: `Some(None)` for one that is not set.
    #[allow(clippy::option_option)]
    fn config(
        variables: &Variables,
        replaced: impl Fn(&str) -> Option<Option<String>>,
    ) -> Result<F::Config, crate::ConfigError> {
        let keys = UrlKeys::of::<F>();
        let mut reader = Reader::from_vars(F::NAME, F::KEYS, |name| {
            if keys.replica.contains(&name) {
                // A replica receives a test's database too late for the test.
                return None;
            }
            replaced(name).unwrap_or_else(|| variables.get(name))
        });
        let config = F::Config::read(&mut reader);
        reader.finish(|| config)
    }

    /// The configuration of the factory whose database is at `url`. All other settings are the environment's.
    pub(super) fn config_of(&self, url: &str) -> Setup<F::Config> {
        let keys = UrlKeys::of::<F>();
        let config = Self::config(&self.variables, |name| match name {
            name if name == keys.url => Some(Some(url.to_owned())),
            name if keys.is_of_url(name) => Some(None),
            _ => None,
        });
        config.map_err(|error| error.to_string())
    }
}

impl UrlKeys {
    /// The key that gives the server for tests, if it is set.
    fn url_for_tests(&self, variables: &Variables) -> Option<String> {
        let names = [Some(self.url), self.file];
        let names = names
            .into_iter()
            .flatten()
            .map(|name| format!("TEST_{name}"));
        names.into_iter().find(|name| variables.is_set(name))
    }

    /// The values that replace the URL's keys in tests.
    #[allow(clippy::option_option)]
    fn given_for_tests(&self, variables: &Variables, name: &str) -> Option<Option<String>> {
        if name == self.url || Some(name) == self.file {
            return Some(variables.get(&format!("TEST_{name}")));
        }
        self.parts.contains(&name).then_some(None)
    }

    fn is_of_url(&self, name: &str) -> bool {
        name == self.url || Some(name) == self.file || self.parts.contains(&name)
    }

    fn is_set(&self, variables: &Variables) -> bool {
        let names = [Some(self.url), self.file].into_iter().flatten();
        let mut names = names.chain(self.parts.iter().copied());
        names.any(|name| variables.is_set(name))
    }

    fn no_server<F: SessionFactory>(&self) -> String {
        format!(
            "TEST_{url} is not set, and {url} is not either: the test has no server\n{}",
            three_ways::<F>(self.url),
            url = self.url
        )
    }
}

/// Explains how to get a server for tests.
pub(super) fn three_ways<F: SessionFactory>(url: &str) -> String {
    let example = match F::Driver::SCHEMES.first() {
        Some(&"mysql") => (
            "mysql://root@127.0.0.1/mysql",
            "docker run --rm -d -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 mariadb",
            "mariadbd on this machine",
        ),
        _ => (
            "postgres://postgres@127.0.0.1/postgres",
            "docker run --rm -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres",
            "the PostgreSQL that is installed on this machine (pg_ctl start)",
        ),
    };
    let (address, docker, local) = example;
    format!(
        "three ways to have one:\n  \
         - a container: {docker}\n  \
         - {local}\n  \
         - a server that the tests may use: any user who may create databases\n\
         then set TEST_{url}={address}"
    )
}

/// The server's key, for messages.
pub(super) fn url_key<F: SessionFactory>() -> &'static str {
    UrlKeys::of::<F>().url
}
