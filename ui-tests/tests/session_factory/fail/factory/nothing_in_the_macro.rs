use session_factory::session_factory;

session_factory! {}

fn main() {}
