use super::*;

fn is_unknown(text: &str) -> bool {
    read(text.as_bytes()).contains(Effects::UNKNOWN)
}

#[test]
fn a_function_that_is_not_known_may_do_anything() {
    for text in [
        "SELECT dblink_connect_u('left', 'dbname=x')",
        "select f(1)",
        "SELECT * FROM f ( 1 )",
        "SELECT a, public.lower(b) FROM t",
        "SELECT \"my schema\".\"count\"(b) FROM t",
        "SELECT \"Lower\"('a')",
        "SELECT U&\"d!0061blink\" UESCAPE '!' ('a')",
        "SELECT U&\"\\0064blink_connect\"('a')",
        "SELECT f/* here */(1)",
        "SELECT f -- here =\n(1)",
        "SELECT E'\\'', f(1), ''",
        "SELECT '\\' || f(1) || '\\'",
        "SELECT \"it's\", f(1), '\\'",
        "SELECT $$ it's $$, f(1), '\\'",
        "SELECT \"f\" (1), '\\'",
        "SELECT lower(f('a'))",
        "SELECT * FROM a JOIN f(1) ON true",
        "SELECT coalesce(filter(1), 2)",
        "SELECT join(1)",
        "SELECT operator(1)",
        "INSERT INTO t (a) VALUES (f(1))",
        "INSERT INTO t SELECT f(1)",
        "UPDATE t SET a = f(a)",
        "SELECT query_to_xml('SELECT set_' || 'config(...)', true, true, '')",
        "EXECUTE f(1)",
        "SELECT a[1:f(2)] FROM t",
        // Names of newer servers' functions and keywords.
        "SELECT any_value(a) FROM t",
        "SELECT json_value('x')",
    ] {
        assert!(is_unknown(text), "{text}");
    }
}

#[test]
fn what_diesel_builds_and_what_the_server_has_itself_is_known() {
    for text in [
        "SELECT \"users\".\"id\", \"users\".\"name\" FROM \"users\" WHERE (\"users\".\"id\" = $1) LIMIT $2",
        "INSERT INTO \"users\" (\"id\", \"name\") VALUES ($1, DEFAULT) ON CONFLICT (\"id\") DO UPDATE SET \"name\" = $3 RETURNING \"users\".\"id\"",
        "INSERT INTO \"app\".\"users\" (\"id\") VALUES ($1) ON CONFLICT (\"id\") WHERE (a) DO NOTHING",
        "SELECT COUNT(*), sum(\"a\"), max(b) FROM (\"a\" INNER JOIN (\"b\" LEFT OUTER JOIN \"c\" ON (x)) ON (y))",
        "SELECT coalesce(lower(\"a\"), 'f(1)', CAST($1 AS varchar(3))) FROM t WHERE a = ANY($1) AND EXISTS (SELECT 1)",
        "SELECT CURRENT_TIMESTAMP, now(), date(a), CASE WHEN (a) THEN (b) ELSE (c) END FROM t ORDER BY (a)",
        "SELECT row_number() OVER (PARTITION BY (a) ORDER BY b), count(*) FILTER (WHERE (a)) FROM t GROUP BY ROLLUP (a, b)",
        "WITH a (n) AS MATERIALIZED (SELECT 1) SELECT $1::numeric(10,2), a.n::vector(3) FROM a",
        "WITH RECURSIVE a(n) AS (VALUES (1) UNION ALL (SELECT 2)) SELECT * FROM unnest($1, $2) AS t(a, b)",
        "SELECT pg_catalog.lower('a'), \"upper\"('b'), 1 OPERATOR(pg_catalog.+) 2",
        "SELECT 'f(1)', \"f\", $$f(1)$$ /* f(1) */ -- f(1)",
        "SELECT lower(a) FROM t WHERE a ~ '^\\d+$'",
        "SAVEPOINT a",
    ] {
        assert_eq!(read(text.as_bytes()), Effects::empty(), "{text}");
    }
}

#[test]
fn a_setting_that_ends_with_the_transaction_is_told_from_one_that_stays() {
    let local = Effects::CONFIGURES;
    for text in [
        "SELECT set_config('app.tenant', $1, true)",
        "SELECT pg_catalog.SET_CONFIG('a', lower('b, c'), TRUE)",
        "select set_config('a', 'b', true::boolean)",
    ] {
        assert_eq!(read(text.as_bytes()), local, "{text}");
    }
    for text in [
        "SELECT set_config('a', 'b', false)",
        "SELECT set_config('a', 'b', $1)",
        "SELECT set_config('a', 'b', true = false)",
        "SELECT set_config('a', 'b', not true)",
        "SELECT set_config('a', true, false)",
        "SELECT set_config('a', is_local => true, 'b')",
        "SELECT set_config('a', 'b', true), set_config('a', 'b', false)",
        "SELECT set_config('a\\', 'b', true)",
        "SELECT set_config('a', 'b', (true))",
    ] {
        assert!(
            read(text.as_bytes()).contains(Effects::CHANGES_SESSION),
            "{text}"
        );
    }
}

#[test]
fn locks_and_numbers_have_to_be_waited_for() {
    for text in [
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
        "SELECT nextval('a')",
        "SELECT lo_from_bytea(4242, 'abc')",
    ] {
        assert_eq!(read(text.as_bytes()), Effects::NEEDS_COMMIT, "{text}");
    }
    for (text, effect) in [
        ("SELECT pg_try_advisory_lock(1)", Effects::CHANGES_SESSION),
        ("SELECT setseed(0.5)", Effects::IRREVERSIBLE),
        ("SELECT pg_notify('a', 'b')", Effects::NOTIFIES),
    ] {
        assert!(read(text.as_bytes()).contains(effect), "{text}");
    }
}

#[test]
fn the_texts_of_our_own_are_known() {
    for text in [
        crate::driver::postgres::protocol::lsn::COMMIT,
        crate::driver::postgres::sql::reset::RESET,
        crate::driver::postgres::protocol::lsn::REPLAYED,
    ] {
        assert!(!is_unknown(text), "{text}");
    }
}
