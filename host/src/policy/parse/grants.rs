//! `[[grant]]`, of either file.

use std::collections::BTreeMap;

use super::keys::{BUCKET, BUCKET_CAP, HTTP, Section, VOLUME, VOLUME_CAP};
use super::node::{Node, Value};
use super::reader::Fields;
use super::tenant::read_patterns;
use super::{
    CONFIG_KEY_BYTES_MAX, CONFIG_VALUE_BYTES_MAX, ENTRIES_MAX, GRANTS_MAX, METHODS_MAX, MOUNT_BYTES_MAX, PATHS_MAX,
    THINGS_MAX, TOOLS_MAX,
};
use crate::policy::grant::{Access, Clock, LogLevel, Random};
use crate::policy::http::{HttpRule, Scheme};
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::{At, CeilingGives, Quota, Row, Store, TenantGives};
use crate::policy::words;

/// What TOML can write.
const SIZE_MAX: u64 = i64::MAX as u64;

const ACCESS: &[(&str, Access)] = &[("read-only", Access::ReadOnly), ("read-write", Access::ReadWrite)];
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
const SCHEME: &[(&str, Scheme)] = &[("https", Scheme::Https), ("http", Scheme::Http)];

/// How many of each the file may still have.
pub(super) struct Room {
    buckets: usize,
    volumes: usize,
    rules: usize,
    settings: usize,
}

/// Takes room for `count` things. Where there is none, that is told once, and none of them is read.
fn take(problems: &mut Problems, room: &mut usize, count: usize, node: &Node, place: &str) -> Option<()> {
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
    let mut room = Room { buckets: THINGS_MAX, volumes: THINGS_MAX, rules: THINGS_MAX, settings: THINGS_MAX };
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
        http: fields.get("http").map(|node| http(problems, node, &fields.place("http"), room)).unwrap_or_default(),
        clock: word(problems, fields, "clock", CLOCK),
        random: word(problems, fields, "random", RANDOM),
        log: word(problems, fields, "log", LOG),
        config: fields
            .get("config")
            .and_then(|node| config(problems, node, &fields.place("config"), &mut room.settings)),
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
            quota(problems, &fields, Access::ReadWrite, items)
        };
        Some(At { line: node.line, value })
    };
    let kv = cap("kv", &BUCKET_CAP, "keys_max");
    let files = cap("files", &VOLUME_CAP, "files_max");
    let http = match fields.get("http") {
        Some(node) if all(node) => any_https().into_iter().map(|value| At { line: node.line, value }).collect(),
        Some(node) if whole(problems, node, &fields.place("http"), "true or a list").is_some() => {
            http(problems, node, &fields.place("http"), room)
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

fn word<T: Copy>(problems: &mut Problems, fields: &Fields<'_>, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
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

/// The buckets or the volumes of a grant.
fn entries(
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

fn bucket(problems: &mut Problems, node: &Node, place: &str) -> Option<Store> {
    let fields = problems.fields(node, place, &BUCKET)?;
    let name = name(problems, &fields, "bucket");
    let quota = quota(problems, &fields, Access::ReadOnly, "keys_max");
    Some(Store { name: name?, mount: String::new(), quota })
}

fn volume(problems: &mut Problems, node: &Node, place: &str) -> Option<Store> {
    let fields = problems.fields(node, place, &VOLUME)?;
    let name = name(problems, &fields, "volume");
    let mount = fields.get("mount").map(|node| problems.parsed(node, &fields.place("mount"), read_mount));
    let quota = quota(problems, &fields, Access::ReadOnly, "files_max");
    let name = name?;
    let mount = mount.unwrap_or_else(|| Some(format!("/{name}")))?;
    Some(Store { name, mount, quota })
}

fn quota(problems: &mut Problems, fields: &Fields<'_>, access: Access, items: &str) -> Quota {
    let access = word(problems, fields, "access", ACCESS).map_or(access, |at| at.value);
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

/// What the name of a bucket or a volume can be.
pub(in crate::policy) const NAME_RULE: &str =
    "1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit";

/// Whether a bucket or a volume can be called so.
pub(in crate::policy) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_'))
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

/// Rules for requests.
fn http(problems: &mut Problems, node: &Node, place: &str, room: &mut Room) -> Vec<At<HttpRule>> {
    let Some(nodes) = problems.list(node, place, THINGS_MAX) else { return Vec::new() };
    if take(problems, &mut room.rules, nodes.len(), node, place).is_none() {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        let rule = http_rule(problems, node, &format!("{place}[{}]", nth + 1));
        rules.extend(rule.map(|value| At { line: node.line, value }));
    }
    rules
}

fn http_rule(problems: &mut Problems, node: &Node, place: &str) -> Option<HttpRule> {
    let fields = problems.fields(node, place, &HTTP)?;
    let scheme = word(problems, &fields, "scheme", SCHEME).map_or(Scheme::Https, |at| at.value);
    let host = match fields.get("host") {
        Some(node) => problems.text(node, &fields.place("host")),
        None => {
            problems.add(
                fields.line,
                fields.place("host"),
                "it has to name the host: \"api.example.com\", or \"*\" for any",
            );
            None
        }
    };
    let port = fields.get("port").map(|node| problems.count(node, &fields.place("port"), 1, u16::MAX.into()));
    let methods = texts(problems, &fields, "methods", METHODS_MAX, &["GET", "HEAD"]);
    let paths = texts(problems, &fields, "paths", PATHS_MAX, &["/*"]);
    let port = match port {
        Some(port) => u16::try_from(port?).ok(),
        None => None,
    };
    let rule = HttpRule::new(scheme, host?, port, &methods?, &paths?);
    match rule {
        Ok(rule) => Some(rule),
        Err(invalid) => {
            let line = fields.get(invalid.key).map_or(node.line, |node| node.line);
            problems.add(line, fields.place(invalid.key), invalid.problem);
            None
        }
    }
}

/// A list of texts, or `default` where there is none.
fn texts(problems: &mut Problems, fields: &Fields<'_>, key: &str, max: usize, default: &[&str]) -> Option<Vec<String>> {
    let Some(node) = fields.get(key) else {
        return Some(default.iter().map(|text| (*text).to_owned()).collect());
    };
    let place = fields.place(key);
    let list = problems.list(node, &place, max)?.iter().enumerate();
    let text = |(nth, node)| problems.text(node, &format!("{place}[{}]", nth + 1)).map(str::to_owned);
    list.map(text).collect()
}

/// What `http = true` is.
fn any_https() -> Option<HttpRule> {
    let any = |text: &str| vec![text.to_owned()];
    HttpRule::new(Scheme::Https, "*", None, &any("*"), &any("/*")).ok()
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
