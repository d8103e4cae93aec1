//! The HTTP front door.

pub mod problem;
pub mod server;
pub mod wire;
