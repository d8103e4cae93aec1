//! The data folder: what lies where.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::failed;
use crate::error::{Code, Error, Result};

/// A host's data folder. Whatever mode the folder itself has, only its owner can look into what the host puts there.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Opens the folder, making what is missing of it.
    ///
    /// # Errors
    /// `unavailable` when it cannot be made or is not a folder.
    pub fn open(path: &Path) -> Result<Self> {
        let unusable = |error: std::io::Error| {
            Error::new(Code::Unavailable, format!("the data folder {} cannot be used: {error}", path.display()))
                .next("name a folder that this user may write to, with --data")
        };
        private_folder(path).map_err(unusable)?;
        let path = fs::canonicalize(path).map_err(unusable)?;
        let folder = Self(path);
        let parts = [folder.journal(), folder.blobs(), folder.artefacts(), folder.volumes(), folder.keys()];
        for part in parts.iter().chain([&folder.uploads(), &folder.scratch()]) {
            private_folder(part).map_err(failed)?;
        }
        // The new names have to outlive a loss of power as what will be in them does.
        sync_folder(&folder.0).map_err(failed)?;
        Ok(folder)
    }

    /// The data folder at `path` as it is, if there is one; nothing is made.
    pub fn existing(path: &Path) -> Option<Self> {
        let folder = Self(path.to_owned());
        (folder.journal().is_dir() && folder.database().is_file()).then_some(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The metadata store.
    pub fn database(&self) -> PathBuf {
        self.0.join("host.db")
    }

    /// The buckets.
    pub fn buckets(&self) -> PathBuf {
        self.0.join("kv.db")
    }

    /// Calls' payloads, sealed.
    pub fn payloads(&self) -> PathBuf {
        self.0.join("payloads.db")
    }

    /// The journal's segments.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// Components.
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    /// Compiled components.
    pub fn artefacts(&self) -> PathBuf {
        self.0.join("artefacts")
    }

    /// Tenants' files: `volumes/<tenant>/<volume>/`.
    pub fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }

    /// Folders of calls that run, gone with them.
    pub fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// The host's own secrets.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Uploads on their way in.
    pub fn uploads(&self) -> PathBuf {
        self.0.join("upload")
    }

    /// The platform's ceiling, as a file that is watched.
    pub fn ceiling(&self) -> PathBuf {
        self.0.join("platform.toml")
    }

    /// The platform's access rules, as a file that is watched.
    pub fn platform_access(&self) -> PathBuf {
        self.0.join("platform.cedar")
    }
}

/// Makes `path` a folder that the host's user alone may enter, whatever it was.
pub(crate) fn own_folder(path: &Path) -> std::io::Result<()> {
    private_folder(path)?;
    let facts = fs::symlink_metadata(path)?;
    if !facts.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, "not a folder"));
    }
    if facts.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a folder that only its owner can look into, where there is none.
pub(super) fn private_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_makes_is_its_owners_alone_and_a_file_is_no_folder() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("data");
        let folder = DataFolder::open(&path).unwrap();
        DataFolder::open(&path).unwrap();
        for part in [folder.path(), &folder.keys(), &folder.journal(), &folder.volumes()] {
            assert_eq!(fs::metadata(part).unwrap().permissions().mode() & 0o777, 0o700, "{}", part.display());
        }
        fs::write(outer.path().join("file"), "").unwrap();
        let error = DataFolder::open(&outer.path().join("file")).unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.what_next().unwrap().contains("--data"));
    }
}
