use super::*;

#[test]
fn an_error_in_a_transaction_counts_before_its_ready_for_query() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T", &mut None);
    ledger.incoming(
        b'E',
        b"SERROR\0VERROR\0C23505\0Mduplicate key\0\0",
        &mut None,
    );
    assert_eq!(ledger.status(), Status::Failed);
    let error = ledger.first_error().unwrap();
    assert_eq!(error.sqlstate(), Some("23505"));
    assert_eq!(error.message(), "duplicate key");
}

#[test]
fn a_rollback_is_an_end_where_no_transaction_is_open_behind_it_and_else_in_doubt() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T", &mut None);
    ledger.incoming(b'C', b"ROLLBACK\0", &mut None);
    ledger.incoming(b'Z', b"T", &mut None);
    assert_eq!(ledger.ended(), None);
    assert!(ledger.is_in_doubt());
    ledger.incoming(b'C', b"ROLLBACK\0", &mut None);
    ledger.incoming(b'Z', b"I", &mut None);
    assert_eq!(ledger.ended(), Some(End::Rollback));
    assert!(!ledger.is_in_doubt());
}

#[test]
fn a_failed_transaction_is_not_asked() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T", &mut None);
    ledger.incoming(b'C', b"ROLLBACK\0", &mut None);
    ledger.incoming(b'C', b"BEGIN\0", &mut None);
    ledger.incoming(
        b'E',
        b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0",
        &mut None,
    );
    ledger.incoming(b'Z', b"E", &mut None);
    assert!(!ledger.is_in_doubt());
}
