//! No error about a URL shows a piece of its password; `cargo xtask fuzz --urls` tries a million.
#![cfg(feature = "drivers")]
#![allow(missing_docs)]

use fastrand::Rng;
use fuzz::{Secret, run_urls};

#[test]
fn five_thousand_urls_with_mistakes_show_no_piece_of_their_passwords() {
    let report = run_urls(5000, 2);
    assert!(report.is_clean(), "{report:#?}");
    // Both kinds of URL occur.
    assert!((100..4900).contains(&report.refused), "{report:?}");
}

#[test]
fn a_piece_is_found_in_every_disguise() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..1000 {
        let secret = Secret::new(&mut rng);
        let text = secret.text();
        let run: String = text
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let encoded: Vec<_> = run.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let between: Vec<_> = run.split("").collect();
        for shown in [
            text.to_owned(),
            text.to_ascii_uppercase(),
            text.to_ascii_lowercase(),
            format!("its {}.", &run[run.len() - 4..]),
            encoded.concat(),
            between.join("'"),
        ] {
            assert!(secret.shown_in(&shown).is_some(), "{secret:?} in {shown}");
        }
        for silent in [
            "",
            &run[..3],
            "its port is not a number from 1 to 65535",
            "[redacted]",
        ] {
            assert_eq!(secret.shown_in(silent), None, "{secret:?} in {silent}");
        }
    }
}
