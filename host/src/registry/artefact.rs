//! Compiled components on disk, each with a tag that only this host can make. Loading one means running it as machine
//! code within the host, so nothing is loaded whose tag does not match the very bytes, and the very tenant, that it was
//! made for.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::engine::Class;
use crate::error::{Error, Result};
use crate::id::{Digest, TenantId, hex, unhex};
use crate::storage::{KeyBytes, key_file, own_folder};

/// Begins what every tag is made over, so that the key's other uses, should it get any, cannot be mistaken for this one.
const PURPOSE: &[u8] = b"cofferdam artefact 1";
/// Begins the name of every file that is not finished.
const UNFINISHED: &str = ".new-";
/// Read at once while a tag is made.
const CHUNK_BYTES: usize = 256 << 10;

/// What an artefact was made from, for whom, and for which engine. All of it is in the tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) digest: &'a Digest,
    pub(super) class: Class,
    pub(super) compatibility: &'a str,
}

impl Made<'_> {
    fn file_name(&self) -> String {
        format!("{}-{}-{}.cwasm", self.digest.hex(), self.class, self.compatibility)
    }
}

/// What is found where an artefact may be.
#[derive(Debug)]
pub(super) enum Found {
    /// Authenticated: this open file holds these very bytes.
    Trusted(File, u64),
    /// Nothing.
    Absent,
    /// Something that this host did not make for this purpose; why not.
    Forged(String),
}

/// The folder of artefacts, `artefacts/<tenant>/<component>-<class>-<compatibility>.cwasm`, each beside its `.tag`.
#[derive(Debug)]
pub(super) struct Artefacts {
    folder: PathBuf,
    key: Key,
}

/// The host's own, in `keys/artefact.key`. Losing it costs compiling everything again, and no more.
struct Key(KeyBytes);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Artefacts {
    /// Opens the folder within `data`; makes folder and key when they are not there.
    pub(super) fn open(data: &Path) -> Result<Self> {
        let folder = data.join("artefacts");
        own_folder(&folder).map_err(|error| failed(&folder, &error))?;
        sweep(&folder).map_err(|error| failed(&folder, &error))?;
        let keys = data.join("keys");
        own_folder(&keys).map_err(|error| failed(&keys, &error))?;
        let key = Key(key_file(&keys.join("artefact.key"), "what was compiled")?);
        Ok(Self { folder, key })
    }

    /// An empty file in the tenant's folder, for the compiling child to write; gone when it is dropped.
    pub(super) fn begin(&self, tenant: &TenantId) -> Result<NamedTempFile> {
        let folder = self.folder.join(tenant.as_str());
        own_folder(&folder).map_err(|error| failed(&folder, &error))?;
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&folder).map_err(|error| failed(&folder, &error))
    }

    /// Tags what `written` holds and gives it its name, durably.
    pub(super) fn keep(&self, made: &Made<'_>, mut written: NamedTempFile) -> Result<()> {
        let path = self.folder.join(made.tenant.as_str()).join(made.file_name());
        let seal = || -> io::Result<()> {
            let (tag, _) = self.key.tag(made, written.as_file_mut())?;
            let folder = written.path().parent().unwrap_or(Path::new("/")).to_owned();
            let mut sealed = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&folder)?;
            sealed.write_all(hex(&tag.finalize().into_bytes()).as_bytes())?;
            sealed.as_file().sync_all()?;
            written.as_file().sync_all()?;
            // A crash in between leaves a tag that does not match: the artefact is made again.
            sealed.persist(tag_path(&path)).map_err(|error| error.error)?;
            written.persist(&path).map_err(|error| error.error)?;
            File::open(&folder)?.sync_all()
        };
        seal().map_err(|error| failed(&path, &error))
    }

    /// Opens and authenticates. What is trusted is the open file, never a name: between the two, a name can change.
    pub(super) fn find(&self, made: &Made<'_>) -> Found {
        let folder = self.folder.join(made.tenant.as_str());
        let name = made.file_name();
        let look = || -> io::Result<Found> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = rustix::fs::open(&folder, flags | OFlags::DIRECTORY, Mode::empty())?;
            let open = |name: &str| -> io::Result<File> {
                let file: OwnedFd = rustix::fs::openat(&folder, name, flags | OFlags::NONBLOCK, Mode::empty())?;
                Ok(File::from(file))
            };
            let mut file = open(&name)?;
            let facts = file.metadata()?;
            if !facts.is_file() || facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o022 != 0 {
                return Ok(Found::Forged("not a file of this host's alone".to_owned()));
            }
            let mut told = String::new();
            open(&format!("{name}.tag"))?.take(65).read_to_string(&mut told)?;
            let Some(told) = unhex(&told) else { return Ok(Found::Forged("its tag is not one".to_owned())) };
            let (tag, bytes) = self.key.tag(made, &mut file)?;
            file.rewind()?;
            Ok(match tag.verify_slice(&told) {
                Ok(()) => Found::Trusted(file, bytes),
                Err(_) => Found::Forged("its tag does not match".to_owned()),
            })
        };
        match look() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Absent,
            Err(error) => Found::Forged(error.to_string()),
        }
    }
}

/// Removes what a process that was killed did not finish.
fn sweep(folder: &Path) -> io::Result<()> {
    for tenant in std::fs::read_dir(folder)? {
        let tenant = tenant?;
        if !tenant.file_type()?.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(tenant.path())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn tag_path(artefact: &Path) -> PathBuf {
    let mut path = artefact.as_os_str().to_owned();
    path.push(".tag");
    path.into()
}

impl Key {
    /// The tag of what `file` holds from its beginning on, and its length in bytes.
    fn tag(&self, made: &Made<'_>, file: &mut File) -> io::Result<(Hmac<Sha256>, u64)> {
        let mut tag = Hmac::<Sha256>::new_from_slice(&*self.0).map_err(io::Error::other)?;
        let length = file.metadata()?.len();
        for field in [
            PURPOSE,
            made.tenant.as_str().as_bytes(),
            made.digest.as_bytes(),
            made.class.as_str().as_bytes(),
            made.compatibility.as_bytes(),
        ] {
            tag.update(&(field.len() as u64).to_le_bytes());
            tag.update(field);
        }
        tag.update(&length.to_le_bytes());
        file.rewind()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut total = 0;
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                read => {
                    tag.update(&chunk[..read]);
                    total += read as u64;
                }
            }
        }
        if total != length {
            return Err(io::Error::other("the file changed while it was read"));
        }
        Ok((tag, length))
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::internal(format_args!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
