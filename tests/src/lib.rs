//! What black-box tests and measurements are made of: a real host, tenants at it, guests for it, servers for its guests.
//!
//! Whatever fails here fails the test that asked for it, so everything panics with what it found instead of returning
//! errors that every test would only unwrap.
#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

mod answer;
mod bystander;
mod client;
mod events;
mod guardian;
mod guests;
pub mod handmade;
mod inside;
pub mod operations;
mod provider;
pub mod python;
mod secure;
mod server;
mod tenant;
mod upstream;
mod wire;
mod witness;
mod work;

pub use answer::{Answer, includes};
pub use bystander::{attack, beside};
pub use client::Client;
pub use events::Watched;
pub use guests::{foreign, guest, tool};
pub use inside::Inside;
pub use provider::{Provider, Requested};
pub use secure::Secure;
pub use server::{Options, Server, command, everything, shared};
pub use tenant::Tenant;
pub use upstream::{Seen, Upstream};
pub use wire::{Came, Wire};
pub use witness::Witness;
pub use work::{eventually, far_from_midnight, name, program, run};
