// mistakes: 14
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        host = "localhost",
        port = 5432,
        dbname = "app",
        user = "ada",
        password = env("PASSWORD"),
        sslmode = "require",
        sslrootcert = "ca.pem",
        sslcert = "client.pem",
        options = "-c work_mem=64MB",
        target_session_attrs = "read-write",
        keepalives_idle = 60,
        hostaddr = "10.0.0.7",
        passfile = "~/.pgpass",
        channel_binding = "require",
    }
}

fn main() {}
