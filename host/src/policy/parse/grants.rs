//! `[[grant]]`, of either file.

use std::collections::BTreeMap;

use super::call::{any_tool, calls};
use super::http::{any_https, http};
use super::keys::{BUCKET_CAP, Section, VOLUME_CAP};
use super::models::{model_cap, model_uses, prompt_uses};
use super::node::{Node, Value};
use super::reader::Fields;
use super::stores::{ACCESS, bucket, entries, quota, volume};
use super::tenant::read_patterns;
use super::{CONFIG_KEY_BYTES_MAX, CONFIG_VALUE_BYTES_MAX, ENTRIES_MAX, GRANTS_MAX, THINGS_MAX, TOOLS_MAX};
use crate::policy::grant::{Access, Clock, LogLevel, Random};
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::{At, CeilingGives, File, Quota, Row, TenantGives};
use crate::policy::words;

const CLOCK: &[(&str, Clock)] = &[("frozen", Clock::Frozen), ("coarse", Clock::Coarse), ("real", Clock::Real)];
const RANDOM: &[(&str, Random)] = &[("seeded", Random::Seeded), ("secure", Random::Secure)];
const LOG: &[(&str, LogLevel)] = &[
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("critical", LogLevel::Critical),
];

/// How many of each the file may still have.
pub(super) struct Room {
    buckets: usize,
    volumes: usize,
    pub(super) rules: usize,
    settings: usize,
    pub(super) calls: usize,
}

/// Takes room for `count` things. Where there is none, that is told, and none of them is to be read.
pub(super) fn take(problems: &mut Problems, room: &mut usize, count: usize, node: &Node, place: &str) -> Option<()> {
    match room.checked_sub(count) {
        Some(left) => *room = left,
        None => {
            let message = format!("with these there are more than {} in the file", words::count(THINGS_MAX as u64));
            problems.add(node.line, place, message);
            return None;
        }
    }
    Some(())
}

/// All `[[grant]]`s of a file; `gives` reads what one of them gives.
pub(super) fn read_grants<G>(
    problems: &mut Problems,
    file: &Fields<'_>,
    section: &'static Section,
    gives: fn(&mut Problems, &Fields<'_>, &mut Room) -> G,
) -> Vec<Row<G>> {
    let Some(node) = file.get("grant") else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "grant", "grants are a list: write [[grant]] with two brackets");
        return Vec::new();
    }
    let mut room =
        Room { buckets: THINGS_MAX, volumes: THINGS_MAX, rules: THINGS_MAX, settings: THINGS_MAX, calls: THINGS_MAX };
    let mut rows = Vec::new();
    for (nth, node) in problems.list(node, "grant", GRANTS_MAX).unwrap_or_default().iter().enumerate() {
        let number = nth + 1;
        let Some(fields) = problems.fields(node, &format!("grant[{number}]"), section) else { continue };
        let place = fields.place("tools");
        let tools = fields.get("tools").map(|node| read_patterns(problems, node, &place, TOOLS_MAX));
        let Some(tools) = tools else {
            problems.add(fields.line, place, "it has to say which packages it is for: tools = [\"…\"]");
            continue;
        };
        let tools = tools.into_iter().map(|at| at.value).collect();
        rows.push(Row { number, line: fields.line, tools, gives: gives(problems, &fields, &mut room) });
    }
    rows
}

/// What a tenant's grant gives.
pub(super) fn tenant(problems: &mut Problems, fields: &Fields<'_>, room: &mut Room) -> TenantGives {
    TenantGives {
        kv: entries(problems, fields, "kv", &mut room.buckets, bucket),
        files: entries(problems, fields, "files", &mut room.volumes, volume),
        http: fields
            .get("http")
            .map(|node| http(problems, node, &fields.place("http"), room, File::Policy))
            .unwrap_or_default(),
        clock: word(problems, fields, "clock", CLOCK),
        random: word(problems, fields, "random", RANDOM),
        log: word(problems, fields, "log", LOG),
        config: fields
            .get("config")
            .and_then(|node| config(problems, node, &fields.place("config"), &mut room.settings)),
        call: calls(problems, fields, room),
        model: model_uses(problems, fields),
        prompt: prompt_uses(problems, fields),
    }
}

