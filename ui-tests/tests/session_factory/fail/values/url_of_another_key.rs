// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct A(Postgres) {
        url = env!("APP_URL"),
    }
    pub struct B(Postgres) {
        url = std::env::var("B_URL").expect("B_URL"),
    }
    pub struct C(Postgres) {
        url = "${C_URL}",
    }
    pub struct D(Postgres) {
        url = env.D_URL,
    }
    pub struct E(Postgres) {
        url = E_URL,
    }
    pub struct F(Postgres) {
        url: "postgres://me:hunter2@localhost/app",
    }
}

fn main() {}
