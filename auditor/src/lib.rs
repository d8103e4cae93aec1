//! Checks a tenant's log from its public files alone: nothing of the host is trusted, no engine is linked.
//!
//! The formats are C2SP's: tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature, tlog-witness, tlog-proof; the
//! hashes are RFC 6962's. The host links this library too, so that what writes a log and what checks it agree on every
//! byte. [`verify`] goes through a whole log, [`receipt`] through one call, [`consistency`] through two checkpoints.
//!
//! Nothing here prints, and nothing keeps a private key but [`key::SigningKey`] and [`cosign::CosigningKey`].

#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod cli;
pub mod consistency;
pub mod cosign;
pub mod entry;
pub mod error;
pub mod handover;
pub mod key;
pub mod log;
pub mod mirror;
pub mod proof;
pub mod receipt;
pub mod source;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
pub mod verify;
pub mod witness;

pub use error::{Error, Result};
pub use tlog_tiles::Hash;
