//! Files that commands read and write: bounded, with errors that say which file it was.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::failure::Result;
use crate::error::{Code, Error};

/// The text of a file; `-` is standard input. `what` says what it should be.
pub(super) fn text(path: &Path, what: &str, bytes_max: u64) -> Result<String> {
    let bytes = bytes(path, what, bytes_max)?;
    let no_text = |_| Error::new(Code::InvalidRequest, format!("the {what} {} is not UTF-8 text", path.display()));
    Ok(String::from_utf8(bytes).map_err(no_text)?)
}

/// The bytes of a file; `-` is standard input.
pub(super) fn bytes(path: &Path, what: &str, bytes_max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(bytes_max + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| unreadable(path, what, &error))?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("the {what} {} has more than {}", path.display(), super::words::bytes(bytes_max));
        return Err(Error::new(Code::TooLarge, message).next("check that it is the file you meant").into());
    }
    Ok(bytes)
}

/// Why `path` cannot be read.
pub(super) fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(what, path.display()),
        _ => Error::new(Code::InvalidRequest, format!("the {what} {} cannot be read: {error}", path.display())),
    }
}

/// Writes a file that is not there yet, with the folders that it is in.
pub(super) fn write_new(path: &Path, contents: &[u8]) -> Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().write(true).create_new(true).open(path)?;
        std::io::Write::write_all(&mut file, contents)
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(Code::Conflict, format!("{} is there already", path.display()))
            .next("remove it, or choose another name"),
        _ => Error::new(Code::InvalidRequest, format!("{} cannot be written: {error}", path.display())),
    };
    Ok(write().map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn files_are_bounded_and_errors_name_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        assert_eq!(text(&path, "policy", 10).unwrap_err().exit(), Exit::NotFound);
        write_new(&path, b"0123456789").unwrap();
        assert_eq!(write_new(&path, b"").unwrap_err().exit(), Exit::Failed);
        assert_eq!(text(&path, "policy", 10).unwrap(), "0123456789");
        let failure = text(&path, "policy", 9).unwrap_err();
        assert!(failure.said().unwrap().detail.contains("b.txt"), "{failure:?}");
        assert_eq!(failure.exit(), Exit::Invalid);
    }
}
