//! Text in, checked rules out. Parsing goes twice over a file: once into a tree that mirrors it, once over the tree into
//! values; all that is wrong is told at once, each with its line. Everything is bounded, and takes time by the length of
//! the text.

mod approval;
mod audit;
mod budget;
mod cache;
mod call;
mod ceiling;
mod conflicts;
mod egress;
mod flow;
mod grants;
mod http;
pub(super) mod keys;
mod models;
mod node;
mod plans;
mod providers;
mod reader;
mod route;
mod stores;
mod tenant;
mod trust;

pub(super) use self::ceiling::{CeilingRules, read_ceiling};
pub(super) use self::node::Node;
pub(super) use self::reader::duration_words;
pub(super) use self::tenant::{LimitLines, TenantRules, read_limits, read_tenant};
pub(super) use crate::amounts::size as size_words;
pub(super) use crate::id::{STORE_NAME_RULE as NAME_RULE, is_store_name as is_name};

use super::problem::Problems;
use super::words;

/// The length of a file, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 256 << 10;
/// The `[[grant]]`s of a file. With the lists below it bounds what one decision has to look at.
const GRANTS_MAX: usize = 1_000;
/// The rules for requests in a file, all grants together; and the buckets; the volumes; the settings. Bounds what one
/// package can hold, and so what a decision and its explanation cost.
const THINGS_MAX: usize = 1_000;
/// The patterns of a list in `[tools]`.
const PATTERNS_MAX: usize = 1_000;
/// The patterns of one grant.
const TOOLS_MAX: usize = 100;
/// The buckets, volumes or settings of one grant.
const ENTRIES_MAX: usize = 100;
/// The methods of one rule.
const METHODS_MAX: usize = 16;
/// The header fields that one rule speaks of.
const HEADERS_MAX: usize = 16;
/// The paths of one rule.
const PATHS_MAX: usize = 100;
/// A setting's key, in bytes.
const CONFIG_KEY_BYTES_MAX: usize = 128;
/// A setting's value, in bytes.
const CONFIG_VALUE_BYTES_MAX: usize = 4 << 10;
/// A volume's place, in bytes.
const MOUNT_BYTES_MAX: usize = 128;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Toml,
    Json,
}

/// The tree of `text`; where there is none, `problems` say why.
pub(super) fn read_text(text: &str, format: Format, problems: &mut Problems) -> Option<Node> {
    if text.len() > TEXT_BYTES_MAX {
        let (length, most) = (words::count(text.len() as u64), words::count(TEXT_BYTES_MAX as u64));
        problems.add(None, "", format!("it has {length} bytes; at most {most} may be"));
        return None;
    }
    match format {
        Format::Toml => node::from_toml(text, problems),
        Format::Json => node::from_json(text, problems),
    }
}
