//! Ranges, and settings that depend on each other.

use super::*;

const KEYS: &[Key] = &[
    Key::new("DB_POOL_SIZE", "pool_size", "u32")
        .default("5")
        .range("1..=200"),
    Key::new("DB_MAX_OVERFLOW", "max_overflow", "u32").default("10"),
    Key::new("DB_POOL_RECYCLE", "pool_recycle", "duration").default("30m"),
    Key::new("DB_POOL_IDLE_TIMEOUT", "idle_timeout", "duration").default("10m"),
    Key::new("LIMIT", "limit", "Option<u64>").range("..5"),
    Key::new("LEVEL", "level", "Level"),
];

fn reader(vars: &'static [(&str, &str)]) -> Reader<'static> {
    Reader::from_vars("AppDb", KEYS, |name| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_value_outside_of_its_range_is_told_with_the_range() {
    for (vars, text) in [
        (
            &[("DB_POOL_SIZE", "201")][..],
            "DB_POOL_SIZE is malformed; expected a value in 1..=200; found `201`",
        ),
        (
            &[("DB_POOL_SIZE", "many")],
            "DB_POOL_SIZE is malformed; expected a whole number in 1..=200; found `many`",
        ),
        (
            &[("LIMIT", "5")],
            "LIMIT is malformed; expected a value in ..5; found `5`",
        ),
    ] {
        let mut reader = reader(vars);
        let size = reader.size("pool_size");
        let size = reader.within("pool_size", size, 1..=200);
        let limit = reader.read::<Option<u64>>("limit");
        let limit = reader.optional_within("limit", limit, ..5);
        assert_ne!(size.is_none(), limit.is_none());
        let message = message(reader, Some(()));
        assert!(message.contains(text), "{message}");
    }
    let mut fine = reader(&[("DB_POOL_SIZE", "200")]);
    let size = fine.size("pool_size");
    assert_eq!(fine.within("pool_size", size, 1..=200), Some(200));
    let limit = fine.read::<Option<u64>>("limit");
    assert_eq!(fine.optional_within("limit", limit, ..5), Some(None));
}

fn together(vars: &'static [(&str, &str)]) -> String {
    let mut reader = reader(vars);
    let values = (
        reader.size("pool_size"),
        reader.read("max_overflow"),
        reader.duration("pool_recycle"),
        reader.duration("idle_timeout"),
    );
    reader.cross_check_in(
        &CrossChecks {
            pool_size: &values.0,
            max_overflow: &values.1,
            pool_recycle: &values.2,
            idle_timeout: &values.3,
            replica_url: &Some(Some(SecretUrl::from("hunter2"))),
            leak_threshold: &Some(None),
        },
        "SQLite",
        false,
    );
    let message = message(reader, Some(()));
    assert!(!message.contains("hunter2"), "{message}");
    message
}

#[test]
fn settings_that_cannot_be_right_together_are_told() {
    let message = together(&[
        ("DB_POOL_SIZE", "4294967295"),
        ("DB_MAX_OVERFLOW", "1"),
        ("DB_POOL_IDLE_TIMEOUT", "1h"),
    ]);
    for part in [
        "DB_MAX_OVERFLOW is malformed; expected a number that makes at most 4294967295 with DB_POOL_SIZE",
        "DB_POOL_IDLE_TIMEOUT is malformed; expected a duration below that of DB_POOL_RECYCLE (30m)",
        "replica_url is malformed; expected no value: replicas are read on PostgreSQL alone, and this is SQLite",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_duration_is_shown_in_days_and_smaller_units() {
    let message = together(&[("DB_POOL_IDLE_TIMEOUT", "365d"), ("DB_POOL_RECYCLE", "36h")]);
    assert!(
        message.contains("that of DB_POOL_RECYCLE (1d 12h)"),
        "{message}"
    );
    assert!(message.contains("found `365d`"), "{message}");
}

#[test]
fn a_shorter_life_alone_is_no_mistake() {
    let message = together(&[("DB_POOL_RECYCLE", "90")]);
    assert!(!message.contains("IDLE_TIMEOUT"), "{message}");
}

#[derive(Debug, PartialEq)]
struct Level(u8);

impl std::str::FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().map(Self).map_err(drop)
    }
}

#[test]
fn a_type_that_has_only_a_from_str_is_read_by_it() {
    let mut given = reader(&[("LEVEL", "3")]);
    let how = Custom::<Level>::new().how();
    assert_eq!(given.custom("level", &how), Some(Level(3)));
    let how = Custom::<Option<Level>>::new().how();
    assert_eq!(given.custom("level", &how), Some(Some(Level(3))));
    assert_eq!(reader(&[]).custom("level", &how), Some(None));
    let mut wrong = reader(&[("LEVEL", "x")]);
    assert_eq!(wrong.custom("level", &how), None);
    let message = message(wrong, Some(()));
    assert!(
        message.contains("LEVEL is malformed; expected a value of the type `Level`; found `x`"),
        "{message}"
    );
    // `bool` has a `FromStr` that knows two words; our `ConfigValue` takes precedence.
    assert_eq!(Custom::<bool>::new().how().value("yes"), Some(true));
}
