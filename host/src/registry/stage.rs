//! Receiving an upload: hashed and counted as it arrives, cut at its limit, and gone from disk unless it is admitted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::confine::RETRY_MS;
use super::inspect::Rejection;
use crate::error::{Code, Error, Result};
use crate::id::{Digest, TenantId};
use crate::shares::Shares;
use crate::storage::own_folder;

/// Limits of uploads.
#[derive(Debug, Clone)]
pub struct UploadSettings {
    /// A component, in bytes.
    pub component_bytes_max: u64,
    /// From the first byte to the last.
    pub time_max: Duration,
    /// Between two pieces.
    pub pause_max: Duration,
    /// Uploads at once, from the first byte until it is decided whether they are admitted; further ones are refused.
    pub uploads_max: usize,
    /// Of these, one tenant's.
    pub tenant_uploads_max: usize,
}

impl Default for UploadSettings {
    /// 64 MiB holds an interpreter with its libraries three times.
    fn default() -> Self {
        Self {
            component_bytes_max: 64 << 20,
            time_max: Duration::from_secs(300),
            pause_max: Duration::from_secs(30),
            uploads_max: 16,
            tenant_uploads_max: 4,
        }
    }
}

/// A component that has arrived whole, and nothing more is known about yet. Dropping it removes it from disk.
#[derive(Debug)]
pub struct Staged {
    /// Of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    pub(super) file: NamedTempFile,
    /// Its place among the tenant's uploads and among all: what waits to be compiled takes room on disk, too.
    _place: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

/// The folder where uploads arrive.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    settings: UploadSettings,
    places: Arc<Semaphore>,
    tenants: Shares,
}

impl Staging {
    /// Opens `upload/` within `data` and removes what an earlier process left there.
    pub(super) fn open(data: &Path, settings: UploadSettings) -> Result<Self> {
        let folder = data.join("upload");
        own_folder(&folder).map_err(|error| failed(&folder, &error))?;
        let clean = || -> io::Result<()> {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    std::fs::remove_dir_all(entry.path())?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        clean().map_err(|error| failed(&folder, &error))?;
        let places = Arc::new(Semaphore::new(settings.uploads_max.max(1)));
        let tenants = Shares::new(settings.tenant_uploads_max.max(1));
        Ok(Self { folder, settings, places, tenants })
    }

    /// Receives `upload`; `bytes_max` can only tighten the limit.
    pub(super) async fn receive(
        &self,
        tenant: &TenantId,
        upload: impl Stream<Item = Result<Bytes>>,
        bytes_max: Option<u64>,
    ) -> Result<Staged> {
        let full = |whose: &str, most: usize| {
            let what = format!("{most} uploads of {whose} are arriving, or waiting to be compiled, already");
            Error::new(Code::Overloaded, what)
                .next("try again in a few seconds")
                .fact("maximum", most)
                .fact("retry_after_ms", RETRY_MS)
        };
        let (own, all) = (self.settings.tenant_uploads_max, self.settings.uploads_max);
        let own = self.tenants.of(tenant).try_acquire_owned().map_err(|_| full("the tenant's", own))?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full("all tenants'", all))?;
        let staged = self.write(upload, bytes_max.unwrap_or(u64::MAX).min(self.settings.component_bytes_max)).await?;
        Ok(Staged { _place: Some((own, place)), ..staged })
    }

