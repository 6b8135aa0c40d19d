use super::*;

#[test]
fn an_error_in_a_transaction_counts_before_its_ready_for_query() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T");
    ledger.incoming(b'E', b"SERROR\0VERROR\0C23505\0Mduplicate key\0\0");
    assert_eq!(ledger.status(), Status::Failed);
    let error = ledger.first_error().unwrap();
    assert_eq!(error.sqlstate(), Some("23505"));
    assert_eq!(error.message(), "duplicate key");
}

#[test]
fn rollback_to_a_savepoint_is_not_an_end_and_rollback_is() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T");
    ledger.incoming(b'C', b"ROLLBACK\0");
    ledger.incoming(b'Z', b"T");
    assert_eq!(ledger.ended(), None);
    ledger.incoming(b'C', b"ROLLBACK\0");
    ledger.incoming(b'Z', b"I");
    assert_eq!(ledger.ended(), Some(End::Rollback));
}

#[test]
fn rollback_and_begin_in_one_text_end_the_old_transaction() {
    let ledger = Ledger::default();
    ledger.incoming(b'Z', b"T");
    ledger.incoming(b'C', b"ROLLBACK\0");
    ledger.incoming(b'C', b"BEGIN\0");
    ledger.incoming(b'Z', b"T");
    assert_eq!(ledger.ended(), Some(End::Rollback));
}