/// What a ceiling's grant lets through.
pub(super) fn ceiling(problems: &mut Problems, fields: &Fields<'_>, room: &mut Room) -> CeilingGives {
    let all = |node: &Node| matches!(node.value, Value::Boolean(true));
    let mut cap = |key, section, items| {
        let node = fields.get(key)?;
        let most = Quota { access: Access::ReadWrite, bytes_max: None, items_max: None };
        let value = if all(node) {
            most
        } else {
            let fields = whole(problems, node, &fields.place(key), "true or a table")
                .and_then(|()| problems.fields(node, &fields.place(key), section))?;
            quota(problems, &fields, ACCESS, Access::ReadWrite, items)
        };
        Some(At { line: node.line, value })
    };
    let kv = cap("kv", &BUCKET_CAP, "keys_max");
    let files = cap("files", &VOLUME_CAP, "files_max");
    let http = match fields.get("http") {
        Some(node) if all(node) => any_https().into_iter().map(|value| At { line: node.line, value }).collect(),
        Some(node) if whole(problems, node, &fields.place("http"), "true or a list").is_some() => {
            http(problems, node, &fields.place("http"), room, File::Ceiling)
        }
        _ => Vec::new(),
    };
    let call = match fields.get("call") {
        Some(node) if all(node) => any_tool().map(|value| At { line: node.line, value }).into(),
        Some(node) if whole(problems, node, &fields.place("call"), "true or a list").is_some() => {
            calls(problems, fields, room)
        }
        _ => Vec::new(),
    };
    CeilingGives {
        kv,
        files,
        http,
        clock: word_or_all(problems, fields, "clock", CLOCK, Clock::Real),
        random: word_or_all(problems, fields, "random", RANDOM, Random::Secure),
        log: word_or_all(problems, fields, "log", LOG, LogLevel::Trace),
        config: word_or_all(problems, fields, "config", &[], ()),
        call,
        model: model_cap(problems, fields),
        prompt: word_or_all(problems, fields, "prompt", &[], ()),
    }
}

/// Tells of `false`: a grant that takes away would be one that does not add up.
fn whole(problems: &mut Problems, node: &Node, place: &str, wanted: &str) -> Option<()> {
    match node.value {
        Value::Boolean(false) => {
            let message = format!("{wanted} belongs here; to give nothing, leave the key out");
            problems.add(node.line, place, message);
            None
        }
        _ => Some(()),
    }
}

pub(super) fn word<T: Copy>(
    problems: &mut Problems,
    fields: &Fields<'_>,
    key: &str,
    words: &[(&str, T)],
) -> Option<At<T>> {
    let node = fields.get(key)?;
    let value = problems.choice(node, &fields.place(key), words)?;
    Some(At { line: node.line, value })
}

fn word_or_all<T: Copy>(
    problems: &mut Problems,
    fields: &Fields<'_>,
    key: &str,
    words: &[(&str, T)],
    all: T,
) -> Option<At<T>> {
    let node = fields.get(key)?;
    let place = fields.place(key);
    let value = match node.value {
        Value::Boolean(true) => all,
        Value::Text(_) if !words.is_empty() => problems.choice(node, &place, words)?,
        _ => {
            let wanted = if words.is_empty() { "true" } else { "true or a word" };
            whole(problems, node, &place, wanted)?;
            return problems.wrong(node, &place, wanted);
        }
    };
    Some(At { line: node.line, value })
}

/// Settings.
fn config(problems: &mut Problems, node: &Node, place: &str, room: &mut usize) -> Option<At<BTreeMap<String, String>>> {
    let Value::Table(rows) = &node.value else { return problems.wrong(node, place, "a table of texts") };
    if rows.len() > ENTRIES_MAX {
        problems.add(node.line, place, format!("there are {} of them; at most {ENTRIES_MAX} may be", rows.len()));
        return None;
    }
    take(problems, room, rows.len(), node, place)?;
    let mut settings = BTreeMap::new();
    for (key, node) in rows {
        if key.is_empty() || key.len() > CONFIG_KEY_BYTES_MAX {
            let message = format!("{} is no key of a setting: it has 1 to {CONFIG_KEY_BYTES_MAX} bytes", shown(key));
            problems.add(node.line, place, message);
            continue;
        }
        let place = format!("{place}.{}", key.escape_debug());
        let Some(text) = problems.text(node, &place) else { continue };
        if text.len() > CONFIG_VALUE_BYTES_MAX {
            let message = format!("it has {} bytes; at most {CONFIG_VALUE_BYTES_MAX} may be", text.len());
            problems.add(node.line, place, message);
        } else if settings.insert(key.clone(), text.to_owned()).is_some() {
            problems.add(node.line, place, "it stands here twice");
        }
    }
    Some(At { line: node.line, value: settings })
}
