//! Asking a component, once, at upload, what tools it has: with no grants, little fuel and little time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;

use super::inspect::Rejection;
use crate::capability::effects::{Effects, Witness};
use crate::capability::model::ModelSetting;
use crate::engine::output::RawDefinition;
use crate::engine::{Engine, Loaded, Meter, Run};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, DefinitionName, TenantId};
use crate::limits::CallLimits;
use crate::policy::Grants;

/// What `describe` may use: enough for an interpreter to start, nothing to reach out with.
fn limits() -> CallLimits {
    CallLimits {
        fuel: 1_000_000_000,
        deadline: Duration::from_secs(5),
        memory_bytes: 128 << 20,
        // 64 definitions with descriptions and schemas.
        hostcall_bytes: 4 << 20,
        log_bytes: 0,
        progress_reports: 0,
        http_requests: 0,
        http_sent_bytes: 0,
        http_received_bytes: 0,
        kv_operations: 0,
        files_open: 0,
        child_calls: 0,
        model_requests: 0,
        ..CallLimits::default()
    }
}

/// Nothing is decided, so nothing may have an effect.
struct NoEffects;

impl Witness for NoEffects {
    fn decided(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::new(Code::Denied, "describe may not have effects")) })
    }
}

/// What a native component says that it defines.
pub(super) async fn describe(engine: &Engine, tenant: &TenantId, loaded: &Arc<Loaded>) -> Result<Vec<RawDefinition>> {
    let definition: DefinitionName = "describe".parse()?;
    let run = Run {
        call: CallId::new(),
        tenant: tenant.clone(),
        limits: Arc::new(limits()),
        grants: Arc::new(Grants::none()),
        definition,
        arguments: String::new(),
        // Always the same, so that the same component describes itself the same.
        frozen_time: SystemTime::UNIX_EPOCH,
        effects: Arc::new(Effects::new(Arc::new(NoEffects))),
        weight: 1,
        meter: Arc::new(Meter::default()).hold(),
        secrets: Arc::default(),
        models: ModelSetting::default(),
        tape: None,
        family: None,
    };
    engine.describe(loaded, run).await.map_err(|error| match error.code() {
        Code::Internal | Code::Overloaded | Code::Throttled => error,
        _ => Rejection::because(format!("its describe function failed: {}", error.message())).into(),
    })
}
