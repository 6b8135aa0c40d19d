use session_factory::session_factory;

session_factory! {
    pub struct AppDb {
        pub url: String,
        pub pool_size: u32,
    }
}

fn main() {}
