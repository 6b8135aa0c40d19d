//! Tests which requests use their own connection, which are taken along, and what result each request gets.

use super::*;

fn backend(process: u32) -> Arc<BackendId> {
    Arc::new(BackendId::new(process, "2026-01-02 03:04:05.678901").unwrap())
}

/// Returns the requests that fill the slots, and one that waits.
fn crowd(group: &Arc<Group>) -> (Vec<Alone>, Along) {
    let mut alone = Vec::new();
    loop {
        match group.join(&backend(7)) {
            Way::Alone(one) => alone.push(one),
            Way::Along(along) => return (alone, along),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_top_of_two_requests_is_taken_along() {
    let group = Arc::<Group>::default();
    let (alone, third) = crowd(&group);
    assert_eq!(alone.len(), AT_ONCE);
    let Way::Along(fourth) = group.join(&backend(8)) else {
        panic!("the fourth goes alone");
    };
    let mut texts = Vec::new();
    let send = async |text| {
        texts.push(text);
        Some(true)
    };
    let (_in_time, third, fourth) =
        tokio::join!(group.take_along(send), third.taken(), fourth.taken());
    assert!(matches!(
        (third, fourth),
        (Taken::Cancelled, Taken::Cancelled)
    ));
    let named = r#"'{"7 2026-01-02 03:04:05.678901","8 2026-01-02 03:04:05.678901"}'"#;
    assert!(texts[0].contains(named), "{}", texts[0]);
    group.take_along(async |_| panic!("nobody waits")).await;
    drop(alone);
    assert!(matches!(group.join(&backend(9)), Way::Alone(_)));
}

#[tokio::test(start_paused = true)]
async fn who_is_not_taken_along_in_time_goes_alone() {
    let group = Arc::<Group>::default();
    let (_alone, third) = crowd(&group);
    assert!(matches!(third.taken().await, Taken::Not));
    let (_more, given_up) = crowd(&group);
    drop(given_up);
    group.take_along(async |_| panic!("nobody waits")).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_is_an_answer_and_a_lost_connection_is_none() {
    for answer in [Some(false), None] {
        let group = Arc::<Group>::default();
        let (_alone, third) = crowd(&group);
        let (in_time, third) = tokio::join!(group.take_along(async |_| answer), third.taken());
        assert!(in_time);
        match answer {
            Some(_) => assert!(matches!(third, Taken::Not)),
            None => assert!(matches!(third, Taken::Unknown(_))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_knows_what_a_statement_does_that_is_not_answered() {
    let group = Arc::<Group>::default();
    let (_alone, third) = crowd(&group);
    let silent = group.take_along(async |_| std::future::pending().await);
    let third = async {
        let Taken::Unknown(answer) = third.taken().await else {
            panic!("it is known");
        };
        answer.comes_within(GIVEN_UP_AFTER).await
    };
    let (in_time, comes) = tokio::join!(silent, third);
    assert!(!in_time && !comes);
    let (_more, third) = crowd(&group);
    let dropped = timeout(
        Duration::from_millis(1),
        group.take_along(async |_| std::future::pending().await),
    );
    let (_dropped, third) = tokio::join!(dropped, third.taken());
    assert!(matches!(third, Taken::Unknown(_)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_is_one() {
    let (told, receiver) = oneshot::channel();
    let late = async {
        tokio::time::sleep(ANSWERED_WITHIN).await;
        told.send(true).unwrap();
    };
    let answer = Answer(Some(receiver)).comes_within(2 * ANSWERED_WITHIN);
    let (answered, ()) = tokio::join!(answer, late);
    assert!(answered);
}

#[test]
fn a_birth_in_another_form_is_none() {
    assert!(BackendId::new(7, "").is_none());
    assert!(BackendId::new(7, "'); DROP").is_none());
}
