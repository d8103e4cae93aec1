//! `wasi:logging` 0.1.0-draft.

use wasmtime::component::{HasData, Linker};

use super::LogCall;
use crate::capability::bindings::wasi::logging::logging;
use crate::policy::LogLevel;

/// The call's share of the host as `wasi:logging` wants it.
#[derive(Debug)]
pub struct LogView<'a> {
    /// The call's log.
    pub call: &'a mut LogCall,
}

struct HasLog;

impl HasData for HasLog {
    type Data<'a> = LogView<'a>;
}

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> LogView<'_>,
) -> wasmtime::Result<()> {
    logging::add_to_linker::<T, HasLog>(linker, get)
}

impl logging::Host for LogView<'_> {
    async fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error => LogLevel::Error,
            logging::Level::Critical => LogLevel::Critical,
        };
        Ok(self.call.log(level, context, &message).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::capability::effects::tests::{Record, recorded};
    use crate::capability::effects::{GuestEvent, Stop};
    use crate::limits::CallLimits;
    use crate::policy::Grant;

    fn call() -> (Arc<Record>, LogCall) {
        let (record, effects) = recorded();
        (record, LogCall::new(Some(&Grant::for_test(LogLevel::Trace)), &CallLimits::default(), effects))
    }

    #[tokio::test]
    async fn a_record_that_fails_stops_the_call() {
        let (record, mut call) = call();
        record.failures.store(2, Ordering::Relaxed);
        let mut view = LogView { call: &mut call };
        let logged = logging::Host::log(&mut view, logging::Level::Info, String::new(), "x".into()).await;
        assert!(logged.unwrap_err().is::<Stop>(), "for the engine's verdict");
        assert!(record.events.lock().is_empty());
    }

    #[tokio::test]
    async fn every_level_of_the_interface_is_one_of_ours() {
        let (record, mut call) = call();
        let mut view = LogView { call: &mut call };
        use logging::Level::{Critical, Debug, Error, Info, Trace, Warn};
        for level in [Trace, Debug, Info, Warn, Error, Critical] {
            logging::Host::log(&mut view, level, "c".into(), "m".into()).await.unwrap();
        }
        let levels: Vec<_> = record
            .events
            .lock()
            .iter()
            .map(|event| match event {
                GuestEvent::Log { level, .. } => *level,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(
            levels.is_sorted()
                && levels.first() == Some(&LogLevel::Trace)
                && levels.last() == Some(&LogLevel::Critical)
        );
        assert_eq!(levels.len(), 6);
    }
}
