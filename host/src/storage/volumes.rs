//! Volumes: folders of tenants' files, made at their first grant, and how much is in them.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::folder::{private_folder, sync_folder};
use super::{DataFolder, failed};
use crate::error::Result;
use crate::id::{InvalidId, STORE_NAME_RULE, TenantId, is_store_name};

/// The name of a volume, checked: it becomes the name of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Volume(String);

impl Volume {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Volume {
    type Err = InvalidId;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidId> {
        match is_store_name(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidId::new("volume", text, STORE_NAME_RULE)),
        }
    }
}

/// What is in a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VolumeUsage {
    /// The lengths of all files together; a file with several names counts for each.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

/// Every tenant's volumes. Its methods touch the disk: not for an async thread.
#[derive(Debug, Clone)]
pub struct Volumes {
    volumes: PathBuf,
    scratch: PathBuf,
}

impl Volumes {
    /// The volumes of a data folder.
    pub fn new(folder: &DataFolder) -> Self {
        Self { volumes: folder.volumes(), scratch: folder.scratch() }
    }

    /// A new, empty folder for one call, which whoever asked removes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_scratch(&self) -> Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix("call-").tempdir_in(&self.scratch);
        Ok(folder.map_err(failed)?.keep())
    }

    /// Removes what calls of an earlier start left.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear_scratch(&self) -> Result<()> {
        for entry in fs::read_dir(&self.scratch).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_folder = entry.file_type().map_err(failed)?.is_dir();
            let removed = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.map_err(failed)?;
        }
        Ok(())
    }

    /// The folder of a volume, made where there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(&self, tenant: &TenantId, volume: &Volume) -> Result<PathBuf> {
        let owner = self.volumes.join(tenant.as_str());
        let path = owner.join(volume.as_str());
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Ok(path);
        }
        private_folder(&path).map_err(failed)?;
        for parent in [&owner, &self.volumes] {
            sync_folder(parent).map_err(failed)?;
        }
        Ok(path)
    }

    /// What is in a volume; nothing where it was never granted.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn usage(&self, tenant: &TenantId, volume: &Volume) -> Result<VolumeUsage> {
        measured(&self.volumes.join(tenant.as_str()).join(volume.as_str()))
    }

    /// What is in all volumes of `tenant` together.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn usage_of_tenant(&self, tenant: &TenantId) -> Result<VolumeUsage> {
        let owner = self.volumes.join(tenant.as_str());
        let mut whole = measured(&owner)?;
        // The volumes' own folders are the host's, not the tenant's.
        if let Ok(volumes) = fs::read_dir(&owner) {
            whole.files = whole.files.saturating_sub(volumes.count() as u64);
        }
        Ok(whole)
    }
}

fn measured(root: &Path) -> Result<VolumeUsage> {
    let mut usage = VolumeUsage::default();
    let mut ahead = vec![root.to_owned()];
    while let Some(folder) = ahead.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Removed while it was walked, or never there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(format_args!("{}: {error}", folder.display()))),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // Of the entry itself: a link is never followed.
            let found = match entry.metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            usage.files += 1;
            if found.is_dir() {
                ahead.push(entry.path());
            } else {
                usage.bytes += found.size();
            }
        }
    }
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_reach_elsewhere_are_refused() {
        for name in ["", ".", "..", "a/b", "/etc", "a\0", "A", "-a", "_a", "a.b", "a b", "ä", &"x".repeat(65)] {
            assert!(name.parse::<Volume>().is_err(), "{name:?}");
        }
        for name in ["workspace", "2026", "a-b_c", &"x".repeat(64)] {
            assert_eq!(name.parse::<Volume>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn volumes_are_made_once_and_counted_without_following_links() {
        let data = tempfile::tempdir().unwrap();
        let volumes = Volumes::new(&DataFolder::open(data.path()).unwrap());
        let (acme, globex): (TenantId, TenantId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (work, other): (Volume, Volume) = ("work".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(volumes.usage(&acme, &work).unwrap(), VolumeUsage::default());
        let path = volumes.open(&acme, &work).unwrap();
        assert_eq!(volumes.open(&acme, &work).unwrap(), path);
        fs::create_dir(path.join("folder")).unwrap();
        fs::write(path.join("folder/file"), [0; 300]).unwrap();
        fs::write(path.join("file"), [0; 40]).unwrap();
        std::os::unix::fs::symlink("/usr", path.join("link")).unwrap();
        let usage = volumes.usage(&acme, &work).unwrap();
        // A link counts for its own few bytes, not for what it leads to.
        assert_eq!(usage, VolumeUsage { bytes: 344, files: 4 });
        fs::write(volumes.open(&acme, &other).unwrap().join("x"), [0; 6]).unwrap();
        assert_eq!(volumes.usage_of_tenant(&acme).unwrap(), VolumeUsage { bytes: 350, files: 5 });
        assert_eq!(volumes.usage_of_tenant(&globex).unwrap(), VolumeUsage::default());
    }
}
