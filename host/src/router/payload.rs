//! What is kept of a call beside the record, for tenants that ask for it: its arguments, its result, what the host
//! answered. Durable before the outcome is, so that what policy promises is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::capability::StorageQuotas;
use crate::capability::tape::{Recording, Tape};
use crate::engine::output::ToolOutput;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::policy::{self, Keeping};
use crate::snapshot::Caller;
use crate::storage::{NewPayload, PayloadKind, Payloads};

/// How a result is spelt. Grows when it is spelt in another way.
const VERSION: u8 = 1;

/// Keeps one call's payload.
#[derive(Debug)]
pub(super) struct Keeper {
    payloads: Payloads,
    quotas: Arc<StorageQuotas>,
    tenant: TenantId,
    call: CallId,
    keeping: Keeping,
    arguments: String,
    tape: Option<Arc<Tape>>,
}

impl Keeper {
    /// For a call of a tenant that has payloads kept; nothing for others, at the cost of one look.
    pub(super) fn of(
        payloads: &Payloads,
        quotas: &Arc<StorageQuotas>,
        caller: &Caller,
        call: CallId,
        arguments: &str,
    ) -> Option<Box<Self>> {
        let keeping = policy::keeping(&caller.platform.ceiling, &caller.tenant.policy)?;
        Some(Box::new(Self {
            payloads: payloads.clone(),
            quotas: Arc::clone(quotas),
            tenant: caller.tenant.id.clone(),
            call,
            keeping,
            arguments: arguments.to_owned(),
            tape: keeping.record.then(Tape::recording),
        }))
    }

    /// Where the host's answers are recorded.
    pub(super) fn tape(&self) -> Option<&Arc<Tape>> {
        self.tape.as_ref()
    }

    /// Keeps it, durably. A call that gave no result has none.
    ///
    /// # Errors
    ///
    /// `audit-unavailable` when it cannot be kept.
    pub(super) async fn keep(&self, result: Option<&ToolOutput>) -> Result<()> {
        let mut pieces = vec![(PayloadKind::Arguments, self.arguments.clone().into_bytes())];
        if let Some(result) = result {
            pieces.push((PayloadKind::Result, output_to_bytes(result)?));
        }
        if let Some(recording) = self.tape.as_ref().and_then(|tape| tape.recorded()) {
            pieces.push((PayloadKind::Recording, recording.to_bytes()?));
        }
        let payload = NewPayload {
            tenant: &self.tenant,
            call: self.call,
            retention: self.keeping.retention,
            pieces,
            tenant_bytes_max: self.quotas.payloads_bytes_max.load(Ordering::Relaxed),
        };
        self.payloads.keep(payload).await.map_err(|error| {
            Error::new(Code::AuditUnavailable, "the call's payload cannot be kept, so its result is not given")
                .next("try again; if it goes on, tell the operator")
                .detail(format_args!("{error:?}"))
        })
    }
}

fn output_to_bytes(output: &ToolOutput) -> Result<Vec<u8>> {
    postcard::to_extend(output, vec![VERSION]).map_err(Error::internal)
}

/// The result that kept bytes spell.
///
/// # Errors
///
/// `internal` when they spell none, or one of another version of the host.
pub fn output_from_bytes(bytes: &[u8]) -> Result<ToolOutput> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(Error::internal),
        _ => Err(Error::internal("a kept result of another version")),
    }
}

/// How many answers of the host a kept recording holds.
///
/// # Errors
///
/// `internal` when the bytes spell none, or one of another version of the host.
pub fn host_calls(bytes: &[u8]) -> Result<u64> {
    Ok(Recording::from_bytes(bytes)?.host_calls())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::output::{Blob, Content};

    #[test]
    fn a_result_reads_back_as_it_was() {
        let blob = Blob { media_type: "image/png".to_owned(), name: Some("a".to_owned()), data: vec![0, 255] };
        let content = vec![
            Content::Text("t\u{1f30a}".to_owned()),
            Content::Json("{\"a\":1e400}".to_owned()),
            Content::Image(blob.clone()),
            Content::File(Blob { name: None, ..blob }),
        ];
        for is_error in [false, true] {
            let output = ToolOutput { content: content.clone(), is_error };
            assert_eq!(output_from_bytes(&output_to_bytes(&output).unwrap()).unwrap(), output);
        }
        for bytes in [&[][..], &[0, 0], &[1, 200], &[2, 0, 0]] {
            output_from_bytes(bytes).unwrap_err();
        }
    }
}
