//! What goes over the wire: the bodies of requests and responses, as plain data. The server encodes them, the command
//! line decodes the same types, and the OpenAPI document is made from them.
//!
//! A request with a field that is not known is refused, so that a mistyped limit is never a limit that is not set. A
//! response may gain fields in later versions, so those are read leniently.

mod approvals;
mod audit;
mod calls;
mod components;
mod health;
mod identity;
mod log;
mod packages;
mod payloads;
mod policy;
mod schemas;
mod secrets;
mod sessions;
mod submissions;
mod text;
mod tools;
mod usage;

pub use approvals::*;
pub use audit::*;
pub use calls::*;
pub use components::*;
pub use health::*;
pub use identity::*;
pub use log::*;
pub use packages::*;
pub use payloads::*;
pub use policy::*;
pub use secrets::*;
pub use sessions::*;
pub use submissions::*;
pub use text::{Base64, Day, Json, Secret, Time};
pub use tools::*;
pub use usage::*;

pub use super::problem::Problem;
