//! A folder that stands for the volumes of a call.

use std::cell::RefCell;
use std::fs;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static ROOT: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// The place of a mount, which is made where it is not there yet.
pub(crate) fn mount(path: &Path) -> PathBuf {
    let folder = below_root(path);
    if let Err(error) = fs::create_dir_all(&folder) {
        panic!("the test's folder {} cannot be made: {error}", folder.display());
    }
    folder
}

/// `..` is resolved here, by name alone, and stops at the root: a test's tool reaches no more than a call's.
pub(crate) fn below_root(path: &Path) -> PathBuf {
    let mut below = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => below.push(name),
            Component::ParentDir => drop(below.pop()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    root().join(below)
}

pub(crate) fn reset() {
    ROOT.take();
}

/// The thread's root, which goes with the thread.
fn root() -> PathBuf {
    ROOT.with_borrow_mut(|root| {
        let folder = root.get_or_insert_with(|| match TempDir::with_prefix("cofferdam-test-") {
            Ok(folder) => folder,
            Err(error) => panic!("no folder for the test's files can be made: {error}"),
        });
        folder.path().to_owned()
    })
}
