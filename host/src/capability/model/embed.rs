//! Vectors of texts, as OpenAI's API has them, and many servers.

use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::openai::Usage;
use super::retry::Failure;
use super::stream::malformed;
use crate::capability::http::ReceivedBody;
use crate::policy::model::Offered;

/// Where vectors are asked for.
pub(super) const PATH: &str = "/embeddings";
/// Numbers of one vector.
const NUMBERS_MAX: usize = 16_384;

/// The request to `offered`.
pub(super) fn body(texts: &[String], offered: &Offered) -> Value {
    json!({"model": offered.model.name, "input": texts, "encoding_format": "float"})
}

#[derive(Deserialize)]
struct Made {
    data: Vec<Vector>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

/// One vector for each of `count` texts, in their order, and what the provider says of tokens.
pub(super) async fn read(body: ReceivedBody, count: usize) -> Result<(Vec<Vec<f32>>, Option<u64>), Failure> {
    let bytes = body.collect().await.map_err(Failure::of_fault)?.to_bytes();
    let Made { mut data, usage } = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    data.sort_by_key(|vector| vector.index);
    let length = data.first().map_or(0, |vector| vector.embedding.len());
    let fits = |(nth, vector): (usize, &Vector)| {
        let numbers = &vector.embedding;
        vector.index == nth && numbers.len() == length && numbers.iter().all(|number| number.is_finite())
    };
    if data.len() != count || !(1..=NUMBERS_MAX).contains(&length) || !data.iter().enumerate().all(fits) {
        return Err(malformed());
    }
    let tokens = usage.and_then(|usage| usage.prompt_tokens).and_then(|count| count.as_u64());
    Ok((data.into_iter().map(|vector| vector.embedding).collect(), tokens))
}
