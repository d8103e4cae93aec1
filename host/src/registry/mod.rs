//! Components by digest: received, inspected, compiled in confinement, described, kept, and loaded again. What a tenant
//! made is compiled nowhere else, and no artefact is loaded that this host did not make.

mod artefact;
pub mod child;
mod confine;
pub mod definitions;
mod inspect;
mod stage;
mod words;

pub use self::confine::{CompileSettings, SelfTest, self_test};
pub use self::definitions::Definition;
pub use self::inspect::{Inspection, Kind, Rejection, inspect};
pub use self::stage::{Staged, UploadSettings};
pub use self::words::GrantKind;
