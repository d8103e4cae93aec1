//! Components: uploaded by the tenant's publishers, admitted or rejected with reasons.

use std::time::SystemTime;

use bytes::Bytes;
use futures::Stream;

use super::{Control, bounds, finish};
use crate::access::Action;
use crate::audit::Event;
use crate::audit::entry::{ComponentAdmitted, ComponentRejected};
use crate::error::{Code, Error, Result};
use crate::id::{Digest, PrincipalId, TenantId};
use crate::registry::{Admission, Staged};
use crate::snapshot::Caller;
use crate::storage::ComponentRow;

/// A component as its tenant sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentView {
    /// What was found out about it.
    pub admission: Admission,
    /// When it was admitted.
    pub admitted: SystemTime,
}

/// What came of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The component.
    pub component: ComponentView,
    /// Whether it was not there before.
    pub new: bool,
}

impl Control {
    /// Receives a component as a stream and decides whether it may be published. Uploading the same bytes again gives
    /// what is there.
    ///
    /// # Errors
    ///
    /// `denied` without the scope publisher, `conflict` when the tenant has as many components as it may, and what
    /// [`Registry::stage`](crate::registry::Registry::stage) and [`Registry::admit`](crate::registry::Registry::admit)
    /// say.
    pub async fn upload(&self, caller: &Caller, upload: impl Stream<Item = Result<Bytes>>) -> Result<Uploaded> {
        caller.may(Action::Upload)?;
        self.0.audit.health()?;
        self.room_for_component(&caller.tenant.id).await?;
        let staged = self.0.registry.stage(&caller.tenant.id, upload, None).await?;
        if let Some(row) = self.0.store.component(&caller.tenant.id, &staged.digest).await? {
            return Ok(Uploaded { component: view(&row)?, new: false });
        }
        // Compiling costs: whoever may no longer ask for it does not.
        let caller = self.0.snapshot.again(caller)?;
        caller.may(Action::Upload)?;
        let this = self.clone();
        finish(async move { this.admit(&caller, staged).await }).await
    }

    async fn admit(&self, caller: &Caller, staged: Staged) -> Result<Uploaded> {
        let (tenant, by) = (&caller.tenant.id, caller.principal.id);
        let digest = staged.digest;
        let admission = match self.0.registry.admit(tenant, staged).await {
            Ok(admission) => admission,
            Err(error) => return Err(self.rejected(tenant, by, digest, error).await),
        };
        let (mut turn, _) = self.turn_for(caller, |caller| caller.may(Action::Upload)).await?;
        if let Some(row) = self.0.store.component(tenant, &digest).await? {
            return Ok(Uploaded { component: view(&row)?, new: false });
        }
        // Others of the tenant's may have come first.
        self.room_for_component(tenant).await?;
        let admitted = SystemTime::now();
        let row = ComponentRow {
            tenant: tenant.clone(),
            digest,
            bytes: admission.inspection.bytes,
            facts: serde_json::to_string(&admission).map_err(Error::internal)?,
            admitted,
        };
        turn.change.insert_component(&row).await?;
        let inspection = &admission.inspection;
        let (bytes, imports) = (inspection.bytes, inspection.imports.clone());
        let tool_kind = inspection.kind.as_str().to_owned();
        turn.record(tenant, Some(by), |change| ComponentAdmitted {
            bytes,
            change,
            component: digest,
            imports,
            tool_kind,
        })
        .await?;
        turn.commit(tenant).await?;
        Ok(Uploaded { component: ComponentView { admission, admitted }, new: true })
    }

    /// That the tenant may have one more.
    pub(super) async fn room_for_component(&self, tenant: &TenantId) -> Result<()> {
        let (count, facts_bytes) = self.0.store.count_components(tenant).await?;
        let full = |what: String, maximum: u64| {
            Err(Error::new(Code::Conflict, what).next("ask the platform's operators").fact("maximum", maximum))
        };
        if count >= bounds::COMPONENTS_MAX {
            let maximum = bounds::COMPONENTS_MAX;
            return full(format!("the tenant has {maximum} components, as many as it may"), maximum);
        }
        if facts_bytes >= bounds::FACTS_BYTES_MAX {
            let maximum = bounds::FACTS_BYTES_MAX;
            return full(
                format!("what the tenant's components say of themselves has {maximum} bytes or more"),
                maximum,
            );
        }
        Ok(())
    }

    /// Records that a component was rejected; other failures are the host's, and are not the component's record.
    async fn rejected(&self, tenant: &TenantId, by: PrincipalId, digest: Digest, error: Error) -> Error {
        if error.code() != Code::ComponentRejected {
            return error;
        }
        let reasons = error.facts().get("reasons").and_then(|reasons| serde_json::from_value(reasons.clone()).ok());
        let event = Event::from(ComponentRejected { component: Some(digest), reasons: reasons.unwrap_or_default() });
        let recorded = async { self.0.audit.durable(self.0.audit.append(tenant, Some(by), &event)?).await };
        match recorded.await {
            Ok(()) => error,
            Err(unrecorded) => unrecorded,
        }
    }

    /// The tenant's components, oldest first.
    ///
    /// # Errors
    ///
    /// `denied` to a key that is only an agent's.
    pub async fn components(&self, caller: &Caller) -> Result<Vec<ComponentView>> {
        caller.may(Action::ReadPackages)?;
        self.0.store.components(&caller.tenant.id).await?.iter().map(view).collect()
    }

    /// One component of the tenant.
    ///
    /// # Errors
    ///
    /// As for [`Control::components`]; `not-found` for one that the tenant has not, whoever else may have it.
    pub async fn component(&self, caller: &Caller, digest: &Digest) -> Result<ComponentView> {
        caller.may(Action::ReadPackages)?;
        let row = self.0.store.component(&caller.tenant.id, digest).await?;
        view(&row.ok_or_else(|| Error::not_found("component", digest))?)
    }
}

fn view(row: &ComponentRow) -> Result<ComponentView> {
    let admission = serde_json::from_str(&row.facts).map_err(Error::internal)?;
    Ok(ComponentView { admission, admitted: row.admitted })
}
