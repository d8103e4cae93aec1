//! The HTTP front door: takes requests apart, asks `router` and `control`, and puts answers together. It holds no rule
//! of its own; who may do what is decided below.
//!
//! `wire/` is what goes over the wire, one file here for each subject has its operations, `request.rs` is what they take
//! from a request, `answer.rs` what surrounds every answer, and `server.rs` the listener beneath.

mod access;
mod answer;
mod approvals;
mod audit;
mod auth;
mod calls;
mod components;
mod door;
mod events;
mod health;
mod identity;
mod keys;
mod log;
pub mod openapi;
mod packages;
mod payloads;
mod places;
mod policy;
pub mod problem;
#[cfg(test)]
mod reference;
mod request;
mod room;
mod scheduler;
mod secrets;
mod server;
mod sessions;
mod socket;
mod submissions;
mod tenants;
mod tools;
mod unread;
mod usage;
pub mod wire;

pub use self::door::{DoorSettings, app};
pub use self::health::health_app;
pub use self::request::BodySettings;
pub use self::room::RoomSettings;
pub use self::scheduler::Scheduler;
pub use self::server::{Drain, Peer, ServerSettings, serve};
