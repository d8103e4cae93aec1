//! Standard streams and arguments of a tool that is a program: what it is started with, and what it prints as its answer.
//!
//! Every other tool has an empty standard input and no arguments, and prints to its log. What a program prints is its
//! answer and no effect: nobody sees it before the call's outcome is durable.

mod bind;
mod bind3;

pub(super) use self::bind::{StdioView, add_to_linker};
pub(super) use self::bind3::add_to_linker as add_to_linker_3;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::effects::Stop;
use super::log::{LogCall, Printer, Standard};

/// What a program is started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Its arguments, the first of which is its own name.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: Bytes,
}

/// A program: what it is started with, and where it prints to.
#[derive(Debug)]
pub struct Program {
    pub(super) start: Start,
    printed: Arc<Printed>,
}

/// What a program printed so far; both streams together are bounded.
#[derive(Debug)]
pub struct Printed {
    bytes_max: u64,
    streams: Mutex<[Vec<u8>; 2]>,
}

impl Program {
    /// One that prints at most `bytes_max`, the limit `result_bytes`.
    pub fn new(start: Start, bytes_max: u64) -> Self {
        Self { start, printed: Arc::new(Printed { bytes_max, streams: Mutex::default() }) }
    }

    /// Where it prints to.
    pub fn printed(&self) -> &Arc<Printed> {
        &self.printed
    }
}

impl Printed {
    /// Takes what is printed to a stream.
    ///
    /// # Errors
    ///
    /// [`Stop::LimitExceeded`]: more than the answer may have.
    pub fn print(&self, standard: Standard, bytes: &[u8]) -> Result<(), Stop> {
        let mut streams = self.streams.lock();
        let all = streams.iter().map(Vec::len).sum::<usize>().saturating_add(bytes.len());
        if all as u64 > self.bytes_max {
            return Err(Stop::LimitExceeded { which: "result_bytes", limit: self.bytes_max });
        }
        streams[standard as usize].extend_from_slice(bytes);
        Ok(())
    }

    /// Standard output and standard error; both are empty from here on.
    pub fn take(&self) -> [Vec<u8>; 2] {
        std::mem::take(&mut self.streams.lock())
    }
}

/// Where a guest prints one of its standard streams to.
#[derive(Debug)]
pub(super) enum Sink {
    /// To the call's log.
    Log(Printer),
    /// Into the call's answer.
    Answer(Arc<Printed>, Standard),
}

impl Sink {
    /// Of a tool that is a program into its answer, of any other to its log.
    pub(super) fn of(program: Option<&Program>, log: &LogCall, standard: Standard) -> Self {
        match program {
            Some(program) => Self::Answer(Arc::clone(program.printed()), standard),
            None => Self::Log(log.standard(standard)),
        }
    }

    /// Whether somebody sees what is printed while the call runs, so that it has to wait for the decision.
    pub(super) fn is_seen(&self) -> bool {
        match self {
            Self::Log(printer) => printer.is_kept(),
            Self::Answer(..) => false,
        }
    }

    /// Waits until the guest may print.
    pub(super) async fn ready(&self) -> Result<(), Stop> {
        match self {
            Self::Log(printer) => printer.ready().await,
            Self::Answer(..) => Ok(()),
        }
    }

    /// Takes what is printed.
    pub(super) fn print(&self, bytes: &[u8]) -> Result<(), Stop> {
        match self {
            Self::Log(printer) => {
                printer.print(bytes);
                Ok(())
            }
            Self::Answer(printed, standard) => printed.print(*standard, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_together_take_as_much_as_the_limit_and_not_a_byte_more() {
        let program = Program::new(Start::default(), 6);
        let printed = program.printed();
        printed.print(Standard::Output, b"abc").unwrap();
        printed.print(Standard::Error, b"de").unwrap();
        assert!(printed.print(Standard::Output, b"fg").is_err());
        printed.print(Standard::Output, b"f").unwrap();
        assert!(matches!(
            printed.print(Standard::Error, b"g"),
            Err(Stop::LimitExceeded { which: "result_bytes", limit: 6 })
        ));
        assert_eq!(printed.take(), [b"abcf".to_vec(), b"de".to_vec()]);
    }
}
