//! Programs of operations on a volume, their paths damaged. Beside the volume is another tenant's, and within it are links
//! that lead there: whatever a program does, it stays in its own.

use std::os::unix::fs::symlink;

use super::support::*;
use super::*;
use crate::tests::fuzz::Target;

const WORDS: &[&str] = &[
    "..",
    ".",
    "/",
    "//",
    "../",
    "/..",
    "a",
    "b",
    "sub",
    "sub/..",
    "../globex",
    "globex",
    "work",
    "secret",
    "link",
    "link/",
    "link/secret",
    "deep/deep",
    "\0",
    "\\",
    "...",
    " ",
    "~",
    "proc/self/root",
    "/proc/self/fd/3",
    "./",
    "%2e%2e",
    "\u{202e}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "open",
    "make",
    "write",
    "truncate",
    "remove",
    "remove-folder",
    "rename",
    "look",
    "list",
    "enter",
    "times",
    "create",
    "exclusive",
    "hash",
];
/// Operations of one program.
const OPERATIONS_MAX: usize = 40;
/// What lies where no program may come to.
const SECRET: &[u8] = b"what another tenant keeps";

#[test]
fn fuzz_paths() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let world = World::new();
    let (inside, outside) = (world.path("acme", "work"), world.path("globex", "work"));
    std::fs::write(outside.join("secret"), SECRET).unwrap();
    let data = world.folder().path().to_owned();
    let target = Target::new("paths", 3_000, WORDS);
    target.run(|input| {
        clear(&inside);
        for (link, to) in [("link", outside.as_path()), ("file", &outside.join("secret")), ("up", "..".as_ref())] {
            symlink(to, inside.join(link)).unwrap();
        }
        let before = listed(&data);
        let text = String::from_utf8_lossy(input);
        let said = runtime.block_on(program(&world, &text));
        // Nothing came to be, went, or changed outside.
        assert_eq!(listed(&data), before);
        assert_eq!(std::fs::read(outside.join("secret")).unwrap(), SECRET);
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        // And what is inside is no more than may be there, by the host's own count.
        let (bytes, files) = world.measured("acme", "work");
        assert!(bytes <= 10_000 && files <= 100, "{bytes} bytes in {files} files");
        said
    });
}

/// A program is lines of an operation and one or two paths. Gives what came of each.
async fn program(world: &World, text: &str) -> String {
    let (_call, root) = world.writer();
    let (_reading, kept) = world.reader();
    let mut at = root.clone();
    let mut said = Vec::new();
    for line in text.lines().take(OPERATIONS_MAX) {
        let mut words = line.splitn(3, ' ');
        let [operation, path, other] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let came = match operation {
            "enter" => match at.open(path, OpenHow { folder: true, ..READ }).await {
                Ok(Node::Folder(folder)) => {
                    at = folder;
                    "done".to_owned()
                }
                Ok(Node::File(_)) => panic!("{path:?} is no folder"),
                Err(fault) => format!("{fault:?}"),
            },
            "open" => match at.open(path, READ).await {
                Ok(Node::File(file)) => {
                    let bytes = file.read(1_000, 0).await.unwrap_or_default();
                    assert!(!bytes.starts_with(SECRET), "{path:?} is another tenant's");
                    "file".to_owned()
                }
                Ok(Node::Folder(folder)) => {
                    assert!(!names(&folder).await.iter().any(|name| name == "secret"), "{path:?} is another tenant's");
                    "folder".to_owned()
                }
                Err(fault) => format!("{fault:?}"),
            },
            "make" => fault(at.make_folder(path).await),
            "write" => fault(write(&at, path, b"some bytes").await),
            "create" => fault(at.open(path, OpenHow { create: true, ..READ }).await),
            "exclusive" => fault(at.open(path, OpenHow { create: true, exclusive: true, ..READ }).await),
            "truncate" => fault(at.open(path, OpenHow { truncate: true, write: true, ..READ }).await),
            "remove" => fault(at.remove_file(path).await),
            "remove-folder" => fault(at.remove_folder(path).await),
            "rename" => fault(at.rename(path, &root, other).await),
            "rename-out" => fault(at.rename(path, &kept, other).await),
            "look" => fault(at.metadata(path).await),
            "hash" => fault(at.hash(path).await),
            "read-link" => fault(at.refuse_to_read_link(path).await),
            "times" => fault(at.set_times(path, NewTime::Now, NewTime::Now).await),
            "list" => fault(at.list().await),
            // The same volume, only to read: nothing of it changes.
            "kept-write" => {
                let came = fault(write(&kept, path, b"x").await);
                assert_ne!(came, "done", "{path:?} was written through a mount that is read-only");
                came
            }
            "kept-remove" => {
                let came = fault(kept.remove_file(path).await);
                assert_ne!(came, "done", "{path:?} was removed through a mount that is read-only");
                came
            }
            _ => continue,
        };
        said.push(format!("{operation} {came}"));
    }
    said.sort_unstable();
    said.dedup();
    said.join(", ")
}

fn clear(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => std::fs::remove_dir_all(entry.path()).unwrap(),
            false => std::fs::remove_file(entry.path()).unwrap(),
        }
    }
}

/// Everything below the data folder but what is in the volume itself, with its length.
fn listed(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, facts) = (entry.path(), entry.metadata().unwrap());
        if facts.is_dir() && !path.ends_with("acme/work") {
            found.extend(listed(&path));
        }
        if !path.ends_with("acme/work") {
            found.push((path, if facts.is_dir() { 0 } else { facts.len() }));
        }
    }
    found.sort_unstable();
    found
}
