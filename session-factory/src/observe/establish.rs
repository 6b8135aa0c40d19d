//! Reports that a connection opens.

use diesel::ConnectionError;
use diesel::connection::{DynInstrumentation, InstrumentationEvent, get_default_instrumentation};

use super::events::report_panic;
use crate::error::ConnectError;

/// Reports to diesel's default instrumentation, if one is set, that a connection opens.
pub(crate) struct Establishing(Option<Announcement>);

struct Announcement {
    instrumentation: DynInstrumentation,
    url: String,
}

impl Establishing {
    /// Reports that an attempt begins. `url` must not contain a secret.
    pub(crate) fn start(url: impl FnOnce() -> String) -> Self {
        let mut announced = None;
        report_panic(|| {
            announced = get_default_instrumentation().map(|instrumentation| Announcement {
                instrumentation: instrumentation.into(),
                url: url(),
            });
        });
        if let Some(announced) = &mut announced {
            let url = &announced.url;
            report_panic(|| {
                let event = InstrumentationEvent::start_establish_connection(url);
                announced.instrumentation.on_connection_event(event);
            });
        }
        Self(announced)
    }

    /// Reports that the attempt has ended, and returns the instrumentation,
    /// which the connection then keeps.
    pub(crate) fn finish<L>(
        mut self,
        opened: &Result<L, ConnectError>,
    ) -> Option<DynInstrumentation> {
        let mut announced = self.0.take()?;
        let error = opened.as_ref().err();
        let error = error.map(|error| ConnectionError::BadConnection(error.to_string()));
        announced.finish(error.as_ref());
        Some(announced.instrumentation)
    }
}

/// Returns the host as an instrumentation sees it before the name is resolved: an
/// address or `localhost`. Any other name is left out, because it may be a part of a
/// password if the URL was split at the wrong place.
pub(crate) fn unresolved(host: &str, port: u16) -> String {
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(address)) => format!("[{address}]:{port}"),
        Ok(address) => format!("{address}:{port}"),
        Err(_) if host == "localhost" => format!("localhost:{port}"),
        Err(_) => format!("…:{port}"),
    }
}

impl Drop for Establishing {
    fn drop(&mut self) {
        if let Some(mut announced) = self.0.take() {
            let given_up = "the attempt to connect was given up".to_owned();
            announced.finish(Some(&ConnectionError::BadConnection(given_up)));
        }
    }
}

impl Announcement {
    fn finish(&mut self, error: Option<&ConnectionError>) {
        report_panic(|| {
            let event = InstrumentationEvent::finish_establish_connection(&self.url, error);
            self.instrumentation.on_connection_event(event);
        });
    }
}
