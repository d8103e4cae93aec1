//! Finds a toolchain that builds for WebAssembly, or sets one up, and builds guest components with it.
//!
//! `cofferdam build`, the developer's commands and the tests build guests by this one path. What is looked for, in this
//! order: a Rust that has the target `wasm32-wasip2`; the packages of Debian, set up earlier; `rustup target add`; those
//! packages, fetched now. Nothing is installed but the target in rustup and a folder of Cofferdam's own cache.
//!
//! It never prints: what it does goes to a callback, a line at a time.

mod build;
mod cache;
mod command;
mod component;
mod debian;
mod find;
mod languages;
mod manifest;
mod repository;
mod rustup;

pub use build::{BuildOptions, Built};
pub use cache::cache_folder;
pub use command::undisturbed;
pub use find::{Choice, Toolchain};
pub use languages::{Language, go};
pub use manifest::{MANIFEST, Manifest, Need, Needs, Package};
pub use repository::{catalogue, foreign, programs};

/// Where progress goes: a line of text at a time, for people.
pub type Report<'a> = &'a dyn Fn(&str);
