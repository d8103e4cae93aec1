//! What a watched call shows, on its way to whoever watches. The call does not wait for a reader that is slow: what
//! waits is counted, takes room that its tenant has, and is cut where there is no more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::call::CallEvent;
use crate::capability::effects::GuestEvent;

/// What may wait of one call, in bytes. A reader that keeps up has next to nothing waiting.
const WAITING_BYTES_MAX: u64 = 1 << 20;
/// Room is asked for in pieces of this, in bytes; the first is nobody's, as with any small answer.
const PIECE_BYTES: u64 = 64 << 10;
/// What an event takes beside its texts, in bytes: an empty line is not free.
const EVENT_BYTES: u64 = 192;

/// Where a watched call's events go.
#[derive(Clone)]
pub struct Watcher(Arc<Ahead>);

struct Ahead {
    events: mpsc::UnboundedSender<CallEvent>,
    waiting: Arc<AtomicU64>,
    room: AtomicU64,
    is_cut: AtomicBool,
    more: Box<dyn Fn(u64) -> bool + Send + Sync>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("waiting", &self.0.waiting).finish_non_exhaustive()
    }
}

/// Where they come out.
#[derive(Debug)]
pub struct Seen {
    events: mpsc::UnboundedReceiver<CallEvent>,
    waiting: Arc<AtomicU64>,
}

/// Both ends. `more` is asked for room for so many bytes more, which is kept until the request is over, and says whether
/// there is.
pub fn watch(more: impl Fn(u64) -> bool + Send + Sync + 'static) -> (Watcher, Seen) {
    let (sender, events) = mpsc::unbounded_channel();
    let waiting = Arc::<AtomicU64>::default();
    let ahead = Ahead {
        events: sender,
        waiting: Arc::clone(&waiting),
        room: AtomicU64::new(PIECE_BYTES),
        is_cut: AtomicBool::new(false),
        more: Box::new(more),
    };
    (Watcher(Arc::new(ahead)), Seen { events, waiting })
}

impl Watcher {
    /// Shows an event, unless one before it was cut already.
    pub(super) fn show(&self, event: CallEvent) {
        let ahead = &self.0;
        if ahead.is_cut.load(Ordering::Relaxed) {
            return;
        }
        let bytes = bytes(&event);
        let waiting = ahead.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let event = if self.has_room(waiting) {
            event
        } else {
            ahead.is_cut.store(true, Ordering::Relaxed);
            CallEvent::Guest(GuestEvent::LogCut { bytes_max: waiting - bytes })
        };
        // Whoever watched may have left; the call is about to be given up then.
        let _ = ahead.events.send(event);
    }

    /// Whether `waiting` bytes may wait. A call shows one thing after the other: two pieces too many are the most that
    /// could be taken by accident.
    fn has_room(&self, waiting: u64) -> bool {
        let room = self.0.room.load(Ordering::Relaxed);
        if waiting <= room {
            return true;
        }
        // A line is shorter than a piece.
        let has_more = waiting <= WAITING_BYTES_MAX && (self.0.more)(PIECE_BYTES);
        if has_more {
            self.0.room.fetch_add(PIECE_BYTES, Ordering::Relaxed);
        }
        has_more
    }
}

impl Seen {
    /// The next event, once there is one; nothing when none will come.
    pub async fn next(&mut self) -> Option<CallEvent> {
        let event = self.events.recv().await?;
        Some(self.taken(event))
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    ///
    /// When none waits.
    pub fn try_next(&mut self) -> Result<CallEvent, TryRecvError> {
        let event = self.events.try_recv()?;
        Ok(self.taken(event))
    }

    fn taken(&self, event: CallEvent) -> CallEvent {
        // What stands in a cut event's place counts as much as it did: nothing comes behind it.
        let _ = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| Some(waiting.saturating_sub(bytes(&event))));
        event
    }
}

fn bytes(event: &CallEvent) -> u64 {
    let texts = match event {
        CallEvent::Guest(GuestEvent::Log { context, message, .. }) => context.len() + message.len(),
        CallEvent::Guest(GuestEvent::Progress { message, .. }) => message.len(),
        CallEvent::Guest(GuestEvent::LogCut { .. }) | CallEvent::Decided { .. } => 0,
    };
    EVENT_BYTES + texts as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::LogLevel;

    fn line(message: &str) -> CallEvent {
        let (level, context) = (LogLevel::Info, String::new());
        CallEvent::Guest(GuestEvent::Log { level, context, message: message.to_owned() })
    }

    fn all(mut seen: Seen) -> Vec<CallEvent> {
        std::iter::from_fn(|| seen.try_next().ok()).collect()
    }

    fn is_cut(event: &CallEvent) -> bool {
        matches!(event, CallEvent::Guest(GuestEvent::LogCut { .. }))
    }

    /// Empty lines that nobody reads are cut, once, where there is no more room; what was shown before it comes.
    #[test]
    fn hostile_flood_of_lines_that_nobody_reads() {
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        let (watcher, seen) = watch(move |bytes| counted.fetch_add(bytes, Ordering::Relaxed) < 4 * PIECE_BYTES);
        for _ in 0..1_000_000 {
            watcher.show(line(""));
        }
        let shown = all(seen);
        assert_eq!(shown.iter().filter(|event| is_cut(event)).count(), 1);
        assert!(is_cut(shown.last().unwrap()));
        assert_eq!(shown.len() as u64 - 1, 5 * PIECE_BYTES / EVENT_BYTES);
        assert_eq!(asked.load(Ordering::Relaxed), 5 * PIECE_BYTES, "asked once more, and refused");
    }

    #[test]
    fn one_call_gets_no_more_than_its_own_however_much_room_there_is() {
        let (watcher, seen) = watch(|_| true);
        for _ in 0..1_000 {
            watcher.show(line(&"x".repeat(8 << 10)));
        }
        let kept: u64 = all(seen).iter().map(bytes).sum();
        assert!(kept <= WAITING_BYTES_MAX + EVENT_BYTES, "{kept}");
    }

    #[test]
    fn what_is_read_makes_room() {
        let (watcher, mut seen) = watch(|_| false);
        for _ in 0..10_000 {
            watcher.show(line("x"));
            assert!(!is_cut(&seen.try_next().unwrap()));
        }
        assert!(seen.try_next().is_err());
    }
}
