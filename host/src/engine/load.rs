//! Loading an artefact: the one place in Cofferdam with unsafe code.

use std::fs::File;
use std::os::fd::AsRawFd as _;

use wasmtime::component::Component;

/// Maps the artefact in `file` into memory.
///
/// `file` has to hold an artefact that this host made itself and has authenticated over this very descriptor; the
/// registry is the only caller and does both. Nothing that a tenant sent may ever come here: machine code is run as it
/// is.
pub(super) fn map(engine: &wasmtime::Engine, file: &File) -> wasmtime::Result<Component> {
    // By descriptor and not by name: what was authenticated is what is mapped, whatever happens to the name meanwhile.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: wasmtime asks that the file be an unmodified product of `precompile_component`. The registry keeps
    // artefacts in a folder that only the host's user can write and has checked this one's HMAC over this descriptor.
    #[expect(unsafe_code, reason = "loading machine code cannot be checked by a type")]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}
