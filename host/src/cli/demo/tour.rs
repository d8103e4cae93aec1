//! How the tour is told: numbered steps, each with what was really seen, and whether it held.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::failure::explain;
use crate::cli::progress::Progress;
use crate::cli::style::{BAD, GOOD, QUIET, STRONG, mark, paint, plain};
use crate::cli::{Failure, Output, Result, words};

/// Columns of a line of the tour.
const WIDTH: usize = 100;

/// The tour, as it goes on.
#[derive(Debug)]
pub(super) struct Tour {
    output: Output,
    steps: usize,
    failed: Vec<usize>,
    begun: Instant,
}

/// What a step shows.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<String>);

/// A step, for programs.
#[derive(Debug, Serialize)]
struct Step<'a> {
    step: usize,
    title: &'a str,
    held: bool,
    seen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a crate::cli::failure::Said>,
}

/// The end, for programs.
#[derive(Debug, Serialize)]
struct End<'a> {
    held: bool,
    steps: usize,
    failed: &'a [usize],
}

impl Seen {
    /// A command line as it would be typed.
    pub(super) fn command(&mut self, line: impl std::fmt::Display) {
        self.0.push(paint(QUIET, format_args!("$ cofferdam {line}")));
    }

    /// Lines of output, as they came.
    pub(super) fn text(&mut self, text: &str) {
        self.0.extend(plain(text).lines().map(str::to_owned));
    }

    /// Lines of this program's own, styled.
    pub(super) fn styled(&mut self, text: &str) {
        self.0.extend(text.lines().map(str::to_owned));
    }

    /// A remark.
    pub(super) fn note(&mut self, text: impl std::fmt::Display) {
        self.0.push(paint(QUIET, text));
    }
}

/// What a step has to show, or the tour did not hold.
pub(super) fn ensure(held: bool, expected: impl FnOnce() -> String) -> Result<()> {
    if held { Ok(()) } else { Err(Failure::failed("step-failed", expected())) }
}

impl Tour {
    pub(super) fn new(output: Output) -> Self {
        Self { output, steps: 0, failed: Vec::new(), begun: Instant::now() }
    }

    /// What this is.
    pub(super) fn title(&self) -> Result<()> {
        if self.output.json() {
            return Ok(());
        }
        let title = paint(STRONG, format_args!("Cofferdam {}", env!("CARGO_PKG_VERSION")));
        self.output.say(&format!("\n{title}: a tour of a real host. Everything below happens as it is shown.\n"))
    }

    /// A heading over the steps that follow.
    pub(super) fn chapter(&self, title: &str) -> Result<()> {
        if self.output.json() {
            return Ok(());
        }
        self.output.say(&format!("\n{}\n", paint(STRONG, title)))
    }

    /// Takes a step. One that does not hold is told, and the tour goes on.
    pub(super) fn step(&mut self, title: &str, take: impl FnOnce(&mut Seen) -> Result<()>) -> Result<()> {
        self.steps += 1;
        let (mut seen, begun) = (Seen::default(), Instant::now());
        let taken = {
            let _progress = Progress::spinner(title);
            take(&mut seen)
        };
        let failure = match &taken {
            Ok(()) => None,
            Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
            Err(failure) => failure.said(),
        };
        if failure.is_some() {
            self.failed.push(self.steps);
        }
        self.output.line(
            &Step {
                step: self.steps,
                title,
                held: failure.is_none(),
                seen: seen.0.iter().map(|line| anstream::adapter::strip_str(line).collect()).collect(),
                failure,
            },
            |step| told(step, &seen.0, begun.elapsed()),
        )
    }

    /// Whether every step held.
    pub(super) fn end(&self) -> Result<bool> {
        let held = self.failed.is_empty();
        let end = End { held, steps: self.steps, failed: &self.failed };
        self.output.line(&end, |_| {
            let took = words::span(self.begun.elapsed());
            let verdict = match self.failed.len() {
                0 => paint(GOOD, format_args!("all {} steps held", self.steps)),
                failed => paint(BAD, format_args!("{failed} of {} steps did not hold", self.steps)),
            };
            format!("\n{} {verdict} {}\n", mark(held), paint(QUIET, format_args!("in {took}")))
        })?;
        Ok(held)
    }
}

/// A step for people: its mark, number and title, then what was seen.
fn told(step: &Step<'_>, seen: &[String], took: Duration) -> String {
    let title = format!(" {} {:>2}  {}", mark(step.held), step.step, paint(STRONG, step.title));
    let took = words::span(took);
    let shown = anstream::adapter::strip_str(&title).map(|text| text.chars().count()).sum::<usize>();
    let gap = " ".repeat(WIDTH.saturating_sub(shown + took.chars().count()).max(1));
    let mut text = format!("{title}{gap}{}\n", paint(QUIET, took));
    for line in seen {
        text += &format!("       {line}\n");
    }
    if let Some(failure) = step.failure {
        text += &explain(failure).lines().map(|line| format!("       {line}\n")).collect::<String>();
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::cli::style::framed;

    #[test]
    fn a_step_is_told_with_what_was_seen() {
        let failure = Failure::failed("step-failed", "3 words were expected");
        let step =
            Step { step: 7, title: "An agent counts words", held: false, seen: Vec::new(), failure: failure.said() };
        let mut seen = Seen::default();
        seen.command("call catalogue/text.count text='a b'");
        seen.text("{\n  \"words\": 2\u{1b}[2J\n}");
        let text = told(&step, &seen.0, Duration::from_micros(812));
        expect![[r#"
            | ✗  7  An agent counts words                                                                  812 µs
            |       $ cofferdam call catalogue/text.count text='a b'
            |       {
            |         "words": 2\u{1b}[2J
            |       }
            |       error: 3 words were expected [step-failed]
        "#]]
        .assert_eq(&framed(&text));
    }

    #[test]
    fn a_step_that_does_not_hold_is_kept_and_the_tour_goes_on() {
        let mut tour = Tour::new(Output::new(true));
        tour.step("one", |_| Ok(())).unwrap();
        tour.step("two", |_| ensure(false, || "x".to_owned())).unwrap();
        tour.step("three", |_| Ok(())).unwrap();
        assert_eq!((tour.steps, tour.failed.as_slice(), tour.end().unwrap()), (3, [2].as_slice(), false));
    }
}
