// mistakes: 7
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        show_sql = true,
        ddl_auto = "update",
        default_schema = "app",
        open_in_view = false,
        dialect = "postgres",
        generate_statistics = true,
        query_timeout = 5,
    }
}

fn main() {}
