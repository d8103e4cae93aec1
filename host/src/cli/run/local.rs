//! A host for one command: opened in a folder, with one tenant, and closed again. What runs in it goes the same path as
//! on a server.

use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::build::Packaged;
use crate::cli::{Failure, Result, files};
use crate::control::Publication;
use crate::error::{Code, Error};
use crate::host::{FirstKey, Host, HostSettings};
use crate::http::wire;
use crate::id::{SecretName, TenantId, ToolRequest};
use crate::identity::Scope;
use crate::policy::Explanation;
use crate::registry::Definition;
use crate::router::{self, AskedFor, CallEvent, CallRequest};
use crate::snapshot::Caller;
use crate::storage::{DataFolder, SecretValue};

/// The file that keeps the key of the folder's one tenant; it also shows that the folder is one of `cofferdam run`.
const KEY_FILE: &str = "run.key";
/// A key file, in bytes.
const KEY_BYTES_MAX: u64 = 1 << 10;
/// How long closing waits for what the call left to do.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// The tenant's name.
const TENANT: &str = "local";

/// A host in this process.
#[derive(Debug)]
pub(super) struct Local {
    host: Host,
    key: String,
    /// Removed with everything in it when nothing was asked to be kept.
    _folder: Option<TempDir>,
}

impl Local {
    /// Opens the folder `data`, or one that is removed afterwards, under this ceiling.
    pub(super) async fn open(data: Option<&Path>, ceiling: Option<&str>) -> Result<Self> {
        let folder = match data {
            Some(_) => None,
            None => Some(TempDir::with_prefix("cofferdam-run-").map_err(Error::internal)?),
        };
        let path =
            data.map_or_else(|| folder.as_ref().map_or_else(PathBuf::new, |f| f.path().to_owned()), Path::to_owned);
        let kept = kept_key(&path)?;
        put_ceiling(&path, ceiling)?;
        let mut settings = HostSettings::new(&path);
        // One call at a time.
        settings.engine.live_calls_max = 4;
        settings.engine.child_calls_max = 32;
        settings.engine.guest_threads = Some(1);
        settings.journal.segment_bytes = crate::audit::Settings::SEGMENT_BYTES_MIN;
        let (host, first_key) = Host::open(settings).await?;
        let key = match kept {
            Some(key) => key,
            None => first_tenant(&host, first_key, &path).await?,
        };
        Ok(Self { host, key, _folder: folder })
    }

    /// Sets secrets, in the place of those of the same names that the folder has.
    pub(super) async fn set(&self, secrets: Vec<(SecretName, SecretValue)>) -> Result<()> {
        for (name, value) in secrets {
            self.host.control.set_secret(&self.caller()?, &name, value).await?;
        }
        Ok(())
    }

    /// Admits the component and makes it what runs, under `policy`.
    pub(super) async fn install(&self, packaged: &Packaged, policy: &str) -> Result<Vec<Definition>> {
        self.host.control.set_policy(&self.caller()?, policy).await?;
        let bytes = Bytes::from(packaged.bytes.clone());
        let upload = futures::stream::iter([Ok(bytes)]);
        let uploaded = self.host.control.upload(&self.caller()?, upload).await?;
        let publication = Publication {
            version: version(packaged)?,
            component: packaged.digest,
            needs: packaged.needs.clone(),
            limits: packaged.limits.clone(),
            promote: true,
            signature: None,
        };
        self.host.control.publish(&self.caller()?, packaged.package.clone(), publication).await?;
        Ok(uploaded.component.admission.definitions)
    }

    /// What policy gives calls of a tool.
    pub(super) fn explain(&self, tool: &ToolRequest) -> Result<Explanation> {
        Ok(self.host.router.explain(&self.caller()?, tool, AskedFor::Caller, None)?)
    }

    /// Runs one call to its end, giving what is seen meanwhile to `show`.
    pub(super) async fn call(
        &self,
        tool: ToolRequest,
        arguments: &Value,
        show: impl Fn(CallEvent),
    ) -> Result<wire::CallResult> {
        // Nobody else is here to need the room.
        let (watcher, mut events) = router::watch(|_| true);
        let caller = self.caller()?;
        let request = CallRequest::new(tool, arguments.to_string());
        let mut call = std::pin::pin!(self.host.router.call(&caller, request, Some(watcher)));
        let reply = loop {
            tokio::select! {
                // What was seen before the end is shown before the end.
                biased;
                Some(event) = events.next() => show(event),
                reply = &mut call => break reply,
            }
        };
        while let Ok(event) = events.try_next() {
            show(event);
        }
        match reply {
            Ok(reply) => Ok(reply.into()),
            Err(failed) => Err(Failure::of_call(failed.error, failed.call)),
        }
    }

    /// Makes everything durable and closes.
    pub(super) async fn close(self) -> Result<()> {
        Ok(self.host.close(CLOSE_MAX).await?)
    }

    /// The tenant's principal, with everything as it is now.
    fn caller(&self) -> Result<Caller> {
        Ok(self.host.router.authenticate(&self.key)?)
    }
}

/// The version to publish under: what stands behind the plus is different for different content, so that a folder that
/// is kept takes every build of a tool under development.
fn version(packaged: &Packaged) -> Result<semver::Version> {
    let declared = serde_json::to_vec(&(&packaged.needs, &packaged.limits)).map_err(Error::internal)?;
    let content = [packaged.digest.as_bytes().as_slice(), &declared].concat();
    let hex = crate::id::Digest::of(&content).hex();
    let build = semver::BuildMetadata::new(&hex[..12]).map_err(Error::internal)?;
    Ok(semver::Version { build, ..packaged.version.clone() })
}

/// The key of an earlier run in this folder. A folder that a server made is left alone.
fn kept_key(path: &Path) -> Result<Option<String>> {
    let file = path.join(KEY_FILE);
    if file.is_file() {
        return files::text(&file, "key file", KEY_BYTES_MAX).map(Some);
    }
    let server = DataFolder::open(path)?.database().exists();
    if server {
        let message = format!("{} is the data folder of a server", path.display());
        return Err(Failure::usage(message, "give --data a folder of its own"));
    }
    Ok(None)
}

/// The ceiling of this run, and of no other.
fn put_ceiling(path: &Path, ceiling: Option<&str>) -> Result<()> {
    let file = DataFolder::open(path)?.ceiling();
    let put = match ceiling {
        Some(text) => std::fs::write(&file, text),
        None => match std::fs::remove_file(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    };
    put.map_err(|error| Error::new(Code::Unavailable, format!("{} cannot be written: {error}", file.display())).into())
}

/// Makes the one tenant, and keeps a key of it that may do everything there.
async fn first_tenant(host: &Host, first_key: Option<FirstKey>, path: &Path) -> Result<String> {
    let first_key = first_key.ok_or_else(|| Error::internal("a new folder without a first key"))?;
    let platform = host.router.authenticate(first_key.expose())?;
    let tenant: TenantId = TENANT.parse().map_err(Error::from)?;
    let (_, operator) = host.control.create_tenant(&platform, tenant).await?;
    let operator = host.router.authenticate(operator.text.expose())?;
    let key = host.control.create_key(&operator, "run", Scope::ALL.into_iter().collect()).await?;
    let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path.join(KEY_FILE));
    let written = file.and_then(|mut file| {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        std::io::Write::write_all(&mut file, key.text.expose().as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Error::new(Code::Unavailable, format!("the key cannot be kept: {error}")))?;
    Ok(key.text.expose().to_owned())
}
