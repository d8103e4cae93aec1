//! What a tool reports of its progress to the agent that waits for it. An effect: the agent sees it while the tool runs.

mod bind;

pub use self::bind::{ProgressView, add_to_linker};

use std::sync::Arc;

use super::effects::{Effects, GuestEvent, Stop};
use crate::limits::CallLimits;

/// A report's message; what is longer is cut.
pub const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// One call's reports.
#[derive(Debug)]
pub struct ProgressCall {
    effects: Arc<Effects>,
    left: u64,
}

impl ProgressCall {
    /// As many reports as `limits.progress_reports`.
    pub fn new(limits: &CallLimits, effects: Arc<Effects>) -> Self {
        Self { effects, left: limits.progress_reports }
    }

    /// Shows a report once the decision is durable. Reports past the limit are dropped, and so are those whose numbers
    /// are not finite: nobody can show them, and JSON cannot carry them.
    ///
    /// # Errors
    ///
    /// [`Stop::AuditUnavailable`]: the interface has no error, so the call ends.
    pub async fn report(&mut self, done: f64, total: Option<f64>, mut message: String) -> Result<(), Stop> {
        if self.left == 0 || !done.is_finite() || total.is_some_and(|total| !total.is_finite()) {
            return Ok(());
        }
        self.left -= 1;
        self.effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        self.effects.show(GuestEvent::Progress { done, total, message });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::capability::effects::tests::recorded;

    #[tokio::test]
    async fn reports_are_shown_up_to_the_limit() {
        let (record, effects) = recorded();
        let limits = CallLimits { progress_reports: 2, ..CallLimits::default() };
        let mut progress = ProgressCall::new(&limits, effects);
        for done in [1.0, f64::NAN, 2.0, 3.0] {
            progress.report(done, Some(3.0), "ä".repeat(1_000)).await.unwrap();
        }
        progress.report(0.0, Some(f64::INFINITY), String::new()).await.unwrap();
        let message = "ä".repeat(MESSAGE_BYTES_MAX / 2);
        let shown = |done| GuestEvent::Progress { done, total: Some(3.0), message: message.clone() };
        assert_eq!(*record.events.lock(), [shown(1.0), shown(2.0)]);
    }

    #[tokio::test]
    async fn nothing_is_shown_before_the_decision() {
        let (record, effects) = recorded();
        record.failures.store(1, Ordering::Relaxed);
        let mut progress = ProgressCall::new(&CallLimits::default(), effects);
        let stopped = progress.report(1.0, None, String::new()).await;
        assert!(matches!(stopped, Err(Stop::AuditUnavailable(_))));
        assert!(record.events.lock().is_empty());
    }
}
