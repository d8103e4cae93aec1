//! Files of volumes.

use std::fs::{self, File};

use cofferdam_sdk::{Error, Text, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Write {
    path: String,
    /// How many files, each with its number behind the path.
    count: Option<usize>,
    #[serde(default)]
    text: String,
    /// Bytes of each, filled up with `f`.
    #[serde(default)]
    bytes: usize,
    /// How long to stay then.
    #[serde(default)]
    sleep_ms: u64,
}

/// Writes files, and says at which it failed.
#[tool]
pub(crate) fn file_write(args: Write) -> Result<Text, Error> {
    let text = format!("{:f<1$}", args.text, args.bytes);
    let Some(count) = args.count else {
        fs::write(&args.path, text)?;
        std::thread::sleep(std::time::Duration::from_millis(args.sleep_ms));
        return Ok(Text("1".to_owned()));
    };
    for number in 0..count {
        let written = fs::write(format!("{}{number}", args.path), &text);
        written.map_err(|error| Error::from(error).about(format_args!("file {number}")))?;
    }
    Ok(Text(count.to_string()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Read {
    path: String,
}

/// The text of a file.
#[tool(read_only)]
pub(crate) fn file_read(args: Read) -> Result<Text, Error> {
    Ok(Text(fs::read_to_string(args.path)?))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Hold {
    path: String,
    /// How many times at once.
    count: usize,
}

/// Opens a file many times over, and says at which it failed.
#[tool(read_only)]
pub(crate) fn file_hold(args: Hold) -> Result<Text, Error> {
    let mut held = Vec::new();
    for number in 0..args.count {
        held.push(File::open(&args.path).map_err(|error| Error::from(error).about(format_args!("open {number}")))?);
    }
    Ok(Text(held.len().to_string()))
}
