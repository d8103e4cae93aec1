//! The events of a tape: how they are kept, and found again.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Departure;
use crate::error::{Error, Result};

/// A call's recording, in bytes. Of a call with more nothing is recorded.
pub const RECORDING_BYTES_MAX: usize = 16 << 20;
/// What an event takes beside its name and its answer.
const EVENT_BYTES: usize = 48;
/// How events are spelt. Grows when an answer is spelt in another way.
const VERSION: u8 = 1;

/// A question of a guest, and what the host answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) line: u32,
    pub(super) name: String,
    /// The digest of what was asked.
    pub(super) question: [u8; 32],
    pub(super) answer: Vec<u8>,
}

/// What was recorded of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    events: Vec<Event>,
    /// Why it cannot be replayed.
    spoilt: Option<String>,
}

impl Recording {
    /// The recording that these bytes spell.
    ///
    /// # Errors
    /// When they spell none, or one of another version of the host.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(Error::internal),
            _ => Err(Error::internal("a recording of another version")),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// Never: it is plain data.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![VERSION]).map_err(Error::internal)
    }

    /// Why it cannot be replayed, where it cannot.
    pub fn spoilt(&self) -> Option<&str> {
        self.spoilt.as_deref()
    }

    /// How many answers of the host it holds.
    pub fn host_calls(&self) -> u64 {
        self.events.len() as u64
    }
}

/// Takes events in.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    events: Vec<Event>,
    bytes: usize,
    lines: u32,
    spoilt: Option<String>,
}

impl Recorder {
    pub(super) fn line(&mut self) -> u32 {
        self.lines += 1;
        self.lines
    }

    pub(super) fn push(&mut self, event: Event) {
        if self.spoilt.is_some() {
            return;
        }
        self.bytes += EVENT_BYTES + event.name.len() + event.answer.len();
        if self.bytes > RECORDING_BYTES_MAX {
            let mebibytes = RECORDING_BYTES_MAX >> 20;
            self.spoil(&format!("its host answers are more than {mebibytes} MiB, so they were not kept"));
            return;
        }
        self.events.push(event);
    }

    pub(super) fn spoil(&mut self, why: &str) {
        self.spoilt.get_or_insert_with(|| why.to_owned());
        // Nobody will ask for them.
        self.events = Vec::new();
    }

    pub(super) fn finish(self) -> Recording {
        Recording { events: self.events, spoilt: self.spoilt }
    }
}

/// Gives events again.
#[derive(Debug)]
pub(super) struct Player {
    events: Vec<Event>,
    /// By line, the places of its events that were not asked for yet.
    waiting: HashMap<u32, VecDeque<usize>>,
    lines: u32,
}

impl Player {
    pub(super) fn new(recording: Recording) -> Self {
        let mut waiting: HashMap<u32, VecDeque<usize>> = HashMap::new();
        for (place, event) in recording.events.iter().enumerate() {
            waiting.entry(event.line).or_default().push_back(place);
        }
        Self { events: recording.events, waiting, lines: 0 }
    }

    pub(super) fn line(&mut self) -> u32 {
        self.lines += 1;
        self.lines
    }

    /// The next answer of a line, to the question that it belongs to, and its number.
    pub(super) fn next(&mut self, line: u32, name: &str, question: &[u8; 32]) -> Result<(u64, Vec<u8>), Departure> {
        let Some(place) = self.waiting.get_mut(&line).and_then(VecDeque::pop_front) else {
            let number = self.events.len() as u64 + 1;
            return Err(Departure::HostCall { number, was: "the call's end".to_owned(), is: name.to_owned() });
        };
        let number = place as u64 + 1;
        let Some(event) = self.events.get_mut(place) else {
            return Err(Departure::Unknown("the recording is damaged".to_owned()));
        };
        if event.name != name {
            return Err(Departure::HostCall { number, was: event.name.clone(), is: name.to_owned() });
        }
        if event.question != *question {
            let is = format!("{name} of something else");
            return Err(Departure::HostCall { number, was: name.to_owned(), is });
        }
        Ok((number, std::mem::take(&mut event.answer)))
    }

    /// The first answer of the call's own line that was not asked for: its number and its name.
    pub(super) fn left(&self) -> Option<(u64, String)> {
        let place = *self.waiting.get(&0)?.front()?;
        Some((place as u64 + 1, self.events.get(place)?.name.clone()))
    }
}
