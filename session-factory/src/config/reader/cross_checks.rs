//! Reports values that are valid alone but not together.

use std::ops::RangeBounds;
use std::time::Duration;

use super::Reader;
use crate::config::{Problem, SecretUrl, Settings, Source, UrlDialect, duration};

/// The settings that depend on each other; `None` for a setting that is wrong by itself.
#[doc(hidden)]
#[derive(Debug)]
#[allow(clippy::option_option)] // these are the types that the reader returns
pub struct CrossChecks<'v> {
    pub pool_size: &'v Option<u32>,
    pub max_overflow: &'v Option<u32>,
    pub pool_recycle: &'v Option<Duration>,
    pub idle_timeout: &'v Option<Duration>,
    pub replica_url: &'v Option<Option<SecretUrl>>,
    pub leak_threshold: &'v Option<Option<Duration>>,
}

impl Reader<'_> {
    /// Returns the value if it is in its key's range, and `None` after reporting that it is not.
    pub fn within<T: PartialOrd>(
        &mut self,
        setting: &'static str,
        value: Option<T>,
        range: impl RangeBounds<T>,
    ) -> Option<T> {
        let value = value?;
        self.in_range(setting, range.contains(&value))
            .then_some(value)
    }

    /// Like `within`, for an optional value. An absent value is not checked.
    // The outer `Option` is `None` after a reported problem, as everywhere in this module.
    #[allow(clippy::option_option)]
    pub fn optional_within<T: PartialOrd>(
        &mut self,
        setting: &'static str,
        value: Option<Option<T>>,
        range: impl RangeBounds<T>,
    ) -> Option<Option<T>> {
        let value = value?;
        let inside = value.as_ref().is_none_or(|value| range.contains(value));
        self.in_range(setting, inside).then_some(value)
    }

    fn in_range(&mut self, setting: &'static str, inside: bool) -> bool {
        let key = if inside { None } else { self.key(setting) };
        let Some(key) = key else { return inside };
        let name = self.name(&key);
        let row = self.rows.iter().rfind(|row| row.name == name);
        let found = match row {
            Some(row) if !key.secret => format!("`{}`", row.value),
            _ => "a value outside of it".to_owned(),
        };
        let expected = format!("a value in {}", key.range.unwrap_or("its range"));
        self.problems
            .push(Problem::malformed(name, expected, found));
        inside
    }

    /// Reports problems that appear only when the settings are compared.
    #[doc(hidden)]
    pub fn cross_check<D: UrlDialect>(&mut self, values: &CrossChecks<'_>) {
        self.cross_check_in(values, D::NAME, D::HAS_REPLICAS);
    }

    pub(super) fn cross_check_in(
        &mut self,
        values: &CrossChecks<'_>,
        backend: &str,
        replicas: bool,
    ) {
        if let (Some(size), Some(overflow)) = (values.pool_size, values.max_overflow)
            && size.checked_add(*overflow).is_none()
        {
            let (size, key) = (self.name_of("pool_size"), self.name_of("max_overflow"));
            let expected = format!("a number that makes at most {} with {size}", u32::MAX);
            self.problems
                .push(Problem::malformed(key, expected, format!("`{overflow}`")));
        }
        // Only a chosen `idle_timeout` is checked. The default may be longer than a short
        // `pool_recycle`; then it has no effect.
        let chosen = self
            .source("idle_timeout")
            .is_some_and(|source| source != Source::Default);
        if let (Some(idle), Some(life), true) = (values.idle_timeout, values.pool_recycle, chosen)
            && idle >= life
            // The user turned `idle_timeout` off, so its value is not checked.
            && *idle != Duration::MAX
        {
            let (life_key, key) = (self.name_of("pool_recycle"), self.name_of("idle_timeout"));
            let expected = format!(
                "a duration below that of {life_key} ({}), at which the connection is closed anyway",
                duration::text(*life)
            );
            let found = format!("`{}`", duration::text(*idle));
            self.problems.push(Problem::malformed(key, expected, found));
        }
        if let Some(Some(threshold)) = values.leak_threshold
            && *threshold < Settings::SHORTEST_LEAK
        {
            let key = self.name_of("leak_threshold");
            let expected = format!(
                "a duration of at least {}, or `off`",
                duration::text(Settings::SHORTEST_LEAK)
            );
            let found = format!("`{}`", duration::text(*threshold));
            self.problems.push(Problem::malformed(key, expected, found));
        }
        if let (Some(Some(_)), false) = (values.replica_url, replicas) {
            let key = self.name_of("replica_url");
            let expected =
                format!("no value: replicas are read on PostgreSQL alone, and this is {backend}");
            self.problems
                .push(Problem::malformed(key, expected, "a URL (not shown)"));
        }
    }

    fn source(&self, setting: &'static str) -> Option<Source> {
        let name = self.name_of(setting);
        let row = self.rows.iter().rfind(|row| row.name == name)?;
        Some(row.source)
    }
}
