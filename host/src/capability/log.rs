//! What a guest logs and prints, as lines for whoever watches the call: bounded, by level, and only once the decision
//! is durable, because the agent sees them while the tool runs.
//!
//! Without a grant everything goes nowhere, at no cost. Standard output counts as `info`, standard error as `warn`.

mod bind;

pub use self::bind::{LogView, add_to_linker};

use std::sync::Arc;

use parking_lot::Mutex;

use super::effects::{Effects, GuestEvent, Stop};
use crate::limits::CallLimits;
use crate::policy::{Grant, LogLevel};

/// A line; what is longer becomes several.
pub const LINE_BYTES_MAX: usize = 8 << 10;

/// What a guest says of where a line comes from; what is longer is cut.
pub const CONTEXT_BYTES_MAX: usize = 256;

/// A standard stream of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// `stdout`
    Output,
    /// `stderr`
    Error,
}

impl Standard {
    const fn level(self) -> LogLevel {
        match self {
            Self::Output => LogLevel::Info,
            Self::Error => LogLevel::Warn,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Output => "stdout",
            Self::Error => "stderr",
        }
    }
}

/// One call's log.
#[derive(Debug)]
pub struct LogCall(Option<Arc<Keeper>>);

/// The lines that are kept.
#[derive(Debug)]
struct Keeper {
    effects: Arc<Effects>,
    least: LogLevel,
    bytes_max: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: u64,
    /// The limit was reached: nothing is kept any more.
    cut: bool,
    /// What was printed behind the last line's end, by stream.
    begun: [Vec<u8>; 2],
}

impl LogCall {
    /// Keeps lines of the grant's level and above, `limits.log_bytes` of them together.
    pub fn new(grant: Option<&Grant<LogLevel>>, limits: &CallLimits, effects: Arc<Effects>) -> Self {
        Self(grant.map(|least| {
            let bytes_max = limits.log_bytes;
            Arc::new(Keeper { effects, least: **least, bytes_max, kept: Mutex::default() })
        }))
    }

    /// Logs a message.
    ///
    /// # Errors
    ///
    /// [`Stop::AuditUnavailable`]: the interface has no error, so the call ends.
    pub async fn log(&self, level: LogLevel, mut context: String, message: &str) -> Result<(), Stop> {
        let Some(keeper) = self.0.as_ref().filter(|keeper| keeper.keeps(level)) else { return Ok(()) };
        keeper.effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
        context.truncate(context.floor_char_boundary(CONTEXT_BYTES_MAX));
        let mut kept = keeper.kept.lock();
        let mut rest = message;
        loop {
            let (line, more) = rest.split_at(rest.floor_char_boundary(LINE_BYTES_MAX));
            keeper.keep(&mut kept, level, &context, line);
            if more.is_empty() || kept.cut {
                return Ok(());
            }
            rest = more;
        }
    }

    /// Where the guest prints to.
    pub fn standard(&self, standard: Standard) -> Printer {
        let keeper = self.0.as_ref().filter(|keeper| keeper.keeps(standard.level()));
        Printer { keeper: keeper.cloned(), standard }
    }
}

/// Takes what a guest prints to one of its standard streams. All of a call's go to the same lines.
#[derive(Debug)]
pub struct Printer {
    keeper: Option<Arc<Keeper>>,
    standard: Standard,
}

impl Printer {
    /// Whether what is printed is kept, so that it has to wait for the decision.
    pub fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    /// Waits until the guest may print.
    ///
    /// # Errors
    ///
    /// [`Stop::AuditUnavailable`]
    pub async fn ready(&self) -> Result<(), Stop> {
        match &self.keeper {
            Some(keeper) => keeper.effects.before_effect().await.map_err(Stop::AuditUnavailable),
            None => Ok(()),
        }
    }

