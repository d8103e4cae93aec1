//! `files.write`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::MountPath;

/// What to write, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file's path, below a mount that may be written; one that does not begin with `/` is put into `/work`. Folders
    /// on the way are made.
    pub path: String,
    /// The text to write.
    pub text: String,
    /// What to do where the file is there already.
    #[serde(default)]
    pub mode: Mode,
}

/// What to do where a file is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Fail, and leave it as it is.
    #[default]
    Create,
    /// Replace all of it, at once: nobody sees half of it.
    Overwrite,
    /// Add the text at its end.
    Append,
}

/// The file as it is now.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Written {
    /// Its path.
    pub path: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Write a text file: make a new one, replace one, or add to one.
#[tool(destructive, title = "Write a file")]
pub fn write(args: Args) -> Result<Written, Error> {
    let path = MountPath::parse(&args.path)?;
    let real = path.real();
    let (Some(folder), Some(name), false) = (real.parent(), real.file_name(), path.is_top()) else {
        return Err(Error::invalid_arguments("`path` names no file"));
    };
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(|error| path.fault(error))?;
    }
    let text = args.text.as_bytes();
    let done = match args.mode {
        Mode::Create => create(&real, text),
        Mode::Overwrite => {
            let mut part = name.to_owned();
            part.push(".part");
            replace(&real, &folder.join(part), text)
        }
        Mode::Append => {
            OpenOptions::new().append(true).create(true).open(&real).and_then(|mut file| file.write_all(text))
        }
    };
    done.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::failed(format!("{path} is there already; use the mode `overwrite` or `append`"))
        }
        _ => path.fault(error),
    })?;
    let bytes = fs::metadata(&real).map_err(|error| path.fault(error))?.len();
    Ok(Written { path: path.to_string(), bytes })
}

/// A new file with all of the text, or none.
fn create(file: &Path, text: &[u8]) -> io::Result<()> {
    let written = OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text);
    if written.is_err() {
        // Half a file is worse than none; that it cannot be removed is not what went wrong first.
        let _ = fs::remove_file(file);
    }
    written
}

/// Writes beside the file, and moves that into its place.
fn replace(file: &Path, part: &Path, text: &[u8]) -> io::Result<()> {
    if file.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let moved = fs::write(part, text).and_then(|()| fs::rename(part, file));
    if moved.is_err() {
        // As above.
        let _ = fs::remove_file(part);
    }
    moved
}
