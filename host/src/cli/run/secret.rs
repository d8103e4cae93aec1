//! Secrets of one run: named on the command line, their values never.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::cli::secret::one_line;
use crate::cli::{Failure, Result, files};
use crate::id::SecretName;
use crate::storage::SecretValue;

/// A secret, and where its value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    name: SecretName,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Environment(String),
    File(PathBuf),
}

/// Reads `NAME=env:VARIABLE` or `NAME=file:PATH`.
pub(super) fn read(text: &str) -> Result<Given, String> {
    // Who writes a value here by mistake does not want to see it again.
    const FORMS: &str =
        "write NAME=env:VARIABLE or NAME=file:PATH: a value itself would be seen by others on this machine";
    let (name, place) = text.split_once('=').ok_or(FORMS)?;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    let place = match place.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => Place::Environment(variable.to_owned()),
        Some(("file", path)) if !path.is_empty() => Place::File(path.into()),
        _ => return Err(FORMS.to_owned()),
    };
    Ok(Given { name, place })
}

impl Given {
    /// Its value, read now.
    pub(super) fn value(&self) -> Result<(SecretName, SecretValue)> {
        let text = match &self.place {
            Place::Environment(variable) => std::env::var(variable).map(Zeroizing::new).map_err(|_| {
                let message = format!("the secret {} cannot be read: {variable} is not set, or is no text", self.name);
                Failure::usage(message, "set the variable, or name another place")
            })?,
            Place::File(path) => Zeroizing::new(files::text(path, "secret", crate::cli::secret::FILE_BYTES_MAX)?),
        };
        Ok((self.name.clone(), SecretValue::new(one_line(&text).as_bytes().to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_from_a_variable_or_a_file_and_never_from_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "marrow-and-bone\n").unwrap();
        let given = read(&format!("github=file:{}", file.display())).unwrap();
        let (name, value) = given.value().unwrap();
        assert_eq!((name.as_str(), value.expose()), ("github", &b"marrow-and-bone"[..]));
        // One that every test process has.
        assert!(read("path=env:PATH").unwrap().value().is_ok());
        let missing = read("github=env:COFFERDAM_TEST_NO_SUCH_VARIABLE").unwrap().value().unwrap_err();
        assert!(missing.said().unwrap().detail.contains("COFFERDAM_TEST_NO_SUCH_VARIABLE"), "{missing:?}");
        for bad in ["github", "github=marrow-and-bone", "github=env:", "github=file:", "=env:PATH", "a b=env:PATH"] {
            let error = read(bad).unwrap_err();
            assert!(!error.contains("marrow"), "{error}");
        }
    }
}
