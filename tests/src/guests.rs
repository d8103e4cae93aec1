//! The guest programs of `tests/programs/`, built on first use.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;

/// The component of the guest program `name`.
///
/// # Panics
///
/// When it does not build, with what the compiler said, or when there is none of that name.
pub fn guest(name: &str) -> Bytes {
    static BUILT: LazyLock<Vec<(String, Bytes)>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let built = cofferdam_toolchain::programs(root).unwrap_or_else(|error| panic!("{error:?}"));
        let read = |file: &Path| std::fs::read(file).unwrap().into();
        built.into_iter().map(|guest| (guest.name, read(&guest.component))).collect()
    });
    let found = BUILT.iter().find(|(built, _)| built == name);
    found.unwrap_or_else(|| panic!("there is no guest program {name}")).1.clone()
}
