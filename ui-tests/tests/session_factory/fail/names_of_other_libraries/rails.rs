// mistakes: 11
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        adapter = "postgresql",
        database = "app",
        pool = 5,
        checkout_timeout = 5,
        reaping_frequency = 10,
        prepared_statements = false,
        statement_limit = 100,
        schema_search_path = "app",
        encoding = "unicode",
        variables = {},
        read_timeout = 5,
    }
}

fn main() {}
