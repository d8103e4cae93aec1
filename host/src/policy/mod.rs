//! May this principal do this, and with what in hand? Pure: parses and decides, reads and writes nothing.

pub mod grant;
pub mod http;

pub use grant::{Access, Clock, FilesGrant, Grant, Grants, KvGrant, LogLevel, Random};
pub use http::{HttpGrant, HttpRule, HttpTarget, InvalidRule, Matched, Refusal, Scheme};
