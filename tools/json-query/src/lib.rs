//! `catalogue/json-query`: queries a JSON document in the [jq](https://jqlang.org/manual/) language, by
//! [jaq](https://github.com/01mf02/jaq).
//!
//! It needs no grant. Of jq's language it has all that concerns one document; there are no modules, no further inputs and
//! no environment. A query that does not end is ended by the call's fuel, one that gives without end by `results_max`.

mod number;
mod query;

use cofferdam_sdk::{Error, tool, tools};
use jaq_json::Val;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A query, in bytes. The parser recurses, and a stack is finite.
pub const QUERY_BYTES_MAX: usize = 4 << 10;
/// Results in one answer.
pub const RESULTS_MAX: usize = 1_000;
/// All results of one answer together, in bytes of JSON text.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What to ask, and of what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The document: any JSON value, as it is, not as text in a string.
    #[schemars(with = "Value")]
    pub document: Val,
    /// The query, in jq's language, at most 4,096 bytes. Examples: `.items[] | select(.price > 10) | .name`,
    /// `group_by(.kind) | map({kind: .[0].kind, count: length})`, `[paths(type == "number")]`.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// How many results to give at most, 1 to 1,000.
    #[serde(default = "results_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub results_max: usize,
}

fn results_max() -> usize {
    100
}

/// What a query gave.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Results {
    /// The results, in their order: a query that gives one value has one.
    #[schemars(with = "Vec<Value>")]
    pub results: Vec<Box<RawValue>>,
    /// Whether there are more: the limit of results, or of 1 MiB of JSON text, was reached.
    pub is_cut: bool,
}

/// Query or reshape a JSON document in the jq language: select, filter, group, count, sort, convert. Numbers beyond 64 bits
/// lose digits.
#[tool(read_only, idempotent, title = "Query JSON")]
pub fn json_query(args: Args) -> Result<Results, Error> {
    let Args { document, query, results_max } = args;
    if !(1..=RESULTS_MAX).contains(&results_max) {
        return Err(Error::invalid_arguments(format!("`results_max` is {results_max}; it is 1 to {RESULTS_MAX}")));
    }
    if query.len() > QUERY_BYTES_MAX {
        let rule = format!("`query` has {} bytes; the limit is {QUERY_BYTES_MAX}", query.len());
        return Err(Error::invalid_arguments(rule));
    }
    let mut answer = Results { results: Vec::new(), is_cut: false };
    let mut bytes = 0;
    query::run(&query, document, |result| {
        let json = number::to_json(&result)?;
        bytes += json.get().len();
        answer.is_cut = answer.results.len() == results_max || bytes > ANSWER_BYTES_MAX;
        if !answer.is_cut {
            answer.results.push(json);
        }
        Ok(!answer.is_cut)
    })?;
    Ok(answer)
}

tools!(json_query);

#[cfg(test)]
mod tests;
