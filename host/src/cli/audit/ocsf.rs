//! Entries as events of OCSF's class API Activity (schema 1.8.0, class 6003), which security teams' stores read.
//!
//! What the schema has no place for stands, as the entry has it, under `unmapped`.

use serde_json::{Value, json};

use crate::audit::Entry;
use crate::audit::entry::{CallEnded, CallRefused, CallReplayed, CapabilityDenied, Event, Outcome, ReplayOutcome};

/// The version of the schema.
const SCHEMA: &str = "1.8.0";
const CATEGORY: u32 = 6;
const CLASS: u32 = 6_003;

/// What was done, as the class counts activities.
#[derive(Clone, Copy)]
enum Activity {
    Create = 1,
    Read = 2,
    Update = 3,
    Delete = 4,
    Other = 99,
}

/// How it ended, as all classes count it.
#[derive(Clone, Copy)]
enum Status {
    Success = 1,
    Failure = 2,
}

/// How much it matters, as all classes count it.
#[derive(Clone, Copy)]
enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
}

/// The entry as an event.
pub(super) fn of(entry: &Entry) -> Value {
    let activity = activity(&entry.event) as u32;
    let (status, code) = status(&entry.event);
    let severity = match (&entry.event, status) {
        (Event::CapabilityDenied(_) | Event::LoginFailed(_), _) => Severity::Medium,
        (_, Status::Failure) => Severity::Low,
        (_, Status::Success) => Severity::Informational,
    };
    // Digits beyond 2^53 are not read exactly by all, and times in milliseconds are far below.
    let milliseconds = entry.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let principal = entry.principal.map_or_else(|| "host".to_owned(), |principal| principal.to_string());
    let mut api = json!({ "operation": entry.event.kind(), "service": { "name": "cofferdam" } });
    if let Some(call) = entry.event.call() {
        api["request"] = json!({ "uid": call.to_string() });
    }
    if let Some(code) = code {
        api["response"] = json!({ "error": code });
    }
    let mut event = json!({
        "activity_id": activity,
        "actor": { "user": { "uid": principal, "org": { "uid": entry.tenant.to_string() } } },
        "api": api,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "metadata": {
            "version": SCHEMA,
            "product": { "name": "Cofferdam", "vendor_name": "Cofferdam", "version": env!("CARGO_PKG_VERSION") },
            "tenant_uid": entry.tenant.to_string(),
            "sequence": entry.index,
            "log_name": "audit",
        },
        "severity_id": severity as u32,
        // Where a request came from is not recorded: proxies stand before hosts.
        "src_endpoint": { "name": "unknown" },
        "status_id": status as u32,
        "time": milliseconds,
        "type_uid": CLASS * 100 + activity,
        "unmapped": entry,
    });
    if let Some(resource) = resource(&entry.event) {
        event["resources"] = json!([{ "name": resource }]);
    }
    event
}

fn activity(event: &Event) -> Activity {
    match event {
        Event::ComponentAdmitted(_)
        | Event::ToolPublished(_)
        | Event::TenantCreated(_)
        | Event::KeyCreated(_)
        | Event::SubmissionOpened(_)
        | Event::ApprovalAsked(_) => Activity::Create,
        Event::CallDecided(_)
        | Event::CallEnded(_)
        | Event::CallRefused(_)
        | Event::CallReplayed(_)
        | Event::CallAnswered(_)
        | Event::CapabilityDenied(_)
        | Event::ModelRequested(_) => Activity::Read,
        Event::ToolPromoted(_)
        | Event::ToolRolledBack(_)
        | Event::ToolDeprecated(_)
        | Event::PolicyChanged(_)
        | Event::AccessChanged(_)
        | Event::ComponentRecalled(_)
        | Event::RecallLifted(_)
        | Event::SubmissionDecided(_)
        | Event::ToolApproved(_)
        | Event::TenantSuspended(_)
        | Event::TenantResumed(_)
        | Event::KeyRotated(_)
        | Event::SecretSet(_)
        | Event::SessionCleared(_)
        | Event::HostKeysRotated(_)
        | Event::ApprovalDecided(_)
        | Event::ApprovalExpired(_)
        | Event::LogKeyRotated(_) => Activity::Update,
        Event::KeyRevoked(_) | Event::SecretRemoved(_) | Event::PayloadErased(_) => Activity::Delete,
        Event::ComponentRejected(_)
        | Event::LoginFailed(_)
        | Event::RequestRefused(_)
        | Event::HostStarted(_)
        | Event::HostRecovered(_) => Activity::Other,
    }
}

