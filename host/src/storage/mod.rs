//! What outlives the process: the metadata store, components, buckets and volumes, all in one data folder.
//!
//! Callers say which tenant a thing belongs to; that they may ask is settled before they get here. Everything that is
//! acknowledged survives a loss of power: SQLite syncs at each commit, and files are synced with their folders.

mod blobs;
mod folder;
pub mod kv;
mod payloads;
mod rotation;
mod seal;
mod secrets;
mod sqlite;
mod store;
mod time;
mod volumes;

pub use self::blobs::Blobs;
pub use self::folder::DataFolder;
pub(crate) use self::folder::own_folder;
pub use self::payloads::{KeptPayload, NewPayload, PayloadKind, Payloads, Piece};
pub use self::rotation::{Rotation, settle};
pub use self::seal::WrappedKey;
pub(crate) use self::seal::{KeyBytes, key_file};
pub use self::secrets::{SealedSecret, SealedSecrets, SecretValue, SecretsKey, Vault};
pub use self::store::{
    Change, ComponentRow, KeptLogs, LogKeyRow, LogRow, OutboxRow, PackageRow, PolicyKind, PolicyRow, PrincipalRow,
    RecallRow, SecretRow, Store, SubmissionRow, SubmissionState, TenantRow, TenantRows, VersionRow,
};
pub use self::volumes::{Volume, VolumeUsage, Volumes};

/// What a failing disk or database is to a caller: not their fault, and not their business.
fn failed(error: impl std::fmt::Display) -> crate::Error {
    crate::Error::internal(format_args!("storage: {error}"))
}
