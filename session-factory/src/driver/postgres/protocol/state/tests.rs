use super::*;

#[test]
fn an_error_in_a_transaction_counts_before_its_ready_for_query() {
    let protocol_state = ProtocolState::default();
    protocol_state.incoming(b'Z', b"T", &mut None);
    protocol_state.incoming(
        b'E',
        b"SERROR\0VERROR\0C23505\0Mduplicate key\0\0",
        &mut None,
    );
    assert_eq!(protocol_state.status(), Status::Failed);
    let error = protocol_state.first_error().unwrap();
    assert_eq!(error.sqlstate(), Some("23505"));
    assert_eq!(error.message(), "duplicate key");
}

#[test]
fn a_rollback_is_an_end_where_no_transaction_is_open_behind_it_and_else_in_doubt() {
    let protocol_state = ProtocolState::default();
    protocol_state.incoming(b'Z', b"T", &mut None);
    protocol_state.incoming(b'C', b"ROLLBACK\0", &mut None);
    protocol_state.incoming(b'Z', b"T", &mut None);
    assert_eq!(protocol_state.ended(), None);
    assert!(protocol_state.is_in_doubt());
    protocol_state.incoming(b'C', b"ROLLBACK\0", &mut None);
    protocol_state.incoming(b'Z', b"I", &mut None);
    assert_eq!(protocol_state.ended(), Some(TransactionEnd::RolledBack));
    assert!(!protocol_state.is_in_doubt());
}

#[test]
fn a_failed_transaction_is_not_asked() {
    let protocol_state = ProtocolState::default();
    protocol_state.incoming(b'Z', b"T", &mut None);
    protocol_state.incoming(b'C', b"ROLLBACK\0", &mut None);
    protocol_state.incoming(b'C', b"BEGIN\0", &mut None);
    protocol_state.incoming(
        b'E',
        b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0",
        &mut None,
    );
    protocol_state.incoming(b'Z', b"E", &mut None);
    assert!(!protocol_state.is_in_doubt());
}
