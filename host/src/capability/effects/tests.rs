//! The gate asks until it may let through, and a guest cannot fill the record; with a witness for the tests of every
//! capability.

use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::*;
use crate::error::Code;

/// A witness for tests: remembers everything, and decides as often as it is told to fail.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) asked: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) denied: Mutex<Vec<DeniedUse>>,
    pub(crate) events: Mutex<Vec<GuestEvent>>,
    pub(crate) models: Mutex<Vec<ModelRequest>>,
}

impl Witness for Record {
    fn decided(&self) -> BoxFuture<'_, Result<()>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let failing = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        Box::pin(async move {
            // Not at once: whoever does not wait for it is found out.
            tokio::task::yield_now().await;
            match failing {
                Ok(_) => Err(Error::new(Code::AuditUnavailable, "the record cannot be written")),
                Err(_) => Ok(()),
            }
        })
    }

    fn denied(&self, denied: DeniedUse) {
        self.denied.lock().push(denied);
    }

    fn event(&self, event: GuestEvent) {
        self.events.lock().push(event);
    }

    fn model_requested(&self, request: ModelRequest) {
        self.models.lock().push(request);
    }
}

/// A gate and what it witnesses.
pub(crate) fn recorded() -> (Arc<Record>, Arc<Effects>) {
    let record = Arc::new(Record::default());
    let effects = Arc::new(Effects::new(Arc::clone(&record) as Arc<dyn Witness>));
    (record, effects)
}

#[tokio::test]
async fn the_witness_is_asked_until_it_has_said_yes_once() {
    let (record, effects) = recorded();
    record.failures.store(2, Ordering::Relaxed);
    assert!(effects.before_effect().await.is_err());
    assert!(!effects.is_decided());
    assert!(effects.before_effect().await.is_err());
    for _ in 0..10 {
        effects.before_effect().await.unwrap();
    }
    assert_eq!(record.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_guest_cannot_fill_the_record_with_denials() {
    let (record, effects) = recorded();
    let denied = DeniedUse { capability: "kv", action: "open x".into(), rule: "no kv grant".into(), nearest: None };
    for _ in 0..DENIALS_RECORDED_MAX + 5 {
        effects.deny(denied.clone());
    }
    assert_eq!(record.denied.lock().len() as u64, DENIALS_RECORDED_MAX);
    assert_eq!(effects.usage().denials, DENIALS_RECORDED_MAX + 5);
}