    /// Receives what the host itself sends: within the same times, but not among the uploads.
    pub(super) async fn write(&self, upload: impl Stream<Item = Result<Bytes>>, most: u64) -> Result<Staged> {
        let temporary = tempfile::Builder::new().prefix("upload-").tempfile_in(&self.folder);
        let temporary = temporary.map_err(|error| failed(&self.folder, &error))?;
        let writer = temporary.as_file().try_clone().map_err(|error| failed(&self.folder, &error))?;
        let mut writer = tokio::io::BufWriter::with_capacity(256 << 10, tokio::fs::File::from_std(writer));

        let mut upload = std::pin::pin!(upload);
        let end = Instant::now() + self.settings.time_max;
        let mut hasher = Sha256::new();
        let mut bytes = 0_u64;
        loop {
            let piece = timeout_at(end.min(Instant::now() + self.settings.pause_max), upload.next());
            let Some(piece) = piece.await.map_err(|_| self.late(bytes))? else { break };
            let piece = piece?;
            bytes += piece.len() as u64;
            if bytes > most {
                return Err(too_large(most));
            }
            hasher.update(&piece);
            writer.write_all(&piece).await.map_err(|error| failed(&self.folder, &error))?;
        }
        writer.flush().await.map_err(|error| failed(&self.folder, &error))?;
        if bytes == 0 {
            return Err(Rejection::because("it is empty").into());
        }
        Ok(Staged { digest: Digest::from_bytes(hasher.finalize().into()), bytes, file: temporary, _place: None })
    }

    fn late(&self, bytes: u64) -> Error {
        let time = humantime::format_duration(self.settings.time_max);
        let pause = humantime::format_duration(self.settings.pause_max);
        Error::new(Code::RequestTimeout, format!("the upload stopped after {bytes} bytes"))
            .next(format!("send it again, within {time} and without pauses of more than {pause}"))
            .fact("received_bytes", bytes)
    }
}

