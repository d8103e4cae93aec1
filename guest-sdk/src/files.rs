//! Files of the volumes that policy mounts, with [`std::fs`] itself.
//!
//! In WebAssembly the only folders are the mounts that policy grants, such as `/work`, and [`path`] gives its argument
//! back. Outside of it, where tests run, [`path`] leads into a folder of the test's own, so that code written with it is
//! the same in both:
//!
//! ```
//! use cofferdam_sdk::{fakes, files};
//!
//! std::fs::write(fakes::files::mount("/work").join("a.txt"), "hello")?;
//!
//! assert_eq!(std::fs::read_to_string(files::path("/work/a.txt"))?, "hello");
//! assert!(std::fs::read(files::path("/etc/passwd")).is_err(), "not mounted");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`Error`](crate::Error) takes an [`std::io::Error`] by `?`: what the grant does not allow is denied, all else failed.
//! Quotas and read-only mounts are the host's; the test's folder has none. A mount that policy grants as a scratch folder is
//! empty when a call begins and gone when it ends, and is otherwise like any other.

#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

use std::path::{Path, PathBuf};

/// Where the file at `path` is: an absolute path, below a mount.
#[cfg(target_family = "wasm")]
pub fn path(path: impl AsRef<Path>) -> PathBuf {
    path.as_ref().to_owned()
}

/// Where the file at `path` is: an absolute path, below a mount.
#[cfg(not(target_family = "wasm"))]
pub fn path(path: impl AsRef<Path>) -> PathBuf {
    fake::below_root(path.as_ref())
}

#[cfg(test)]
mod tests {
    use super::path;
    use crate::fakes;

    #[test]
    fn no_path_leads_out_of_the_tests_folder() {
        let work = fakes::files::mount("/work");
        let root = work.parent().unwrap();
        for tried in ["/work/../../../etc/passwd", "/../etc", "../../x", "/work/a/../../..", "C:/x"] {
            assert!(path(tried).starts_with(root), "{tried}: {}", path(tried).display());
        }
        assert_eq!(path("/work/./a/../b"), work.join("b"));
    }

    #[test]
    fn mounts_are_there_and_nothing_else() {
        assert!(!path("/work").exists());
        fakes::files::mount("/work/deep");
        assert!(path("/work/deep").is_dir());
        fakes::reset();
        assert!(!path("/work").exists());
    }
}
