//! What the host answers to one call: recorded while the call runs, given again when it is replayed.
//!
//! What a guest sees follows from its call's arguments, policy, limits, id and frozen time, and from answers of the
//! host. Each answer that does not follow from the former passes here as plain data, whichever capability gives it; each
//! belongs to a question, of which a digest is recorded, so that a replay that asks something else is found at once. In
//! a replay nothing is asked but the tape: the world is not there.
//!
//! Answers stand in lines. What a guest waits for stands in the call's own; a stream or an exchange has one of its own,
//! because what it does meanwhile has no order among others.

mod recording;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

pub use self::recording::{RECORDING_BYTES_MAX, Recording};

use self::recording::{Event, Player, Recorder};
use super::effects::Stop;

/// Where a replay left the way that the call had gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// The host call of this number, counted from 1, is another one.
    HostCall {
        /// Its number.
        number: u64,
        /// What it was.
        was: String,
        /// What it is.
        is: String,
    },
    /// What the call saw from here on is not known, so that nothing can be said.
    Unknown(String),
}

/// One call's tape.
pub struct Tape {
    mode: Mode,
    departure: Mutex<Option<Departure>>,
    /// A request's body was given up by whoever was to take it: the guest may see when.
    body_given_up: AtomicBool,
    /// What goes on beside a replay.
    attendants: Mutex<Vec<AbortOnDropHandle<()>>>,
}

enum Mode {
    Recording(Mutex<Recorder>),
    Replaying(Mutex<Player>),
    /// A replay of a call that nothing was recorded of: it goes on for as long as nothing is asked.
    Bare,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match &self.mode {
            Mode::Recording(_) => "recording",
            Mode::Replaying(_) => "replaying",
            Mode::Bare => "bare",
        };
        f.debug_struct("Tape").field("mode", &mode).finish_non_exhaustive()
    }
}

impl Tape {
    fn new(mode: Mode) -> Arc<Self> {
        let body_given_up = AtomicBool::new(false);
        Arc::new(Self { mode, departure: Mutex::default(), body_given_up, attendants: Mutex::default() })
    }

    /// For a call that is to be recorded.
    pub fn recording() -> Arc<Self> {
        Self::new(Mode::Recording(Mutex::default()))
    }

    /// For a replay, with what was recorded of the call, where something was.
    pub fn replaying(recording: Option<Recording>) -> Arc<Self> {
        Self::new(recording.map_or(Mode::Bare, |recording| Mode::Replaying(Mutex::new(Player::new(recording)))))
    }

    /// Whether nothing may be asked of the world.
    pub fn is_replay(&self) -> bool {
        !matches!(self.mode, Mode::Recording(_))
    }

    /// Whether nothing was recorded of the call that is replayed.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.mode, Mode::Bare)
    }

    /// What was recorded; nothing is from here on.
    pub fn recorded(&self) -> Option<Recording> {
        match &self.mode {
            Mode::Recording(recorder) => Some(std::mem::take(&mut *recorder.lock()).finish()),
            Mode::Replaying(_) | Mode::Bare => None,
        }
    }

    /// Waits for what goes on beside a replay whose store is gone.
    pub async fn settle(&self) {
        let attendants = std::mem::take(&mut *self.attendants.lock());
        for attendant in attendants {
            // One that broke down has compared nothing.
            let _ = attendant.await;
        }
    }

    /// Where the replay, which has ended, first left the call's way. `whole`: it came to its own end, so that all of the
    /// call's answers should have been asked for.
    pub fn departure(&self, whole: bool) -> Option<Departure> {
        if let Some(departure) = self.departure.lock().clone() {
            return Some(departure);
        }
        let Mode::Replaying(player) = &self.mode else { return None };
        let (number, was) = player.lock().left().filter(|_| whole)?;
        Some(Departure::HostCall { number, was, is: "the call's end".to_owned() })
    }

    /// The call's own line.
    pub(super) fn main(self: &Arc<Self>) -> Line {
        Line { tape: Arc::clone(self), number: 0 }
    }

    /// A further line. The lines of a replay have the numbers that they had in the call: both are made in one order.
    pub(super) fn line(self: &Arc<Self>) -> Line {
        let number = match &self.mode {
            Mode::Recording(recorder) => recorder.lock().line(),
            Mode::Replaying(player) => player.lock().line(),
            Mode::Bare => 0,
        };
        Line { tape: Arc::clone(self), number }
    }

    /// The guest sees something that could not be given again: the recording is of no use, or the replay ends here.
    pub(super) fn spoil(&self, why: &str) {
        match &self.mode {
            Mode::Recording(recorder) => recorder.lock().spoil(why),
            Mode::Replaying(_) | Mode::Bare => self.depart(Departure::Unknown(why.to_owned())),
        }
    }

    pub(super) fn attend(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.attendants.lock().push(AbortOnDropHandle::new(tokio::spawn(work)));
    }

    pub(super) fn give_body_up(&self) {
        self.body_given_up.store(true, Ordering::Release);
    }

    pub(super) fn is_body_given_up(&self) -> bool {
        self.body_given_up.load(Ordering::Acquire)
    }

    fn depart(&self, departure: Departure) {
        self.departure.lock().get_or_insert(departure);
    }
}

