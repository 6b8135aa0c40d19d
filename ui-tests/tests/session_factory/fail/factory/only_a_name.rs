use session_factory::session_factory;

session_factory! {
    AppDb
}

fn main() {}
