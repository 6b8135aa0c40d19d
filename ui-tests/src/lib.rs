#![doc = include_str!("../README.md")]

mod cases;
mod message;
mod page;
mod snippet;

pub use cases::{Case, Kind, cases};
pub use page::page;
pub use snippet::mistakes;
