//! How much goes on at once at a place elsewhere that calls wait for: as much as that bears.
//!
//! Nobody says how much that is; it follows from how long answers take. While they take as long as they usually do, more
//! may go on at once; where they take much longer, fewer, and fewer still where none come. What is too much waits here, in
//! the order in which it came, and not there. Each place has a limit of its own, because latencies differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At once, before anything is known.
const FIRST: usize = 16;
/// At once, whatever comes of it: what fails has to be tried to be seen to work again, and one alone could hang.
const LEAST: usize = 2;
/// Answers that take so many times as long as usual are still in good time.
const TOLERANCE: f64 = 1.5;
/// Seconds without an answer that are long where nothing is known of how long they take.
const LATE: f64 = 0.1;
/// The part that is left when an answer does not come.
const BACK_OFF: f64 = 0.7;
/// How much of the way to a better limit one answer goes.
const STEP: f64 = 0.2;
/// Answers that "lately" is about, and those that "usually" is about.
const LATELY: f64 = 8.0;
const USUALLY: f64 = 512.0;

/// A place that calls wait for.
#[derive(Debug)]
pub struct Downstream {
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Slots that there are, taken or free.
    slots: usize,
    /// Slots that are taken and will not be free again: the limit fell while they were.
    owed: usize,
    /// When an answer that did not come last lowered the limit.
    lowered: Option<Instant>,
}

/// The right to one request there. Dropped before its answer began, the request was given up.
#[derive(Debug)]
pub struct Slot {
    place: Arc<Downstream>,
    permit: Option<OwnedSemaphorePermit>,
    /// When the request went out, as long as nothing is known of its answer.
    sent: Option<Instant>,
}

impl Downstream {
    /// A place where never more than `most` go on at once.
    pub fn new(most: usize) -> Self {
        let pace = Pace::new(most);
        let slots = pace.limit();
        Self { room: Arc::new(Semaphore::new(slots)), state: Mutex::new(State { pace, slots, owed: 0, lowered: None }) }
    }

    /// How many may go on at once at present.
    pub fn limit(&self) -> usize {
        self.state.lock().slots
    }

    /// Waits for a turn. Dropping the future leaves the line.
    pub async fn enter(self: &Arc<Self>) -> Slot {
        // It is never closed; without a permit nothing would be counted, which is what a closed one is about.
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        Slot { place: Arc::clone(self), permit, sent: None }
    }
}

impl State {
    /// Makes as many slots as the pace says.
    fn adjust(&mut self, room: &Semaphore) {
        let wanted = self.pace.limit();
        if let Some(more) = wanted.checked_sub(self.slots) {
            let kept = more.min(self.owed);
            self.owed -= kept;
            room.add_permits(more - kept);
        } else {
            let fewer = self.slots - wanted;
            self.owed += fewer - room.forget_permits(fewer);
        }
        self.slots = wanted;
    }

    fn running(&self, room: &Semaphore) -> usize {
        (self.slots + self.owed).saturating_sub(room.available_permits())
    }
}

impl Slot {
    /// The request goes out now. What it waited for before was not the place's doing.
    pub fn sent(&mut self) {
        self.sent = Some(Instant::now());
    }

    /// The answer began. What still comes of it goes on in the slot.
    pub fn answered(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.answered_after(sent.elapsed());
        }
    }

    fn answered_after(&self, took: Duration) {
        let mut state = self.place.state.lock();
        let running = state.running(&self.place.room);
        state.pace.answered(took, running);
        state.adjust(&self.place.room);
    }

    /// None came, or one that says that it was too much.
    pub fn failed(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.lower(sent);
        }
    }

    /// Nobody waits for it any more. It did not come where it would have by now; how long one waits for it is no fact about
    /// the place, and whoever waits for hardly any time takes no turns from others by that.
    pub fn given_up(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        let is_late = self.place.state.lock().pace.is_late(sent.elapsed());
        if is_late {
            self.lower(sent);
        }
    }

    /// What came of it says nothing of the place.
    pub fn says_nothing(&mut self) {
        self.sent = None;
    }

    fn lower(&self, sent: Instant) {
        let mut state = self.place.state.lock();
        // Those that were there together saw the same: once is enough for them.
        if state.lowered.is_none_or(|lowered| sent >= lowered) {
            state.lowered = Some(Instant::now());
            state.pace.failed();
            state.adjust(&self.place.room);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A call that is stopped at its deadline waits no longer: that is how most see a place that hangs.
        self.given_up();
        let mut state = self.place.state.lock();
        if state.owed > 0
            && let Some(permit) = self.permit.take()
        {
            state.owed -= 1;
            permit.forget();
        }
    }
}

/// How many at once, as plain data.
#[derive(Debug, Clone)]
struct Pace {
    most: f64,
    limit: f64,
    /// Seconds that answers take, on average over a few and over many; nothing before there was one.
    times: Option<(f64, f64)>,
}

impl Pace {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most: most as f64, limit: most.min(FIRST) as f64, times: None }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between one and a count")]
    const fn limit(&self) -> usize {
        self.limit as usize
    }

    fn answered(&mut self, took: Duration, running: usize) {
        let took = took.as_secs_f64().max(1e-6);
        let (mut lately, mut usually) = self.times.unwrap_or((took, took));
        lately += (took - lately) / LATELY;
        usually += (took - usually) / USUALLY;
        if usually > 2.0 * lately {
            // What was slow is not any more: that is soon what is usual.
            usually *= 0.95;
        }
        self.times = Some((lately, usually));
        let slower = (TOLERANCE * usually / lately).clamp(0.5, 1.0);
        // Where few go on, it is not the limit that keeps them few: nothing is known of more.
        if slower >= 1.0 && running * 2 < self.limit() {
            return;
        }
        let better = self.limit * slower + self.limit.sqrt();
        self.set(self.limit + (better - self.limit) * STEP);
    }

    /// Whether an answer that did not come until then takes longer than they do.
    fn is_late(&self, waited: Duration) -> bool {
        waited.as_secs_f64() > self.times.map_or(LATE, |(_, usually)| TOLERANCE * usually)
    }

    fn failed(&mut self) {
        self.set(self.limit * BACK_OFF);
    }

    fn set(&mut self, limit: f64) {
        self.limit = limit.clamp(self.most.min(LEAST as f64), self.most);
    }
}

#[cfg(test)]
mod tests;
