//! Buckets.

use cofferdam_sdk::{Error, Text, kv, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Set {
    bucket: String,
    /// How many keys, one operation each.
    #[serde(default = "one")]
    count: usize,
    /// The key; where there are several, what each begins with.
    #[serde(default)]
    key: String,
    /// Bytes of each key, filled up with `k`.
    #[serde(default)]
    key_bytes: usize,
    /// The value.
    #[serde(default)]
    value: String,
    /// Bytes of each value, filled up with `v`.
    #[serde(default)]
    value_bytes: usize,
}

fn one() -> usize {
    1
}

/// Sets keys, and says at which it failed.
#[tool]
pub(crate) fn kv_set(args: Set) -> Result<Text, Error> {
    let bucket = kv::open(&args.bucket)?;
    let value = format!("{:v<1$}", args.value, args.value_bytes);
    for number in 0..args.count {
        let key = if args.count > 1 { format!("{}{number}", args.key) } else { args.key.clone() };
        let key = format!("{key:k<0$}", args.key_bytes);
        bucket.set(&key, &value).map_err(|error| error.about(format_args!("set {number}")))?;
    }
    Ok(Text(args.count.to_string()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Key {
    bucket: String,
    key: String,
}

/// The value of a key, or `absent`.
#[tool(read_only)]
pub(crate) fn kv_get(args: Key) -> Result<Text, Error> {
    let value = kv::open(&args.bucket)?.get(&args.key)?;
    Ok(Text(value.map_or("absent".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Bucket {
    bucket: String,
}

/// All keys of a bucket, a line each.
#[tool(read_only)]
pub(crate) fn kv_keys(args: Bucket) -> Result<Text, Error> {
    let keys = kv::open(&args.bucket)?.keys().collect::<Result<Vec<_>, _>>()?;
    Ok(Text(keys.join("\n")))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Count {
    bucket: String,
    key: String,
    /// How often.
    times: u64,
}

/// Adds one to a counter, time and again, and gives what it is then.
#[tool]
pub(crate) fn kv_count(args: Count) -> Result<Text, Error> {
    let bucket = kv::open(&args.bucket)?;
    let mut value = 0;
    for time in 0..args.times {
        value = bucket.increment(&args.key, 1).map_err(|error| error.about(format_args!("increment {time}")))?;
    }
    Ok(Text(value.to_string()))
}

/// Adds one to a number as text, by looking at it and replacing it, time and again, and gives what it is then.
#[tool]
pub(crate) fn kv_update(args: Count) -> Result<Text, Error> {
    let bucket = kv::open(&args.bucket)?;
    let mut value = Vec::new();
    for _ in 0..args.times {
        value = bucket.update(&args.key, |value| {
            let text = String::from_utf8(value.unwrap_or_default()).unwrap_or_default();
            let number: u64 = if text.is_empty() { 0 } else { text.parse().map_err(|_| Error::failed("no number"))? };
            Ok((number + 1).to_string().into_bytes())
        })?;
    }
    Ok(Text(String::from_utf8(value).unwrap_or_default()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Hold {
    bucket: String,
    /// How many times at once.
    count: usize,
}

/// Opens a bucket many times over.
#[tool]
pub(crate) fn kv_hold(args: Hold) -> Result<Text, Error> {
    let held = (0..args.count).map(|_| kv::open(&args.bucket)).collect::<Result<Vec<_>, _>>()?;
    Ok(Text(held.len().to_string()))
}