/// How it ended, and the error code where it did not end well.
fn status(event: &Event) -> (Status, Option<String>) {
    match event {
        Event::CallEnded(CallEnded { outcome: Outcome::Failed(code), .. })
        | Event::CallRefused(CallRefused { code, .. }) => (Status::Failure, Some(code.to_string())),
        Event::CapabilityDenied(_) | Event::RequestRefused(_) => (Status::Failure, Some("denied".to_owned())),
        Event::ModelRequested(event) if event.outcome != "ok" => (Status::Failure, Some(event.outcome.clone())),
        Event::LoginFailed(_) => (Status::Failure, Some("unauthenticated".to_owned())),
        Event::ComponentRejected(_) => (Status::Failure, Some("component-rejected".to_owned())),
        Event::CallReplayed(CallReplayed { outcome, .. }) if *outcome != ReplayOutcome::Same => {
            (Status::Failure, Some(outcome.as_str().to_owned()))
        }
        _ => (Status::Success, None),
    }
}

/// What it was done to.
fn resource(event: &Event) -> Option<String> {
    match event {
        Event::CallDecided(event) => Some(event.tool.to_string()),
        Event::CallRefused(event) => event.tool.as_ref().map(ToString::to_string),
        Event::CapabilityDenied(CapabilityDenied { capability, .. }) => Some(capability.clone()),
        Event::ModelRequested(event) => Some(event.route.clone()),
        Event::ComponentAdmitted(event) => Some(event.component.to_string()),
        Event::ComponentRejected(event) => event.component.as_ref().map(ToString::to_string),
        Event::ToolPublished(event) => Some(event.package.to_string()),
        Event::ToolPromoted(event) => Some(event.package.to_string()),
        Event::ToolRolledBack(event) => Some(event.package.to_string()),
        Event::ToolDeprecated(event) => Some(event.package.to_string()),
        Event::KeyCreated(event) => Some(event.key.to_string()),
        Event::KeyRotated(event) => Some(event.key.to_string()),
        Event::KeyRevoked(event) => Some(event.key.to_string()),
        Event::SecretSet(event) => Some(event.name.to_string()),
        Event::SessionCleared(event) => Some(event.session.to_string()),
        Event::CallAnswered(event) => Some(event.tool.to_string()),
        Event::ApprovalAsked(event) => Some(event.tool.to_string()),
        Event::ApprovalDecided(event) => Some(event.tool.to_string()),
        Event::SecretRemoved(event) => Some(event.name.to_string()),
        Event::RequestRefused(event) => Some(event.operation.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Filter;
    use crate::audit::tests::samples::{every_event, micros_time};

    /// What `--failed` shows is what a security team's store takes for a failure.
    #[test]
    fn events_fail_where_the_filter_says_that_they_did() {
        let failed = Filter { failed: true, ..Filter::default() };
        let mut replayed = 0;
        for event in every_event() {
            replayed += usize::from(matches!(event, Event::CallReplayed(_)));
            let entry =
                Entry { event, index: 0, principal: None, tenant: "acme".parse().unwrap(), time: micros_time() };
            let status = if failed.admits(&entry) { Status::Failure } else { Status::Success } as u32;
            assert_eq!(of(&entry)["status_id"], status, "{}", entry.event.kind());
        }
        assert!(replayed >= 2, "no replay that differs was looked at");
    }
}