fn too_large(most: u64) -> Error {
    Error::new(Code::TooLarge, format!("the component is larger than {most} bytes"))
        .next("strip it (wasm-tools strip), or build it with optimisation for size")
        .fact("limit", "component_bytes_max")
        .fact("maximum", most)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::internal(format_args!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn acme() -> TenantId {
        "acme".parse().unwrap()
    }

    fn staging(data: &Path, settings: UploadSettings) -> Staging {
        Staging::open(data, settings).unwrap()
    }

    fn left(data: &Path) -> usize {
        std::fs::read_dir(data.join("upload")).unwrap().count()
    }

    fn pieces(pieces: Vec<Result<&'static [u8]>>) -> impl Stream<Item = Result<Bytes>> {
        stream::iter(pieces.into_iter().map(|piece| piece.map(Bytes::from_static)))
    }

    #[tokio::test]
    async fn an_upload_is_hashed_as_it_arrives_and_gone_when_dropped() {
        let data = tempfile::tempdir().unwrap();
        let staging = staging(data.path(), UploadSettings::default());
        let staged = staging.receive(&acme(), pieces(vec![Ok(b"ab"), Ok(b""), Ok(b"c")]), None).await.unwrap();
        assert_eq!((staged.bytes, staged.digest), (3, Digest::of(b"abc")));
        assert_eq!(std::fs::read(staged.file.path()).unwrap(), b"abc");
        drop(staged);
        assert_eq!(left(data.path()), 0);
    }

    #[tokio::test]
    async fn an_upload_past_its_limit_is_cut_while_it_arrives() {
        let data = tempfile::tempdir().unwrap();
        let staging = staging(data.path(), UploadSettings { component_bytes_max: 4, ..UploadSettings::default() });
        assert_eq!(staging.receive(&acme(), pieces(vec![Ok(b"abcd")]), None).await.unwrap().bytes, 4);
        // Endless: only a limit that is enforced on the way ends this.
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"xyz")));
        let error = staging.receive(&acme(), endless, None).await.unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
        let error = staging.receive(&acme(), pieces(vec![Ok(b"abc")]), Some(2)).await.unwrap_err();
        assert_eq!(error.facts()["maximum"], 2);
        assert_eq!(left(data.path()), 0);
    }

    #[tokio::test]
    async fn a_broken_or_empty_upload_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let staging = staging(data.path(), UploadSettings::default());
        let broken = Error::new(Code::InvalidRequest, "the connection broke");
        let error = staging.receive(&acme(), pieces(vec![Ok(b"ab"), Err(broken)]), None).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest);
        let error = staging.receive(&acme(), pieces(vec![]), None).await.unwrap_err();
        assert_eq!(error.code(), Code::ComponentRejected);
        assert_eq!(left(data.path()), 0);
    }

    #[tokio::test]
    async fn an_upload_that_stalls_or_trickles_is_given_up() {
        let data = tempfile::tempdir().unwrap();
        let brief = Duration::from_millis(20);
        let stalls = staging(data.path(), UploadSettings { pause_max: brief, ..UploadSettings::default() });
        let stalled = pieces(vec![Ok(b"ab")]).chain(stream::pending());
        let error = stalls.receive(&acme(), stalled, None).await.unwrap_err();
        assert_eq!((error.code(), &error.facts()["received_bytes"]), (Code::RequestTimeout, &2.into()));
        let whole = staging(data.path(), UploadSettings { time_max: brief, ..UploadSettings::default() });
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        assert_eq!(whole.receive(&acme(), trickle, None).await.unwrap_err().code(), Code::RequestTimeout);
        assert_eq!(left(data.path()), 0);
    }

    #[tokio::test]
    async fn uploads_past_the_number_allowed_are_refused_and_abandoned_ones_make_room() {
        let data = tempfile::tempdir().unwrap();
        let staging = staging(data.path(), UploadSettings { uploads_max: 1, ..UploadSettings::default() });
        let acme = acme();
        let mut first = Box::pin(staging.receive(&acme, stream::pending(), None));
        assert!(futures::poll!(&mut first).is_pending());
        let error = staging.receive(&acme, pieces(vec![Ok(b"ab")]), None).await.unwrap_err();
        assert_eq!(error.code(), Code::Overloaded);
        assert_eq!(left(data.path()), 1);
        drop(first);
        assert_eq!(left(data.path()), 0);
        staging.receive(&acme, pieces(vec![Ok(b"ab")]), None).await.unwrap();
    }

    /// `overloaded` to the one tenant, also while its uploads only wait; everyone else uploads.
    #[tokio::test]
    async fn hostile_one_tenant_does_not_take_every_place_for_uploads() {
        let data = tempfile::tempdir().unwrap();
        let staging = staging(data.path(), UploadSettings::default());
        let acme = acme();
        let mut trickling = Vec::new();
        for _ in 0..3 {
            let mut upload = Box::pin(staging.receive(&acme, stream::pending(), None));
            assert!(futures::poll!(&mut upload).is_pending());
            trickling.push(upload);
        }
        // This one has arrived, and waits to be compiled.
        let waiting = staging.receive(&acme, pieces(vec![Ok(b"ab")]), None).await.unwrap();
        let error = staging.receive(&acme, pieces(vec![Ok(b"ab")]), None).await.unwrap_err();
        assert_eq!((error.code(), &error.facts()["maximum"]), (Code::Overloaded, &4.into()));
        let mut others = Vec::new();
        for tenant in ["globex", "initech", "umbrella"] {
            for _ in 0..4 {
                let tenant = tenant.parse().unwrap();
                others.push(staging.receive(&tenant, pieces(vec![Ok(b"ab")]), None).await.unwrap());
            }
        }
        // All places are taken, by what has arrived and was not decided on.
        let late = staging.receive(&"hooli".parse().unwrap(), pieces(vec![Ok(b"ab")]), None).await.unwrap_err();
        assert_eq!((late.code(), &late.facts()["maximum"]), (Code::Overloaded, &16.into()));
        assert_eq!(left(data.path()), 16);
        drop(waiting);
        staging.receive(&acme, pieces(vec![Ok(b"ab")]), None).await.unwrap();
    }

    #[test]
    fn leftovers_of_an_earlier_process_are_removed() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(data.path().join("upload/folder")).unwrap();
        std::fs::write(data.path().join("upload/upload-old"), b"half").unwrap();
        staging(data.path(), UploadSettings::default());
        assert_eq!(left(data.path()), 0);
    }
}
