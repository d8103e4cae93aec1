//! Paths as agents write them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use cofferdam_sdk::{Error, files};

/// Where paths begin that do not begin with `/`.
pub const ROOT: &str = "/work";
/// A path, in bytes.
pub const PATH_BYTES_MAX: usize = 1_024;

/// A path below a mount, without `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountPath(String);

impl MountPath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// [`Error::invalid_arguments`] where it is none, or leads upwards.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |rule: &str| Err(Error::invalid_arguments(format!("`path`: {text:?} {rule}")));
        if text.len() > PATH_BYTES_MAX {
            return Err(Error::invalid_arguments(format!(
                "`path` has {} bytes; the limit is {PATH_BYTES_MAX}",
                text.len()
            )));
        }
        if text.contains('\0') {
            return refuse("holds a zero byte");
        }
        let absolute = if text.starts_with('/') { text.to_owned() } else { format!("{ROOT}/{text}") };
        let parts: Vec<&str> = absolute.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return refuse("leads upwards with `..`; write the path from its mount on");
        }
        Ok(Self(format!("/{}", parts.join("/"))))
    }

    /// Whether it is above every mount.
    pub(crate) fn is_top(&self) -> bool {
        self.0 == "/"
    }

    /// Where it really is.
    pub(crate) fn real(&self) -> PathBuf {
        files::path(&self.0)
    }

    /// The path of what is really at `real`, somewhere below this one.
    pub(crate) fn below(&self, real: &Path) -> String {
        let inner = real.strip_prefix(self.real()).unwrap_or(real).to_string_lossy().into_owned();
        match (self.0.trim_end_matches('/'), inner.as_str()) {
            (own, "") => own.to_owned(),
            (own, inner) => format!("{own}/{inner}"),
        }
    }

    /// What went wrong there, for the agent.
    pub(crate) fn fault(&self, error: io::Error) -> Error {
        Error::from(error).about(self)
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The default of a folder's path.
pub(crate) fn root() -> String {
    ROOT.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_whatever_was_written() {
        for (written, path) in [
            ("/work/a.txt", "/work/a.txt"),
            ("a/./b//c", "/work/a/b/c"),
            ("", "/work"),
            (".", "/work"),
            ("/", "/"),
            ("/other/", "/other"),
        ] {
            assert_eq!(MountPath::parse(written).unwrap().to_string(), path);
        }
    }

    #[test]
    fn what_leads_upwards_or_is_no_path_is_refused() {
        for written in ["..", "/work/../etc", "a/..", "a\0b", &"x".repeat(PATH_BYTES_MAX + 1)] {
            assert!(MountPath::parse(written).is_err(), "{written:?}");
        }
        assert!(MountPath::parse("..a/b..").is_ok());
        assert!(MountPath::parse(&"x".repeat(PATH_BYTES_MAX)).is_ok());
    }
}
