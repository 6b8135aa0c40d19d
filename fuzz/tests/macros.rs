//! The macros keep their promises for every input. `cargo xtask fuzz` tries for longer.
#![allow(missing_docs, clippy::panic)]

use std::time::Duration;

use fuzz::{Settings, repeat, run};

#[test]
fn two_seconds_of_nonsense_break_no_promise() {
    let report = run(&Settings {
        time: Duration::from_secs(2),
        seed: 1,
    });
    assert!(report.is_clean(), "{report:#?}");
    // Both kinds of input occur.
    assert!(report.expanded > 10 && report.refused > 10, "{report:#?}");
}

#[test]
fn an_input_is_the_same_every_time() {
    for index in [0, 1, 1000] {
        assert_eq!(repeat(7, index).0, repeat(7, index).0);
    }
    assert_ne!(repeat(7, 1).0, repeat(8, 1).0);
}
