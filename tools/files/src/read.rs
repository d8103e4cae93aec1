//! `files.read`

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::MountPath;

/// Lines in one answer.
pub const LINES_MAX: usize = 5_000;
/// Text in one answer, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 << 10;

/// Which file, and which of its lines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file's path; one that does not begin with `/` is looked for in `/work`.
    pub path: String,
    /// The first line to read, from 1.
    #[serde(default = "from_line")]
    #[schemars(range(min = 1))]
    pub from_line: u64,
    /// How many lines to read at most, 1 to 5,000.
    #[serde(default = "lines_max")]
    #[schemars(range(min = 1, max = 5000))]
    pub lines_max: usize,
}

fn from_line() -> u64 {
    1
}

fn lines_max() -> usize {
    500
}

/// Lines of a file.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lines {
    /// The lines, with their ends.
    pub text: String,
    /// How many lines these are.
    pub lines: usize,
    /// Whether the file goes on behind them: the limit of lines, or of 256 KiB, was reached. The last line may then be cut.
    pub is_cut: bool,
    /// The whole file's size, in bytes.
    pub file_bytes: u64,
}

/// Read a text file, or a range of its lines.
#[tool(read_only, idempotent, title = "Read a file")]
pub fn read(args: Args) -> Result<Lines, Error> {
    if args.from_line == 0 {
        return Err(Error::invalid_arguments("`from_line` is 0; lines are counted from 1"));
    }
    if !(1..=LINES_MAX).contains(&args.lines_max) {
        return Err(Error::invalid_arguments(format!("`lines_max` is {}; it is 1 to {LINES_MAX}", args.lines_max)));
    }
    let path = MountPath::parse(&args.path)?;
    let file = File::open(path.real()).map_err(|error| path.fault(error))?;
    let metadata = file.metadata().map_err(|error| path.fault(error))?;
    if !metadata.is_file() {
        return Err(Error::failed(format!("{path} is not a file")));
    }
    let mut reader = BufReader::new(file);
    let (bytes, lines, is_cut) = range(&mut reader, &args).map_err(|error| path.fault(error))?;
    let text = text(bytes, is_cut).ok_or_else(|| Error::failed(format!("{path} is not text in UTF-8")))?;
    Ok(Lines { text, lines, is_cut, file_bytes: metadata.len() })
}

/// The bytes of the lines, how many lines they are, and whether there is more.
fn range(reader: &mut impl BufRead, args: &Args) -> io::Result<(Vec<u8>, usize, bool)> {
    for _ in 1..args.from_line {
        if !skip_line(reader)? {
            return Ok((Vec::new(), 0, false));
        }
    }
    let mut bytes = Vec::new();
    let mut lines = 0;
    while lines < args.lines_max && bytes.len() < TEXT_BYTES_MAX {
        let left = TEXT_BYTES_MAX - bytes.len();
        if reader.by_ref().take(left as u64).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        lines += 1;
    }
    let is_cut = !reader.fill_buf()?.is_empty();
    Ok((bytes, lines, is_cut))
}

/// Passes over one line without keeping it; says whether there was one.
fn skip_line(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut was_there = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(was_there);
        }
        was_there = true;
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(true);
            }
            None => {
                let length = buffer.len();
                reader.consume(length);
            }
        }
    }
}

/// The text of `bytes`. Where they were cut, a character that was begun is left out; all else that is not UTF-8 is no text.
fn text(bytes: Vec<u8>, is_cut: bool) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.utf8_error().error_len().is_none() => {
            let end = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(end);
            String::from_utf8(bytes).ok()
        }
        Err(_) => None,
    }
}
