use super::*;
use crate::case::Hooks;

fn found(unit: i32, item: i32, count: i64) -> Found {
    Found { unit, item, count }
}

fn entries(rows: i32, verdict: Option<Verdict>) -> BTreeMap<i32, Entry> {
    let entry = Entry {
        rows,
        verdict,
        ..Entry::default()
    };
    BTreeMap::from([(0, entry)])
}

const TOLD: [Option<Verdict>; 4] = [
    None,
    Some(Verdict::Committed),
    Some(Verdict::RolledBack),
    Some(Verdict::Unknown),
];

#[test]
fn all_rows_are_right_unless_the_caller_was_told_of_a_rollback() {
    let rows = [found(0, 0, 1), found(0, 1, 1)];
    let judged = TOLD.map(|told| judge(&entries(2, told), &rows));
    let wrong = vec![Problem::ErrWithRows { unit: 0 }];
    assert_eq!(judged, [vec![], vec![], wrong, vec![]]);
}

#[test]
fn no_rows_are_right_unless_the_caller_was_told_ok() {
    let judged = TOLD.map(|told| judge(&entries(2, told), &[]));
    let wrong = vec![Problem::OkWithoutRows { unit: 0 }];
    assert_eq!(judged, [vec![], wrong, vec![], vec![]]);
}

#[test]
fn half_of_the_rows_are_wrong_whatever_the_caller_was_told() {
    for told in TOLD {
        let judged = judge(&entries(2, told), &[found(0, 1, 1)]);
        let half = Problem::Half {
            unit: 0,
            found: 1,
            rows: 2,
        };
        assert_eq!(judged, [half], "{told:?}");
    }
}

#[test]
fn doubled_rolled_back_and_foreign_rows_are_wrong_whatever_the_caller_was_told() {
    for told in TOLD {
        let judged = judge(&entries(1, told), &[found(0, 0, 2)]);
        assert_eq!(judged, [Problem::Doubled { unit: 0 }], "{told:?}");
        let judged = judge(&entries(1, told), &[found(0, -1, 1), found(0, 0, 1)]);
        assert_eq!(judged, [Problem::RolledBackRows { unit: 0 }], "{told:?}");
    }
    let judged = judge(&entries(0, None), &[found(5, 0, 1)]);
    assert_eq!(judged, [Problem::UnknownRows { unit: 5 }]);
}

#[test]
fn hooks_have_to_agree_with_the_rows() {
    let with = |told, saw_commit, saw_rollback, rows: &[Found]| {
        let mut entries = entries(1, told);
        if let Some(entry) = entries.get_mut(&0) {
            entry.hooks = Hooks {
                wants_commit: true,
                wants_rollback: true,
                saw_commit,
                saw_rollback,
            };
        }
        judge(&entries, rows)
    };
    let (kept, lied) = ([found(0, 0, 1)], [Problem::HookLied { unit: 0 }]);
    assert_eq!(with(Some(Verdict::Committed), true, false, &kept), []);
    assert_eq!(with(None, false, true, &[]), []);
    assert_eq!(with(Some(Verdict::Unknown), false, false, &kept), []);
    assert_eq!(with(Some(Verdict::Committed), false, false, &kept), lied);
    assert_eq!(with(None, false, true, &kept), lied);
    assert_eq!(with(None, true, false, &[]), lied);
    assert_eq!(with(None, true, true, &kept), lied);
}

#[test]
fn what_the_body_ended_by_hand_is_judged_by_its_parts() {
    // Of three rows, the first was written before the end, and the second after it in the same
    // text.
    let is_true = |commits, told, items: &[i32]| {
        let mut entries = entries(3, Some(told));
        if let Some(entry) = entries.get_mut(&0) {
            entry.end = Some(RawEnd {
                commits,
                before: 1,
                by_hand: 2,
            });
        }
        let rows: Vec<_> = items.iter().map(|item| found(0, *item, 1)).collect();
        judge(&entries, &rows).is_empty()
    };
    for (told, items) in [
        (Verdict::Committed, &[0, 1, 2][..]),
        (Verdict::Unknown, &[0, 2]),
        (Verdict::Failed, &[0, 1]),
        (Verdict::RolledBack, &[]),
        (Verdict::Partly(CommittedPart::Before), &[0]),
        (Verdict::Partly(CommittedPart::BeforeAndSomeBehind), &[0, 2]),
        (Verdict::Partly(CommittedPart::Behind), &[1, 2]),
        (Verdict::Partly(CommittedPart::SomeBehind), &[2]),
    ] {
        assert!(is_true(true, told, items), "{told:?} {items:?}");
    }
    for (told, items) in [
        (Verdict::Committed, &[0, 1][..]),
        (Verdict::Failed, &[2]),
        (Verdict::RolledBack, &[0]),
        (Verdict::Partly(CommittedPart::Before), &[]),
        (Verdict::Partly(CommittedPart::SomeBehind), &[0]),
        (Verdict::Partly(CommittedPart::Before), &[0, 1]),
        (Verdict::Partly(CommittedPart::BeforeAndBehind), &[0, 1]),
    ] {
        assert!(!is_true(true, told, items), "{told:?} {items:?}");
    }
    // Rows that the body's SQL rolled back are never there.
    assert!(!is_true(false, Verdict::Unknown, &[0]));
    assert!(!is_true(false, Verdict::Failed, &[1]));
    assert!(is_true(false, Verdict::Failed, &[]));
}
