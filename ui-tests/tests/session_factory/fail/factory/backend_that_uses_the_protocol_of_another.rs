// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(CockroachDb);
    pub struct Second(Supabase);
    pub struct Third(Turso);
}

fn main() {}
