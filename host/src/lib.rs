//! Cofferdam: a multi-tenant tool host for AI agents.
//!
//! Tools are WebAssembly components. Every call runs in a fresh store, under limits, holding only what the tenant's
//! policy grants, and is recorded before it can have an effect. `ARCHITECTURE.md` is the map.

pub mod access;
pub mod admission;
pub mod amounts;
pub mod answers;
pub mod approvals;
pub mod audit;
pub mod capability;
pub mod cli;
pub mod control;
mod descriptors;
pub mod downstream;
pub mod engine;
pub mod error;
pub mod host;
pub mod http;
pub mod id;
pub mod identity;
pub mod labels;
pub mod limits;
pub mod money;
pub mod policy;
pub mod registry;
pub mod routed;
pub mod router;
pub mod sessions;
pub mod shares;
pub mod snapshot;
pub mod storage;
#[cfg(test)]
mod tests;
mod turns;
pub mod uses;
pub mod what_if;

pub use error::{Code, Error, Result};
