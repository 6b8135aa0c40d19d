// mistakes: 12
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        maximumPoolSize = 10,
        minimumIdle = 2,
        maxLifetime = 1800000,
        leakDetectionThreshold = 2000,
        keepaliveTime = 30000,
        connectionTestQuery = "SELECT 1",
        connectionInitSql = "SET x = 1",
        poolName = "app",
        autoCommit = false,
        jdbcUrl = env("URL"),
        driverClassName = "org.postgresql.Driver",
        username = "ada",
    }
}

fn main() {}
