//! Buckets and volumes, with what may be done there and what they may grow to.

use super::grants::{take, word};
use super::keys::{BUCKET, VOLUME};
use super::node::{Node, Value};
use super::reader::Fields;
use super::{ENTRIES_MAX, MOUNT_BYTES_MAX};
use crate::id::{STORE_NAME_RULE as NAME_RULE, is_store_name as is_name};
use crate::policy::grant::{Access, SCRATCH};
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::{At, Quota, Store};

/// What TOML can write.
pub(super) const SIZE_MAX: u64 = i64::MAX as u64;

pub(super) const ACCESS: &[(&str, Access)] = &[("read-only", Access::ReadOnly), ("read-write", Access::ReadWrite)];

/// What a volume's can be.
const FILES_ACCESS: &[(&str, Access)] =
    &[("read-only", Access::ReadOnly), ("read-write", Access::ReadWrite), ("scratch", Access::Scratch)];

/// The buckets or the volumes of a grant.
pub(super) fn entries(
    problems: &mut Problems,
    fields: &Fields<'_>,
    key: &str,
    room: &mut usize,
    read: fn(&mut Problems, &Node, &str) -> Option<Store>,
) -> Vec<At<Store>> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let place = fields.place(key);
    let Some(nodes) = problems.list(node, &place, ENTRIES_MAX) else { return Vec::new() };
    if take(problems, room, nodes.len(), node, &place).is_none() {
        return Vec::new();
    }
    let mut entries = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        let entry = read(problems, node, &format!("{place}[{}]", nth + 1));
        entries.extend(entry.map(|value| At { line: node.line, value }));
    }
    entries
}

pub(super) fn bucket(problems: &mut Problems, node: &Node, place: &str) -> Option<Store> {
    let fields = problems.fields(node, place, &BUCKET)?;
    let name = name(problems, &fields, "bucket");
    let quota = quota(problems, &fields, ACCESS, Access::ReadOnly, "keys_max");
    Some(Store { name: name?, mount: String::new(), quota })
}

pub(super) fn volume(problems: &mut Problems, node: &Node, place: &str) -> Option<Store> {
    let fields = problems.fields(node, place, &VOLUME)?;
    let is_scratch =
        matches!(fields.get("access").map(|node| &node.value), Some(Value::Text(word)) if word == "scratch");
    let name = match fields.get("volume") {
        Some(node) if is_scratch => {
            let message = "a scratch folder is the call's own and no volume: leave this out, and say where with mount";
            problems.add(node.line, fields.place("volume"), message);
            None
        }
        None if is_scratch => Some(SCRATCH.to_owned()),
        _ => name(problems, &fields, "volume"),
    };
    let mount = fields.get("mount").map(|node| problems.parsed(node, &fields.place("mount"), read_mount));
    let quota = quota(problems, &fields, FILES_ACCESS, Access::ReadOnly, "files_max");
    let name = name?;
    let default = if is_scratch { "/scratch".to_owned() } else { format!("/{name}") };
    let mount = mount.unwrap_or(Some(default))?;
    Some(Store { name, mount, quota })
}

pub(super) fn quota(
    problems: &mut Problems,
    fields: &Fields<'_>,
    words: &[(&str, Access)],
    access: Access,
    items: &str,
) -> Quota {
    let access = word(problems, fields, "access", words).map_or(access, |at| at.value);
    let bytes_max =
        fields.get("bytes_max").and_then(|node| problems.size(node, &fields.place("bytes_max"), 0, SIZE_MAX));
    let items_max = fields.get(items).and_then(|node| problems.count(node, &fields.place(items), 0, SIZE_MAX));
    Quota { access, bytes_max, items_max }
}

/// The name of a bucket or a volume; it can become a folder's.
fn name(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> Option<String> {
    let place = fields.place(key);
    let Some(node) = fields.get(key) else {
        problems.add(fields.line, place, format!("it has to name the {key}"));
        return None;
    };
    problems.parsed(node, &place, |text| {
        if is_name(text) { Ok(text.to_owned()) } else { Err(format!("{} is no name: {NAME_RULE}", shown(text))) }
    })
}

/// Where a volume is found: one spelling for each place.
fn read_mount(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let good = |part: &str| !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(plain);
    let places = text.strip_prefix('/').filter(|_| text.len() <= MOUNT_BYTES_MAX);
    if places.is_some_and(|parts| parts.is_empty() || parts.split('/').all(good)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no place for a volume: write an absolute path such as \"/work\", of letters, digits, '.', '-' and '_', \
         with at most {MOUNT_BYTES_MAX} bytes",
        shown(text)
    ))
}
