//! What a call really used, of each amount, as its end in the record says it: the one reckoning for the meter that runs
//! and for the fold that it is made anew from.

use crate::amounts::{Amount, Amounts};
use crate::audit::entry::CallEnded;

/// What the call used that ended so. A call that a tool made counts as that, and not among its
/// tenant's own.
pub fn used(ended: &CallEnded, is_child: bool) -> Amounts {
    Amounts::of(|amount| match amount {
        Amount::Calls => u64::from(!is_child),
        Amount::Fuel => ended.fuel,
        Amount::HttpBytes => ended.http_sent_bytes.saturating_add(ended.http_received_bytes),
        Amount::FilesBytes => ended.files_bytes_written,
        Amount::ChildCalls => u64::from(is_child),
        Amount::ModelTokens => ended.model_input_tokens.saturating_add(ended.model_output_tokens),
        Amount::ModelCost => ended.model_cost,
    })
}
