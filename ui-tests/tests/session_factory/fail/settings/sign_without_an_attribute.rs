use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        echo = true,
        #
    }
}

fn main() {}
