//! A volume as one call has it: where it is, what may be done there, and its folder once it was used.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::Arc;

use cap_std::fs::Dir;
use tokio::sync::OnceCell;

use super::scratch::Scratch;
use super::space::{Quota, Space};
use super::{Facts, Fault, Files, Handles};
use crate::capability::effects::{Against, DeniedUse, Effects, Stop};
use crate::id::TenantId;
use crate::policy::{Access, FilesGrant, Grant};
use crate::uses::{CapabilityUse, Touch};

/// A volume as one call has it. Opened at its first use, after the decision.
pub struct Mount {
    grant: Grant<FilesGrant>,
    files: Files,
    tenant: TenantId,
    pub(super) effects: Arc<Effects>,
    pub(super) handles: Arc<Handles>,
    pub(super) facts: Facts,
    opened: OnceCell<Arc<Opened>>,
}

/// The volume itself.
pub(super) struct Opened {
    pub(super) space: Arc<Space>,
    pub(super) root: Arc<Dir>,
    /// The length of the root's own path on the host.
    root_path_bytes: usize,
    /// Where it is the call's alone: goes with the last handle.
    _scratch: Option<Scratch>,
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("grant", &self.grant).finish_non_exhaustive()
    }
}

impl Mount {
    pub(super) fn new(
        files: &Files,
        grant: &Grant<FilesGrant>,
        tenant: &TenantId,
        effects: Arc<Effects>,
        handles: Arc<Handles>,
        facts: Facts,
    ) -> Self {
        let (files, tenant) = (files.clone(), tenant.clone());
        Self { grant: grant.clone(), files, tenant, effects, handles, facts, opened: OnceCell::new() }
    }

    /// Where the guest finds it.
    pub fn place(&self) -> &str {
        &self.grant.mount
    }

    /// Whether the guest may change it.
    pub fn is_writable(&self) -> bool {
        self.grant.access != Access::ReadOnly
    }

    /// The volume, for a use of it; waits for the decision, so nothing that comes from here is touched before it.
    pub(super) async fn opened(&self, access: Touch) -> Result<Arc<Opened>, Fault> {
        self.pass(access)?;
        let opened = self
            .opened
            .get_or_try_init(|| async {
                self.effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
                let (space, root, scratch) = if self.grant.access == Access::Scratch {
                    let (space, root, scratch) = self.files.scratch(&self.tenant).await?;
                    (space, root, Some(scratch))
                } else {
                    let (space, root) = self.files.open(&self.tenant, &self.grant.volume).await?;
                    (space, root, None)
                };
                let root_path_bytes = host_path_bytes(&root)?;
                Ok::<_, Fault>(Arc::new(Opened { space, root: Arc::new(root), root_path_bytes, _scratch: scratch }))
            })
            .await?;
        self.used(access);
        Ok(Arc::clone(opened))
    }

    /// That the rules of flow let the volume be used.
    pub(super) fn pass(&self, access: Touch) -> Result<(), Fault> {
        // A folder of the call's own is nobody else's to read.
        if self.grant.access == Access::Scratch {
            return Ok(());
        }
        let (mount, volume) = (&self.grant.mount, &self.grant.volume);
        let used = || CapabilityUse::Files { access, mount: mount.clone(), volume: volume.clone() };
        self.effects.pass(used).map_err(|Against| Fault::NotPermitted)
    }

    /// Notes a use of the volume, which is open.
    pub(super) fn used(&self, access: Touch) {
        let (place, name) = (&self.grant.mount, &self.grant.volume);
        let same = |used: &CapabilityUse| match used {
            CapabilityUse::Files { access: known, mount, .. } => *known == access && mount == place,
            _ => false,
        };
        self.effects.used(same, || CapabilityUse::Files { access, mount: place.clone(), volume: name.clone() });
    }

    pub(super) fn quota(&self) -> Quota {
        Quota {
            bytes_max: self.grant.bytes_max,
            files_max: self.grant.files_max,
            tenant_bytes_max: self.files.tenant_bytes_max(),
        }
    }

    /// Refuses to change what may only be read.
    pub(super) fn check_writable(&self) -> Result<(), Fault> {
        if self.is_writable() { Ok(()) } else { Err(Fault::ReadOnly) }
    }

    /// Has it recorded when `done` was denied. The path is not part of that: it is the guest's own text.
    pub(super) fn witness<T>(&self, action: &str, done: Result<T, Fault>) -> Result<T, Fault> {
        let rule = match &done {
            Err(Fault::Escape) => "a path may not lead out of its volume",
            Err(Fault::ReadOnly) => "the files grant is read-only",
            Err(Fault::Link) => "links are neither made nor read",
            Err(Fault::CrossDevice) => "nothing is moved from one mount to another",
            _ => return done,
        };
        let action = format!("{action} in {}", self.place());
        self.effects.deny(DeniedUse { capability: "files", action, rule: rule.to_owned(), nearest: None });
        done
    }
}

impl Opened {
    /// The length of the path of `folder` within the volume, in bytes.
    pub(super) fn path_bytes(&self, folder: &Dir) -> Result<usize, Fault> {
        Ok(host_path_bytes(folder)?.saturating_sub(self.root_path_bytes))
    }
}

/// The length of a folder's present path on the host. The kernel knows it; what the guest said on the way there could
/// be out of date.
fn host_path_bytes(folder: &Dir) -> Result<usize, Fault> {
    let link = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    Ok(rustix::fs::readlink(link, Vec::new())?.as_bytes().len())
}
