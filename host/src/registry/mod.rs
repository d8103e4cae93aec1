//! Components by digest: received, inspected, compiled in confinement, described, kept, and loaded again. What a tenant
//! made is compiled nowhere else, and no artefact is loaded that this host did not make.

mod artefact;
mod asks;
pub mod child;
mod confine;
pub mod definitions;
mod describe;
mod inspect;
mod schema;
mod signature;
mod stage;
mod visits;
mod words;

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

pub use self::asks::{Asking, AsksMore};
pub use self::confine::{CompileSettings, SelfTest, self_test};
pub use self::definitions::Definition;
pub use self::inspect::{Inspection, Rejection, inspect};
pub use self::schema::SchemaCheck;
pub use self::signature::{NOTE_BYTES_MAX, PrivateKey, Statement};
pub use self::stage::{Staged, UploadSettings};
pub use crate::engine::Kind;
pub use crate::policy::GrantKind;

use self::artefact::{Artefacts, Found, Made};
use self::confine::{Compiled, Compiler, For};
use self::stage::Staging;
use crate::engine::{Class, Engine, Loaded};
use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};
use crate::storage::{Blobs, DataFolder};

/// How the registry is set up.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// Limits of uploads.
    pub uploads: UploadSettings,
    /// Limits of compiling.
    pub compiling: CompileSettings,
    /// Loaded artefacts together, in bytes; past it, what was not used for longest is unloaded.
    pub loaded_bytes_max: u64,
}

impl Default for RegistrySettings {
    /// Loaded artefacts are mapped files: what is not touched takes address space, not memory.
    fn default() -> Self {
        Self { uploads: UploadSettings::default(), compiling: CompileSettings::default(), loaded_bytes_max: 8 << 30 }
    }
}

/// A component that may be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Of its bytes.
    pub digest: Digest,
    /// What was found out about it.
    pub inspection: Inspection,
    /// What it says of its tools, checked.
    pub definitions: Vec<Definition>,
}

/// Components by digest. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    components: Blobs,
    artefacts: Artefacts,
    staging: Staging,
    compiler: Compiler,
    loaded: moka::future::Cache<(TenantId, Digest), Weighed>,
}

/// A loaded component and what it counts for.
#[derive(Debug, Clone)]
struct Weighed {
    loaded: Arc<Loaded>,
    artefact_bytes: u64,
}

/// What the cache counts in: its weights have 32 bits.
const WEIGHT_UNIT_BYTES: u64 = 1 << 10;
/// What a loaded component takes beside its artefact, in bytes: its types, its linked imports.
const LOADED_BASE_BYTES: u64 = 64 << 10;

impl Weighed {
    fn weight(&self) -> u32 {
        u32::try_from((self.artefact_bytes + LOADED_BASE_BYTES) / WEIGHT_UNIT_BYTES).unwrap_or(u32::MAX)
    }
}

impl Registry {
    /// Opens the registry of a data folder, with components in `components`. Removes what uploads of an earlier process
    /// left.
    ///
    /// # Errors
    ///
    /// When folders or the artefact key cannot be made or read, or others may read the key.
    pub fn open(data: &DataFolder, engine: Engine, components: Blobs, settings: RegistrySettings) -> Result<Self> {
        let loaded = moka::future::Cache::builder()
            .weigher(|_, weighed: &Weighed| weighed.weight())
            .max_capacity(settings.loaded_bytes_max / WEIGHT_UNIT_BYTES)
            .build();
        Ok(Self(Arc::new(Inner {
            engine,
            components,
            artefacts: Artefacts::open(data.path())?,
            staging: Staging::open(data.path(), settings.uploads)?,
            compiler: Compiler::new(settings.compiling),
            loaded,
        })))
    }

    /// Receives a tenant's upload: hashed as it arrives, cut at the limit (`bytes_max` can only tighten it).
    ///
    /// # Errors
    ///
    /// `too-large`, `request-timeout`, `overloaded`, `component-rejected` when it is empty, or what the stream gives.
    /// Nothing stays on disk then, nor when the future or what it gives is dropped.
    pub async fn stage(
        &self,
        tenant: &TenantId,
        upload: impl Stream<Item = Result<Bytes>>,
        bytes_max: Option<u64>,
    ) -> Result<Staged> {
        self.0.staging.receive(tenant, upload, bytes_max).await
    }

    /// Decides whether `staged` may be published by `tenant`: inspects and compiles it in confinement, asks it for its
    /// tools or reads them from its types, checks those, and keeps component and artefact. Admitting the same bytes
    /// again gives the same.
    ///
    /// # Errors
    ///
    /// `component-rejected`, with the fact `reasons`: a list of clauses that the author can act on. `overloaded` when
    /// its turn to be compiled does not come.
    pub async fn admit(&self, tenant: &TenantId, staged: Staged) -> Result<Admission> {
        let inner = &self.0;
        let digest = staged.digest;
        let (written, compiled) = inner.compile(tenant, For::Upload, &staged).await?;
        let inspection = compiled.inspection;
        let loaded =
            inner.link(inspection.class, written.reopen().map_err(Error::internal)?).await.map_err(|error| {
                // It compiled, so it is sound; what it imports is of another shape than what is on offer.
                let detail = error.operator_detail().unwrap_or_default().to_owned();
                Error::from(Rejection::because(format!("it cannot be linked to this host: {detail}")))
            })?;
        let raw = match inspection.kind {
            Kind::Native => describe::describe(&inner.engine, tenant, &loaded).await?,
            Kind::Command | Kind::Http | Kind::Functions => compiled.definitions,
        };
        // Patterns of schemas are compiled to be checked: not on a thread that serves requests.
        let checked = tokio::task::spawn_blocking(move || definitions::check(raw)).await;
        let definitions = checked.map_err(Error::internal)??;
        inner.components.keep(tenant, &digest, staged.file.path()).await?;
        self.keep(tenant, &digest, inspection.class, written).await?;
        let artefact_bytes = compiled.artefact_bytes;
        inner.loaded.insert((tenant.clone(), digest), Weighed { loaded, artefact_bytes }).await;
        Ok(Admission { digest, inspection, definitions })
    }

