#![doc = include_str!("../docs/links.md")]
#![doc = include_str!("../docs/guide/README.md")]

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/getting-started.md")]
pub mod getting_started {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/sessions.md")]
pub mod sessions {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/options.md")]
pub mod options {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/factory-and-pool.md")]
pub mod factory_and_pool {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/configuration.md")]
pub mod configuration {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/errors-and-what-to-do.md")]
pub mod errors_and_what_to_do {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/beyond-one-server.md")]
pub mod beyond_one_server {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/seeing-what-happens.md")]
pub mod seeing_what_happens {}

#[doc = include_str!("../docs/links.md")]
#[doc = include_str!("../docs/guide/guarantees.md")]
pub mod guarantees {}