    /// Keeps the lines of `bytes`; what is behind the last end of line waits for its own, or for the call's end.
    pub fn print(&self, bytes: &[u8]) {
        let Some(keeper) = &self.keeper else { return };
        let mut kept = keeper.kept.lock();
        let index = self.standard as usize;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let mut rest = text;
            while !kept.cut {
                let room = LINE_BYTES_MAX - kept.begun[index].len();
                let (now, later) = rest.split_at(room.min(rest.len()));
                kept.begun[index].extend_from_slice(now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
                keeper.end_line(&mut kept, self.standard);
            }
            if ends {
                keeper.end_line(&mut kept, self.standard);
            }
        }
    }
}

impl Keeper {
    fn keeps(&self, level: LogLevel) -> bool {
        level >= self.least
    }

    /// What was printed so far is a line.
    fn end_line(&self, kept: &mut Kept, standard: Standard) {
        let mut line = std::mem::take(&mut kept.begun[standard as usize]);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.keep(kept, standard.level(), standard.name(), &String::from_utf8_lossy(&line));
    }

    /// Shows a line, or as much of it as the limit leaves and the marker.
    fn keep(&self, kept: &mut Kept, level: LogLevel, context: &str, line: &str) {
        if kept.cut {
            return;
        }
        // An empty line is not free: it costs whoever watches as much as a short one.
        let bytes = (context.len() + line.len()).max(1) as u64;
        let left = self.bytes_max - kept.bytes;
        let fits = bytes <= left;
        let shown =
            if fits { line.len() } else { usize::try_from(left).unwrap_or(usize::MAX).saturating_sub(context.len()) };
        let shown = &line[..line.floor_char_boundary(shown)];
        if fits || !shown.is_empty() {
            let bytes = ((context.len() + shown.len()).max(1) as u64).min(left);
            kept.bytes += bytes;
            self.effects.add_log_bytes(bytes);
            self.effects.used_log(level);
            self.effects.show(GuestEvent::Log { level, context: context.to_owned(), message: shown.to_owned() });
        }
        if !fits {
            kept.cut = true;
            kept.begun = Default::default();
            self.effects.show(GuestEvent::LogCut { bytes_max: self.bytes_max });
        }
    }
}

