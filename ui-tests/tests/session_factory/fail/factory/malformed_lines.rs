// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo,
        pool_size = ,
        max_overflow = 5 pool_timeout = "5s",
        #[serde(skip)]
        connect_timeout = "5s",
        "url" = env("URL"),
        /// Belongs to nothing.
    }
}

fn main() {}