/// Questions and answers in order.
#[derive(Debug, Clone)]
pub struct Line {
    tape: Arc<Tape>,
    number: u32,
}

impl Line {
    pub(super) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// A question, before it is asked.
    pub(super) fn question(&self, name: &'static str, about: &impl Serialize) -> Question {
        // Every part of a question is plain data: that cannot fail.
        let spelt = postcard::to_allocvec(about).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(spelt).into();
        Question { line: self.clone(), name, digest }
    }

    /// Puts something on the tape that no guest waits for.
    pub(super) fn note(&self, name: &'static str, what: &impl Serialize) {
        self.question(name, &()).note(what);
    }

    /// What [`Line::note`] put there, in a replay, and its number; nothing where it was not known in time.
    pub(super) fn find<A: DeserializeOwned>(&self, name: &'static str) -> Option<(u64, A)> {
        let Mode::Replaying(player) = &self.tape.mode else { return None };
        let (number, answer) = player.lock().next(self.number, name, &self.question(name, &()).digest).ok()?;
        Some((number, postcard::from_bytes(&answer).ok()?))
    }

    /// What the replay did there is not what the call did.
    pub(super) fn differs(&self, number: u64, name: &str) {
        let is = format!("{name} of something else");
        self.tape.depart(Departure::HostCall { number, was: name.to_owned(), is });
    }
}

/// The line's question, where there is a line: nothing is computed for a call that has no tape.
pub(super) fn question(line: Option<&Line>, name: &'static str, about: &impl Serialize) -> Option<Question> {
    line.map(|line| line.question(name, about))
}

/// Something that is asked of the host.
#[derive(Debug)]
pub(super) struct Question {
    line: Line,
    name: &'static str,
    digest: [u8; 32],
}

impl Question {
    /// What is told of it in a replay; nothing where it has to be asked.
    pub(super) fn told<A: DeserializeOwned>(&self) -> Result<Option<A>, Stop> {
        let tape = &self.line.tape;
        let departure = match &tape.mode {
            Mode::Recording(_) => return Ok(None),
            Mode::Bare => Departure::Unknown(format!("it used {}, and no host answers were recorded", self.name)),
            // After a departure nothing that follows would mean anything.
            Mode::Replaying(_) if tape.departure.lock().is_some() => return Err(Stop::Replay),
            Mode::Replaying(player) => {
                let next = player.lock().next(self.line.number, self.name, &self.digest);
                match next.map(|(_, answer)| postcard::from_bytes(&answer)) {
                    Ok(Ok(answer)) => return Ok(Some(answer)),
                    Ok(Err(_)) => Departure::Unknown("the recording is of another version of this host".to_owned()),
                    Err(departure) => departure,
                }
            }
        };
        tape.depart(departure);
        Err(Stop::Replay)
    }

    /// Remembers what was answered, where the call is recorded.
    pub(super) fn note(self, answer: &impl Serialize) {
        let Mode::Recording(recorder) = &self.line.tape.mode else { return };
        let mut recorder = recorder.lock();
        match postcard::to_allocvec(answer) {
            Ok(answer) => {
                let (line, name, question) = (self.line.number, self.name.to_owned(), self.digest);
                recorder.push(Event { line, name, question, answer });
            }
            Err(_) => recorder.spoil("the call was stopped by the host"),
        }
    }
}

/// Answers a question from the tape, or has `answering` do it and remembers what it said.
pub(super) async fn ask<T, E>(question: Option<Question>, answering: impl Future<Output = Result<T, E>>) -> Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned + From<Stop>,
{
    let Some(question) = question else { return answering.await };
    if let Some(told) = question.told::<Result<T, E>>()? {
        return told;
    }
    let answer = answering.await;
    question.note(&answer);
    answer
}

/// The same, where nothing is waited for and nothing can fail.
pub(super) fn ask_now<T>(question: Option<Question>, answering: impl FnOnce() -> T) -> Result<T, Stop>
where
    T: Serialize + DeserializeOwned,
{
    let Some(question) = question else { return Ok(answering()) };
    if let Some(told) = question.told()? {
        return Ok(told);
    }
    let answer = answering();
    question.note(&answer);
    Ok(answer)
}
