//! The HTTP front door.

mod places;
pub mod problem;
pub mod server;
mod socket;
pub mod wire;