    /// Admits a component that `from` has for `to`, from its bytes, as if `to` had uploaded it.
    ///
    /// # Errors
    ///
    /// As for [`Registry::admit`]; `not-found` when `from` has no such component.
    pub async fn admit_again(&self, from: &TenantId, digest: &Digest, to: &TenantId) -> Result<Admission> {
        let inner = &self.0;
        let upload = inner.components.fetch(from, digest).await?;
        let staged = inner.staging.write(upload, u64::MAX).await?;
        if staged.digest != *digest {
            return Err(Error::internal(format_args!("component {digest} of {from} holds {}", staged.digest)));
        }
        self.admit(to, staged).await
    }

    /// The component `digest` of `owner`, ready to run: from memory, from its artefact, or compiled again when that is
    /// missing, was made for another engine or does not authenticate. Callers at once share the work.
    ///
    /// # Errors
    ///
    /// `not-found` when `owner` has no such component.
    pub async fn load(&self, owner: &TenantId, digest: &Digest) -> Result<Arc<Loaded>> {
        let load = Box::pin(self.load_cold(owner, digest));
        let found = self.0.loaded.try_get_with((owner.clone(), *digest), load).await;
        found.map(|weighed| weighed.loaded).map_err(|error| Error::clone(&error))
    }

    async fn load_cold(&self, owner: &TenantId, digest: &Digest) -> Result<Weighed> {
        if let Some(weighed) = self.load_kept(owner, digest).await? {
            return Ok(weighed);
        }
        let inner = &self.0;
        let upload = inner.components.fetch(owner, digest).await?;
        let staged = inner.staging.write(upload, u64::MAX).await?;
        if staged.digest != *digest {
            return Err(Error::internal(format_args!("component {digest} of {owner} holds {}", staged.digest)));
        }
        let (written, Compiled { inspection, artefact_bytes, .. }) = inner.compile(owner, For::Call, &staged).await?;
        let loaded = inner.link(inspection.class, written.reopen().map_err(Error::internal)?).await?;
        self.keep(owner, digest, inspection.class, written).await?;
        tracing::info!(%owner, %digest, artefact_bytes, "compiled again");
        Ok(Weighed { loaded, artefact_bytes })
    }

    /// From its artefact, if there is one to be trusted.
    async fn load_kept(&self, owner: &TenantId, digest: &Digest) -> Result<Option<Weighed>> {
        let (registry, tenant, digest) = (self.clone(), owner.clone(), *digest);
        let look = move || {
            let inner = &registry.0;
            for class in Class::ALL {
                let compatibility = inner.engine.compatibility(class);
                let made = Made { tenant: &tenant, digest: &digest, class, compatibility };
                match inner.artefacts.find(&made) {
                    Found::Trusted(file, artefact_bytes) => match inner.engine.load(class, &file) {
                        Ok(loaded) => return Some(Weighed { loaded, artefact_bytes }),
                        Err(error) => tracing::warn!(%tenant, %digest, ?error, "artefact does not load"),
                    },
                    Found::Absent => {}
                    Found::Forged(reason) => {
                        tracing::error!(%tenant, %digest, %class, reason, "artefact is not this host's: not loaded");
                    }
                }
            }
            None
        };
        tokio::task::spawn_blocking(look).await.map_err(Error::internal)
    }

    async fn keep(&self, tenant: &TenantId, digest: &Digest, class: Class, written: NamedTempFile) -> Result<()> {
        let (registry, tenant, digest) = (self.clone(), tenant.clone(), *digest);
        let keep = move || {
            let compatibility = registry.0.engine.compatibility(class);
            registry.0.artefacts.keep(&Made { tenant: &tenant, digest: &digest, class, compatibility }, written)
        };
        tokio::task::spawn_blocking(keep).await.map_err(Error::internal)?
    }
}

impl Inner {
    /// Compiles what is staged, in confinement, into a file without a name of its own yet.
    async fn compile(&self, tenant: &TenantId, what_for: For, staged: &Staged) -> Result<(NamedTempFile, Compiled)> {
        let component = File::open(staged.file.path()).map_err(Error::internal)?;
        let written = self.artefacts.begin(tenant)?;
        let output = written.reopen().map_err(Error::internal)?;
        let compiled = self.compiler.compile(tenant, what_for, component, staged.bytes, output).await?;
        for layer in compiled.layers.iter().filter(|layer| !layer.in_force) {
            tracing::warn!(%layer, "compiled with a wall missing");
        }
        let length = written.as_file().metadata().map_err(Error::internal)?.len();
        if length != compiled.artefact_bytes {
            let told = compiled.artefact_bytes;
            return Err(Error::internal(format_args!("the compiling child wrote {length} bytes and told of {told}")));
        }
        Ok((written, compiled))
    }

    /// Maps and links an artefact; page faults and symbol tables, so not on a thread that serves requests.
    async fn link(self: &Arc<Self>, class: Class, file: File) -> Result<Arc<Loaded>> {
        let inner = Arc::clone(self);
        tokio::task::spawn_blocking(move || inner.engine.load(class, &file)).await.map_err(Error::internal)?
    }
}
