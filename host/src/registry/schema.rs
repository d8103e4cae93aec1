//! What checks values against a tool's schema, with a bound on what that may cost.

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

use super::visits::Visits;

/// A regular expression of a schema, compiled, in bytes.
pub(super) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A compiled schema.
#[derive(Debug)]
pub struct SchemaCheck {
    validator: Validator,
    visits: Visits,
}

impl SchemaCheck {
    /// Compiles `schema`, of 2020-12. Patterns match in linear time, or not at all; nothing is fetched.
    ///
    /// # Errors
    ///
    /// In words that go behind "the schema".
    pub fn of(schema: &Value) -> Result<Self, String> {
        // First what bounds the rest.
        let visits = Visits::of(schema, pattern_bytes)?;
        let mut schema = schema.clone();
        if let Some(keywords) = schema.as_object_mut() {
            // Names for others: with one that is not its own, references would lead elsewhere than they were followed to.
            keywords.remove("$id");
            keywords.remove("$schema");
        }
        let built = build(&schema, PATTERN_BYTES_MAX);
        let validator =
            built.map_err(|error| format!("is not a JSON Schema (2020-12) that stands by itself: {error:.300}"))?;
        Ok(Self { validator, visits })
    }

    /// Whether `value` can be checked in `visits_max` steps, each one schema held to one value.
    pub fn can_check(&self, value: &Value, visits_max: u64) -> bool {
        self.visits.fit(value, visits_max)
    }

    /// Whether `value` is as the schema says. Only to be asked where [`SchemaCheck::can_check`] said yes.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// The first fault of `value`, as for [`SchemaCheck::is_valid`].
    ///
    /// # Errors
    ///
    /// The fault.
    pub fn validate<'a>(&self, value: &'a Value) -> Result<(), ValidationError<'a>> {
        self.validator.validate(value)
    }

    /// The faults of `value`, as for [`SchemaCheck::is_valid`].
    pub fn faults<'a>(&'a self, value: &'a Value) -> impl Iterator<Item = ValidationError<'a>> {
        self.validator.iter_errors(value)
    }
}

fn build(schema: &Value, pattern_bytes: usize) -> Result<Validator, ValidationError<'static>> {
    let patterns = PatternOptions::regex().size_limit(pattern_bytes).dfa_size_limit(PATTERN_BYTES_MAX);
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.offline().with_pattern_options(patterns).build(schema)
}

/// How large a pattern is once it is compiled, to a factor of four.
fn pattern_bytes(pattern: &str) -> u64 {
    let alone = json!({"pattern": pattern});
    let sizes = std::iter::successors(Some(16 << 10), |size| Some(size * 4));
    let mut smaller = sizes.take_while(|size| *size < PATTERN_BYTES_MAX);
    smaller.find(|size| build(&alone, *size).is_ok()).unwrap_or(PATTERN_BYTES_MAX) as u64
}
