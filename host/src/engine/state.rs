//! What a store holds: the call's capabilities and its counters. Gone with the call.

use super::limiter::Limiter;
use crate::capability::CallCapabilities;

/// The data of a call's store.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) capabilities: CallCapabilities,
    pub(super) limiter: Limiter,
}
