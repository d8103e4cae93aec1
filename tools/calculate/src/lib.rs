//! `catalogue/calculate`: exact arithmetic with units, in the language of [fend](https://printfn.github.io/fend/documentation/).
//!
//! It needs no grant. The same expression always gives the same answer: there are no dice, no clock and no exchange rates,
//! and the work is bounded by steps ([`STEPS_MAX`]), not by time.

use std::sync::atomic::{AtomicU64, Ordering};

use cofferdam_sdk::{Error, tool, tools};
use fend_core::{Context, FendResult, Interrupt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An expression, in bytes. The parser recurses, and a stack is finite.
pub const EXPRESSION_BYTES_MAX: usize = 1 << 10;
/// Steps of one evaluation, as fend counts them: `10000!` takes about a tenth of this.
pub const STEPS_MAX: u64 = 1_000_000;
/// A result, in bytes: a number can have more digits than anyone reads.
pub const RESULT_BYTES_MAX: usize = 64 << 10;

/// What to calculate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The expression, at most 1,024 bytes. Numbers are exact fractions of any size: `1/3 + 1/6`, `2^200`, `0xff to
    /// decimal`. Functions: `sqrt`, `ln`, `log10`, `sin` (of radians, or `sin(30 degrees)`), `abs`, `floor`, `10!`,
    /// `5 choose 2`. Units convert with `to`: `5 feet 3 inches to cm`, `60 mph to km/h`, `20 °C to °F`. A divisor with a
    /// unit goes into parentheses: `3 GiB / (20 megabit/s) to minutes`. Percentages: `15% of 80`. Dates: `@2026-03-01 + 45
    /// days`. Rounding: `pi to 5 dp`, `1/7 to 3 sf`. Several statements: `a = 3 kg; a * 2`. There are no currencies and
    /// nothing random.
    #[schemars(length(min = 1, max = 1024))]
    pub expression: String,
}

/// What an expression comes to.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Calculated {
    /// The value, with its unit. It begins with `approx.` where it is rounded, and is exact otherwise.
    pub result: String,
    /// Whether the result is exact.
    pub is_exact: bool,
}

/// Calculate an expression: exact arithmetic, functions, units and their conversion, percentages, dates. Use it instead of
/// calculating by yourself.
#[tool(read_only, idempotent, title = "Calculate")]
pub fn calculate(args: Args) -> Result<Calculated, Error> {
    let expression = args.expression.trim();
    if expression.is_empty() || expression.len() > EXPRESSION_BYTES_MAX {
        let bytes = expression.len();
        let rule = format!("`expression` has {bytes} bytes; it needs 1 to {EXPRESSION_BYTES_MAX}");
        return Err(Error::invalid_arguments(rule));
    }
    let steps = Steps::default();
    let result = fend_core::evaluate_with_interrupt(expression, &mut context(), &steps);
    if steps.are_used_up() {
        return Err(Error::failed(format!(
            "the expression takes more than {STEPS_MAX} steps: make its numbers smaller, or calculate it in parts"
        )));
    }
    answer(&result.map_err(Error::failed)?)
}

fn answer(result: &FendResult) -> Result<Calculated, Error> {
    let text = result.get_main_result();
    if result.output_is_empty() || text.is_empty() {
        return Err(Error::failed("the expression has no value: end it with what is to be calculated"));
    }
    if text.len() > RESULT_BYTES_MAX {
        let bytes = text.len();
        return Err(Error::failed(format!(
            "the result has {bytes} characters; the limit is {RESULT_BYTES_MAX}: round it, such as `to 10 sf`"
        )));
    }
    Ok(Calculated { result: text.to_owned(), is_exact: !text.starts_with("approx.") })
}

/// Without what differs from call to call.
fn context() -> Context {
    let mut context = Context::new();
    context.disable_rng();
    context
}

/// Counts steps, and stops an evaluation that takes too many.
#[derive(Debug, Default)]
struct Steps(AtomicU64);

impl Steps {
    fn are_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) > STEPS_MAX
    }
}

impl Interrupt for Steps {
    fn should_interrupt(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= STEPS_MAX
    }
}

tools!(calculate);

#[cfg(test)]
mod tests {
    use cofferdam_sdk::ErrorKind;

    use super::*;

    fn evaluate(expression: &str) -> Result<Calculated, Error> {
        calculate(Args { expression: expression.to_owned() })
    }

    #[track_caller]
    fn is(expression: &str, result: &str) {
        let calculated = evaluate(expression).unwrap();
        assert_eq!(calculated.result, result);
        assert_eq!(calculated.is_exact, !result.starts_with("approx."));
    }

    #[track_caller]
    fn fails(expression: &str, words: &str) {
        let error = evaluate(expression).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.text().contains(words), "{error}");
    }

    #[test]
    fn what_the_arguments_promise_is_so() {
        is("1/3 + 1/6", "0.5");
        is("2^200", "1606938044258990275541962092341162602522202993782792835301376");
        is("0xff to decimal", "255");
        is("sin(30 degrees)", "0.5");
        is("10! / 5! - (5 choose 2)", "30230");
        is("5 feet 3 inches to cm", "160.02 cm");
        is("60 mph to km/h", "96.56064 km / h");
        is("3 GiB / (20 megabit/s) to minutes", "21.47483648 minutes");
        is("20 °C to °F", "68 °F");
        is("15% of 80", "12");
        is("@2026-03-01 + 45 days", "Wednesday, 15 April 2026");
        is("pi to 5 dp", "approx. 3.14159");
        is("1/7 to 3 sf", "approx. 0.143");
        is("a = 3 kg; a * 2", "6 kg");
    }

    #[test]
    fn what_differs_from_call_to_call_is_not_there() {
        fails("roll d6", "random");
        fails("5 USD to EUR", "exchange rates");
        fails("today", "current date");
    }

    #[test]
    fn what_would_not_end_is_stopped_by_steps() {
        fails("9^9^9^9", "steps");
        fails("100000!", "steps");
        fails("2^200000 * 3^200000", "steps");
    }

    #[test]
    fn a_mistake_is_explained() {
        fails("1 +", "unexpected");
        fails("5 kg to m", "incompatible");
        fails("1/0", "zero");
    }

    #[test]
    fn at_the_limit_an_expression_is_read_and_past_it_refused() {
        // Unoptimised, the deepest expression takes more than the stack that the tests' threads have.
        let deepest = || is(&format!("1{}", "+1".repeat((EXPRESSION_BYTES_MAX - 1) / 2)), "512");
        std::thread::Builder::new().stack_size(64 << 20).spawn(deepest).unwrap().join().unwrap();
        for refused in [" ".to_owned(), "1".repeat(EXPRESSION_BYTES_MAX + 1)] {
            assert_eq!(evaluate(&refused).unwrap_err().kind(), ErrorKind::InvalidArguments);
        }
    }
}
