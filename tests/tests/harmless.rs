//! Functions listed as harmless leave nothing behind, by the server's own catalog.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

const HARMLESS: &str = include_str!("../../session-factory/src/driver/postgres/sql/harmless.txt");

/// Volatile functions that return a time, a size, a state or a random number; their effects on
/// others are immediate.
const VOLATILE: &str = "clock_timestamp current_query currval gen_random_uuid lastval lo_get \
    pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_blocking_pids pg_cancel_backend \
    pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_indexes_size \
    pg_is_in_recovery pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status \
    pg_partition_ancestors pg_partition_tree pg_relation_size pg_sleep pg_sleep_for pg_sleep_until pg_table_size \
    pg_tablespace_size pg_terminate_backend pg_total_relation_size pg_xact_status random timeofday \
    txid_status";

#[tokio::test]
async fn a_function_that_is_said_to_leave_nothing_behind_is_stable_on_this_server() {
    let database = testbed::postgres::database().await;
    let names = HARMLESS.lines().collect::<Vec<_>>();
    assert!(names.is_sorted(), "one a line, in order");
    let known = VOLATILE.split_whitespace().collect::<Vec<_>>();
    let list = names
        .iter()
        .filter(|name| !known.contains(name))
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(",");
    let volatile = format!(
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace \
         AND provolatile = 'v' AND proname IN ({list})"
    );
    assert_eq!(database.integer(&volatile).await, 0);
}

/// On a server without it, the name would be free for a function of the application's.
#[tokio::test]
async fn a_function_that_is_said_to_leave_nothing_behind_is_one_of_this_servers_own() {
    let database = testbed::postgres::database().await;
    let names = HARMLESS
        .lines()
        .map(|name| format!("('{name}')"))
        .collect::<Vec<_>>()
        .join(",");
    let missing = format!(
        "SELECT count(*) FROM (VALUES {names}) AS listed(name) WHERE NOT EXISTS \
         (SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = listed.name)"
    );
    assert_eq!(database.integer(&missing).await, 0);
}