impl Drop for Keeper {
    /// What was printed without an end of line is a line too: the call is over.
    fn drop(&mut self) {
        let mut kept = std::mem::take(self.kept.get_mut());
        for standard in [Standard::Output, Standard::Error] {
            if !kept.begun[standard as usize].is_empty() {
                self.end_line(&mut kept, standard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::capability::effects::tests::{Record, recorded};
    use crate::uses::CapabilityUse;

    fn log(least: LogLevel, log_bytes: u64) -> (Arc<Record>, Arc<Effects>, LogCall) {
        let (record, effects) = recorded();
        let limits = CallLimits { log_bytes, ..CallLimits::default() };
        let log = LogCall::new(Some(&Grant::for_test(least)), &limits, Arc::clone(&effects));
        (record, effects, log)
    }

    fn shown(record: &Record) -> Vec<String> {
        let line = |event: &GuestEvent| match event {
            GuestEvent::Log { level, context, message } => format!("{level:?} {context} {message}"),
            other => format!("{other:?}"),
        };
        record.events.lock().iter().map(line).collect()
    }

    #[tokio::test]
    async fn lines_below_the_granted_level_are_not_kept() {
        let (record, effects, log) = log(LogLevel::Info, 1_000);
        log.log(LogLevel::Debug, "a".into(), "no").await.unwrap();
        assert_eq!(record.asked.load(Ordering::Relaxed), 0, "nothing to wait for");
        log.log(LogLevel::Info, "a".into(), "yes").await.unwrap();
        log.log(LogLevel::Critical, "b".into(), "yes").await.unwrap();
        assert_eq!(shown(&record), ["Info a yes", "Critical b yes"]);
        assert_eq!(effects.usage().log_bytes, 8);
        assert_eq!(effects.uses().uses, [CapabilityUse::Log { level: LogLevel::Info }]);
    }

    #[tokio::test]
    async fn without_a_grant_nothing_is_kept_and_nothing_waited_for() {
        let (record, effects) = recorded();
        let log = LogCall::new(None, &CallLimits::default(), effects);
        log.log(LogLevel::Critical, "a".into(), "x").await.unwrap();
        let printer = log.standard(Standard::Output);
        assert!(!printer.is_kept());
        printer.print(b"x\n");
        assert!(record.events.lock().is_empty() && record.asked.load(Ordering::Relaxed) == 0);
    }

    #[tokio::test]
    async fn at_the_limit_all_is_kept_and_past_it_there_is_a_marker_once() {
        let (record, _, exact) = log(LogLevel::Trace, 10);
        exact.log(LogLevel::Info, "c".into(), "123456789").await.unwrap();
        assert_eq!(shown(&record), ["Info c 123456789"]);
        exact.log(LogLevel::Info, String::new(), "").await.unwrap();
        exact.log(LogLevel::Info, "c".into(), "more").await.unwrap();
        assert_eq!(shown(&record), ["Info c 123456789", "LogCut { bytes_max: 10 }"]);

        let (record, effects, past) = log(LogLevel::Trace, 10);
        // Cut between characters.
        past.log(LogLevel::Info, "c".into(), "12345678ä").await.unwrap();
        assert_eq!(shown(&record), ["Info c 12345678", "LogCut { bytes_max: 10 }"]);
        assert!(effects.usage().log_bytes <= 10);
    }

    #[tokio::test]
    async fn what_is_printed_is_shown_line_by_line_and_the_rest_at_the_end() {
        let (record, _, log) = log(LogLevel::Info, 1_000);
        let (out, again, error) =
            (log.standard(Standard::Output), log.standard(Standard::Output), log.standard(Standard::Error));
        assert!(out.is_kept(), "the decision comes first");
        out.ready().await.unwrap();
        out.print(b"one\ntw");
        error.print(b"bad \xff\r\n");
        again.print(b"o\n\nthree");
        drop((out, again, error, log));
        assert_eq!(
            shown(&record),
            ["Info stdout one", "Warn stderr bad \u{fffd}", "Info stdout two", "Info stdout ", "Info stdout three"]
        );
    }

    #[tokio::test]
    async fn a_line_without_end_is_split_and_bounded() {
        let (record, _, log) = log(LogLevel::Info, 20_000);
        let out = log.standard(Standard::Output);
        out.ready().await.unwrap();
        for _ in 0..100 {
            out.print(&[b'x'; 1_000]);
        }
        drop((out, log));
        let lines = shown(&record);
        assert_eq!(lines.len(), 4, "two whole ones, one cut, the marker");
        assert_eq!(lines[0].len(), "Info stdout ".len() + LINE_BYTES_MAX);
        assert!(lines[2].len() < lines[1].len());
    }

    #[tokio::test]
    async fn nothing_is_shown_before_the_decision() {
        let (record, _, log) = log(LogLevel::Info, 100);
        record.failures.store(2, Ordering::Relaxed);
        assert!(log.log(LogLevel::Info, String::new(), "x").await.is_err());
        let out = log.standard(Standard::Output);
        assert!(out.ready().await.is_err());
        drop((out, log));
        assert!(record.events.lock().is_empty());
    }

    #[tokio::test]
    async fn a_message_longer_than_a_line_becomes_several_and_a_context_is_cut() {
        let (record, effects, log) = log(LogLevel::Info, 100_000);
        let message = "y".repeat(LINE_BYTES_MAX);
        log.log(LogLevel::Info, "ä".repeat(CONTEXT_BYTES_MAX), &message).await.unwrap();
        let context = "ä".repeat(CONTEXT_BYTES_MAX / 2);
        assert_eq!(shown(&record), [format!("Info {context} {message}")]);
        assert_eq!(effects.usage().log_bytes as usize, CONTEXT_BYTES_MAX + LINE_BYTES_MAX);
        log.log(LogLevel::Info, "c".into(), &format!("{message}z")).await.unwrap();
        assert_eq!(shown(&record)[1..], [format!("Info c {message}"), "Info c z".to_owned()]);
    }
}
