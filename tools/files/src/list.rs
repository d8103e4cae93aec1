//! `files.list`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::path::{MountPath, root};

/// Entries in one answer.
pub const ENTRIES_MAX: usize = 2_000;
/// Levels below the folder.
pub const DEPTH_MAX: usize = 16;

/// Which folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The folder's path; one that does not begin with `/` is looked for in `/work`.
    #[serde(default = "root")]
    pub path: String,
    /// How many levels to show, 1 to 16: 1 is the folder's own entries, 2 also those of its folders.
    #[serde(default = "depth")]
    #[schemars(range(min = 1, max = 16))]
    pub depth: usize,
    /// How many entries to give at most, 1 to 2,000.
    #[serde(default = "entries_max")]
    #[schemars(range(min = 1, max = 2000))]
    pub entries_max: usize,
}

fn depth() -> usize {
    1
}

fn entries_max() -> usize {
    200
}

/// What a folder holds.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listed {
    /// The entries by path: a folder, then what is in it.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// A file or a folder.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its path, to be used with the other tools.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Its size, in bytes, where it is a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Something else, such as a symbolic link.
    Other,
}

/// List the files and folders in a folder, with their sizes.
#[tool(read_only, idempotent, title = "List files")]
pub fn list(args: Args) -> Result<Listed, Error> {
    for (name, value, maximum) in [("depth", args.depth, DEPTH_MAX), ("entries_max", args.entries_max, ENTRIES_MAX)] {
        if !(1..=maximum).contains(&value) {
            return Err(Error::invalid_arguments(format!("`{name}` is {value}; it is 1 to {maximum}")));
        }
    }
    let folder = MountPath::parse(&args.path)?;
    // A file would be listed as if it were an empty folder.
    let metadata = std::fs::metadata(folder.real()).map_err(|error| folder.fault(error))?;
    if !metadata.is_dir() {
        return Err(Error::failed(format!("{folder} is not a folder")));
    }
    let mut listed = Listed { entries: Vec::new(), is_cut: false };
    for entry in WalkDir::new(folder.real()).min_depth(1).max_depth(args.depth).sort_by_file_name() {
        let entry = entry.map_err(|error| folder.fault(error.into()))?;
        if listed.entries.len() == args.entries_max {
            listed.is_cut = true;
            break;
        }
        let kind = match entry.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Folder,
            _ => Kind::Other,
        };
        let bytes = match kind {
            Kind::File => Some(entry.metadata().map_err(|error| folder.fault(error.into()))?.len()),
            Kind::Folder | Kind::Other => None,
        };
        listed.entries.push(Entry { path: folder.below(entry.path()), kind, bytes });
    }
    Ok(listed)
}
