//! Where the host's key for secrets comes from: one file, one variable of the environment, or what one command prints.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::unhex;
use crate::error::{Code, Error, Result};
use crate::storage::DataFolder;
use crate::storage::seal::{KEY_BYTES, KeyBytes, kept_key_file, key_file};

/// How long the command may take.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(30);
/// What it may print, in bytes: more than a key in any spelling.
const COMMAND_BYTES_MAX: u64 = 1 << 10;

/// Where the host's key for secrets comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SecretsKey {
    /// `keys/secrets.key` in the data folder, made at the first start.
    #[default]
    Own,
    /// A file that somebody else made.
    File(PathBuf),
    /// A variable of the environment, by its name.
    Environment(String),
    /// What a command prints, run by the shell.
    Command(String),
}

impl fmt::Display for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("keys/secrets.key in the data folder"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(name) => write!(f, "the variable {name}"),
            Self::Command(_) => f.write_str("what the command prints"),
        }
    }
}

impl SecretsKey {
    /// The key.
    ///
    /// # Errors
    /// When it is not there or is none. Nothing of what is there is in the error.
    pub(in crate::storage) async fn read(&self, folder: &DataFolder) -> Result<KeyBytes> {
        let text = match self {
            Self::Own => return key_file(&folder.keys().join("secrets.key"), "secrets"),
            Self::File(path) => {
                kept_key_file(path, "secrets")?.ok_or_else(|| self.unusable(&"there is no such file"))?
            }
            Self::Environment(name) => {
                let text = std::env::var(name).map_err(|_| self.unusable(&"it is not set, or is no text"))?;
                Zeroizing::new(text.into_bytes())
            }
            Self::Command(command) => self.printed(command).await?,
        };
        spelled(&text).ok_or_else(|| self.unusable(&"it is not 32 bytes, in base64 or as 64 hexadecimal digits"))
    }

    async fn printed(&self, command: &str) -> Result<Zeroizing<Vec<u8>>> {
        let mut child = tokio::process::Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.unusable(&error))?;
        let output = child.stdout.take().ok_or_else(|| self.unusable(&"nothing can be read of it"))?;
        let mut printed = Zeroizing::new(Vec::with_capacity(COMMAND_BYTES_MAX as usize));
        let running = async {
            output.take(COMMAND_BYTES_MAX).read_to_end(&mut printed).await?;
            child.wait().await
        };
        let ended = tokio::time::timeout(COMMAND_TIME_MAX, running).await;
        let status = ended.map_err(|_| self.unusable(&"it took more than 30 seconds"))?;
        let status = status.map_err(|error| self.unusable(&error))?;
        if !status.success() {
            return Err(self.unusable(&status));
        }
        Ok(printed)
    }

    fn unusable(&self, why: &dyn fmt::Display) -> Error {
        Error::new(Code::Unavailable, format!("the key for secrets ({self}) cannot be used: {why}"))
            .next("give the key that was used before; the first one is 32 random bytes, as `openssl rand -base64 32` makes them")
    }
}

/// A key as it is, in base64 or in hexadecimal digits.
fn spelled(text: &[u8]) -> Option<KeyBytes> {
    if let Ok(key) = text.try_into() {
        return Some(Zeroizing::new(key));
    }
    let text = str::from_utf8(text).ok()?.trim();
    let bytes = match text.len() {
        len if len == 2 * KEY_BYTES => unhex(text)?,
        _ => Zeroizing::new(STANDARD.decode(text).ok()?),
    };
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    async fn read(source: &SecretsKey) -> Result<[u8; KEY_BYTES]> {
        let data = tempfile::tempdir().unwrap();
        source.read(&DataFolder::open(data.path()).unwrap()).await.map(|key| *key)
    }

    #[tokio::test]
    async fn a_key_is_read_from_each_place_in_each_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let key = [7_u8; KEY_BYTES];
        let (base64, digits) = (STANDARD.encode(key), "07".repeat(KEY_BYTES));
        for text in [key.to_vec(), format!("{base64}\n").into_bytes(), digits.clone().into_bytes()] {
            let path = folder.path().join("key");
            std::fs::write(&path, &text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read(&SecretsKey::File(path.clone())).await.unwrap(), key);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = read(&SecretsKey::File(path)).await.unwrap_err();
            assert!(error.message().contains("others"), "{error:?}");
        }
        assert_eq!(read(&SecretsKey::Command(format!("echo {base64}"))).await.unwrap(), key);
        assert_eq!(read(&SecretsKey::Command(format!("printf {digits}"))).await.unwrap(), key);
    }

    #[tokio::test]
    async fn what_is_no_key_is_told_without_what_it_is() {
        let sources = [
            SecretsKey::File("/nowhere/key".into()),
            SecretsKey::Environment("COFFERDAM_TEST_NO_SUCH_VARIABLE".to_owned()),
            // Some text that is long enough to be one.
            SecretsKey::Environment("PATH".to_owned()),
            SecretsKey::Command("echo marrow; exit 3".to_owned()),
            SecretsKey::Command("echo marrow".to_owned()),
            SecretsKey::Command("yes marrow".to_owned()),
        ];
        for source in sources {
            let error = read(&source).await.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable, "{source}");
            assert!(!format!("{error:?}").contains("marrow"), "{error:?}");
        }
    }
}
