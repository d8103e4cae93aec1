//! Components by tenant and digest, written once: what is there is never replaced, and what is handed out is checked.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{DataFolder, failed};
use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};

/// Pieces in which a file is read.
const PIECE_BYTES: usize = 256 << 10;
/// Where bytes are until all of them have arrived; emptied at each start.
const STAGING: &str = "staging";

/// Components by tenant and digest. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<dyn ObjectStore>);

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blobs({})", self.0)
    }
}

fn location(tenant: &TenantId, digest: &Digest) -> Location {
    Location::from_iter(["components", tenant.as_str(), &digest.hex()])
}

impl Blobs {
    /// The components of a data folder. Files and the folders that name them are synced before a write counts.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &DataFolder) -> Result<Self> {
        let leftovers = folder.blobs().join(STAGING);
        match std::fs::remove_dir_all(&leftovers) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let store = LocalFileSystem::new_with_prefix(folder.blobs()).map_err(failed)?.with_fsync(true);
        Ok(Self(Arc::new(store)))
    }

    /// The object store beneath, for whoever lays out objects of its own in it.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.0)
    }

    /// Keeps the bytes of the file `from` as the component `digest` of `tenant`, durably. Keeping them again changes
    /// nothing; nobody ever sees a part of them.
    ///
    /// # Errors
    /// When the bytes do not have that digest, when other bytes are there under it, or when the disk fails. What was
    /// there before is there still.
    pub async fn keep(&self, tenant: &TenantId, digest: &Digest, from: &Path) -> Result<()> {
        let at = location(tenant, digest);
        if self.holds(&at, digest).await? {
            return Ok(());
        }
        let staged = Location::from_iter([STAGING, &uuid::Uuid::now_v7().simple().to_string()]);
        let kept = self.keep_by_way_of(&staged, &at, digest, from).await;
        if kept.is_err() {
            // Best effort: what stays is removed at the next start.
            let _ = self.0.delete(&staged).await;
        }
        kept
    }

    async fn keep_by_way_of(&self, staged: &Location, at: &Location, digest: &Digest, from: &Path) -> Result<()> {
        let found = self.copy(from, staged).await.map_err(failed)?;
        if found != *digest {
            return Err(failed(format_args!("{} was to hold {digest} and holds {found}", from.display())));
        }
        match self.0.rename_if_not_exists(staged, at).await {
            // Someone else was quicker.
            Err(object_store::Error::AlreadyExists { .. }) => {
                self.0.delete(staged).await.map_err(failed)?;
                self.holds(at, digest).await.map(drop)
            }
            renamed => renamed.map_err(failed),
        }
    }

    /// The component as a stream, which ends with an error where the bytes are not those of the digest.
    ///
    /// # Errors
    /// `not-found` when `tenant` has no such component.
    pub async fn fetch(
        &self,
        tenant: &TenantId,
        digest: &Digest,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
        match self.0.get(&location(tenant, digest)).await {
            Ok(found) => Ok(checked(found.into_stream().map_err(failed), *digest)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::not_found("component", digest)),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether there is a component at `at`; an error when it is not the one of this digest.
    async fn holds(&self, at: &Location, digest: &Digest) -> Result<bool> {
        let found = match self.0.get(at).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        checked(found.into_stream().map_err(failed), *digest).try_for_each(|_| std::future::ready(Ok(()))).await?;
        Ok(true)
    }

    async fn copy(&self, from: &Path, to: &Location) -> std::io::Result<Digest> {
        let mut from = tokio::fs::File::open(from).await?;
        let mut to = BufWriter::new(Arc::clone(&self.0), to.clone());
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = from.read(&mut piece).await?;
            if length == 0 {
                break;
            }
            hasher.update(&piece[..length]);
            to.write_all(&piece[..length]).await?;
        }
        to.shutdown().await?;
        Ok(Digest::from_bytes(hasher.finalize().into()))
    }
}

