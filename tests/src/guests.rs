//! The guest programs of `tests/programs/`, the foreign ones of `tests/foreign/` and the catalogue's tools, built on
//! first use.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::Result;
use bytes::Bytes;
use cofferdam_toolchain::Built;

/// The component of the guest program `name`.
///
/// # Panics
///
/// When it does not build, with what the compiler said, or when there is none of that name.
pub fn guest(name: &str) -> Bytes {
    static BUILT: LazyLock<Vec<(String, Bytes)>> = LazyLock::new(|| read(cofferdam_toolchain::programs(root())));
    find(&BUILT, name)
}

/// The component of the catalogue's package `name`.
///
/// # Panics
///
/// When it does not build, with what the compiler said, or when there is none of that name.
pub fn tool(name: &str) -> Bytes {
    static BUILT: LazyLock<Vec<(String, Bytes)>> = LazyLock::new(|| read(cofferdam_toolchain::catalogue(root())));
    find(&BUILT, name)
}

/// The component of the foreign program `name`, which knows nothing of Cofferdam.
///
/// # Panics
///
/// When it does not build, with what the compiler said, or when there is none of that name.
pub fn foreign(name: &str) -> Bytes {
    static BUILT: LazyLock<Vec<(String, Bytes)>> = LazyLock::new(|| read(cofferdam_toolchain::foreign(root())));
    find(&BUILT, name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(built: Result<Vec<Built>>) -> Vec<(String, Bytes)> {
    let built = built.unwrap_or_else(|error| panic!("{error:?}"));
    built.into_iter().map(|guest| (guest.name, std::fs::read(&guest.component).unwrap().into())).collect()
}

fn find(built: &[(String, Bytes)], name: &str) -> Bytes {
    let found = built.iter().find(|(built, _)| built == name);
    found.unwrap_or_else(|| panic!("no guest {name} was built")).1.clone()
}