/// The stream, with an error at its end when its bytes do not have this digest.
fn checked(
    stream: impl Stream<Item = Result<Bytes>> + Send,
    digest: Digest,
) -> impl Stream<Item = Result<Bytes>> + Send {
    let mut hasher = Some(Sha256::new());
    let end = futures::stream::once(std::future::ready(None));
    stream.map(Some).chain(end).filter_map(move |item| {
        let item = match (item, &mut hasher) {
            (Some(Ok(bytes)), Some(hasher)) => {
                hasher.update(&bytes);
                Some(Ok(bytes))
            }
            (Some(item), _) => {
                // After an error, the end says nothing more.
                hasher = None;
                Some(item)
            }
            (None, hasher) => hasher.take().and_then(|hasher| {
                let found = Digest::from_bytes(hasher.finalize().into());
                (found != digest).then(|| Err(failed(format_args!("component {digest} holds the bytes of {found}"))))
            }),
        };
        std::future::ready(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        data: tempfile::TempDir,
        blobs: Blobs,
        acme: TenantId,
    }

    impl Fixture {
        fn new() -> Self {
            let data = tempfile::tempdir().unwrap();
            let blobs = Blobs::open(&DataFolder::open(data.path()).unwrap()).unwrap();
            Self { data, blobs, acme: "acme".parse().unwrap() }
        }

        async fn keep(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            self.blobs.keep(&self.acme, digest, file.path()).await
        }

        async fn fetch(&self, tenant: &TenantId, digest: &Digest) -> Result<Vec<u8>> {
            let stream = self.blobs.fetch(tenant, digest).await?;
            Ok(stream.try_collect::<Vec<_>>().await?.concat())
        }

        fn staged(&self) -> usize {
            std::fs::read_dir(self.data.path().join("blobs/staging")).map_or(0, Iterator::count)
        }

        fn file(&self, digest: &Digest) -> std::path::PathBuf {
            self.data.path().join("blobs/components/acme").join(digest.hex())
        }
    }

    #[tokio::test]
    async fn what_is_kept_reads_back_and_keeping_it_again_changes_nothing() {
        let fixture = Fixture::new();
        // Past what is written in one piece, so that it goes by several parts.
        let bytes: Vec<u8> = (0..11_u32 << 20).map(|n| (n % 251) as u8).collect();
        let digest = Digest::of(&bytes);
        for _ in 0..2 {
            fixture.keep(&digest, &bytes).await.unwrap();
            assert!(fixture.fetch(&fixture.acme, &digest).await.unwrap() == bytes);
        }
        let error = fixture.fetch(&"globex".parse().unwrap(), &digest).await.unwrap_err();
        assert_eq!(error.code(), crate::Code::NotFound);
        assert_eq!(fixture.staged(), 0);
    }

    #[tokio::test]
    async fn bytes_of_another_digest_are_not_kept() {
        let fixture = Fixture::new();
        let digest = Digest::of(b"right");
        fixture.keep(&digest, b"wrong").await.unwrap_err();
        assert!(!fixture.file(&digest).exists());
        assert_eq!(fixture.staged(), 0);
        fixture.keep(&digest, b"right").await.unwrap();
    }

    #[tokio::test]
    async fn other_bytes_under_a_digest_are_found_and_never_replaced() {
        let fixture = Fixture::new();
        let digest = Digest::of(b"right");
        fixture.keep(&digest, b"right").await.unwrap();
        std::fs::write(fixture.file(&digest), b"forged").unwrap();
        fixture.keep(&digest, b"right").await.unwrap_err();
        assert_eq!(std::fs::read(fixture.file(&digest)).unwrap(), b"forged");
        let error = fixture.fetch(&fixture.acme, &digest).await.unwrap_err();
        assert!(error.operator_detail().unwrap().contains("holds the bytes of"), "{error:?}");
    }

    #[tokio::test]
    async fn many_who_keep_the_same_at_once_all_succeed() {
        let fixture = Arc::new(Fixture::new());
        let digest = Digest::of(b"same");
        let keeping = (0..16).map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.keep(&digest, b"same").await })
        });
        for kept in futures::future::join_all(keeping).await {
            kept.unwrap().unwrap();
        }
        assert_eq!(fixture.fetch(&fixture.acme, &digest).await.unwrap(), b"same");
        assert_eq!(fixture.staged(), 0);
    }

    #[tokio::test]
    async fn what_a_crash_left_half_written_is_gone_at_the_next_start() {
        let fixture = Fixture::new();
        let staging = fixture.data.path().join("blobs/staging");
        std::fs::create_dir_all(&staging).unwrap();
        std::fs::write(staging.join("half#1"), b"ha").unwrap();
        Blobs::open(&DataFolder::open(fixture.data.path()).unwrap()).unwrap();
        assert!(!staging.exists());
    }
}
