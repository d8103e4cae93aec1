use std::path::Path;

use super::*;
use crate::audit::entry::encode::Unplaced;
use crate::audit::tests::samples::{every_event, micros_time};
use crate::id::Digest;

fn spell(principal: Option<&PrincipalId>, event: &Event, index: u64) -> Vec<u8> {
    let tenant = "acme".parse().unwrap();
    let mut bytes = Vec::new();
    Unplaced::new(micros_time(), &tenant, principal, event).unwrap().place(index, &mut bytes);
    bytes
}

/// Sorted keys, no spaces, whatever order the parser keeps.
fn canonical(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{}:{}", serde_json::json!(key), canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        _ => value.to_string(),
    }
}

#[test]
fn every_kind_has_one_spelling_and_reads_back() {
    let events = every_event();
    let schema: serde_json::Value = serde_json::from_str(&schema::text()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for kind in Event::KINDS {
        assert!(events.iter().any(|event| event.kind() == *kind), "no sample of {kind}");
    }
    for (event, principal) in events.iter().flat_map(|event| [(event, None), (event, Some(PrincipalId::new()))]) {
        let bytes = spell(principal.as_ref(), event, 12_345);
        let entry = Entry::from_json(&bytes).unwrap();
        assert_eq!((&entry.event, entry.index, entry.principal), (event, 12_345, principal));
        assert_eq!((entry.tenant.as_str(), entry.time), ("acme", micros_time()));
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), text, "two spellings");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical(&value), text, "{}", event.kind());
        assert!(schema.is_valid(&value), "{:?}", schema.iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn an_index_of_any_length_is_spelt() {
    for index in [0, 9, 10, 99, 12_345, u64::MAX] {
        let bytes = spell(None, &HostRecovered { interrupted: 1 }.into(), index);
        assert_eq!(Entry::from_json(&bytes).unwrap().index, index);
    }
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    // The worst text there is: each byte becomes six.
    let long = "\u{1}".repeat(1 << 18);
    let tenant: TenantId = "a".repeat(40).parse().unwrap();
    for mut event in every_event() {
        let (texts, list) = event.texts_mut();
        let cuttable = !texts.is_empty() || list.is_some();
        for text in texts {
            long.clone_into(text);
        }
        if let Some(list) = list {
            *list = vec![long[..8_192].to_owned(); 1_000];
        }
        let unplaced = Unplaced::new(micros_time(), &tenant, Some(&PrincipalId::new()), &event).unwrap();
        let mut bytes = Vec::new();
        unplaced.place(u64::MAX, &mut bytes);
        assert!(bytes.len() <= ENTRY_BYTES_MAX, "{} takes {}", event.kind(), bytes.len());
        Entry::from_json(&bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap().contains("cut"), cuttable, "{}", event.kind());
    }
    // What fits is left alone.
    let event: Event = ComponentRejected { component: Some(Digest::of(b"x")), reasons: vec!["é".repeat(9_000)] }.into();
    assert_eq!(Entry::from_json(&spell(None, &event, 1)).unwrap().event, event);
}

#[test]
fn the_checked_in_schema_is_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit/entry.schema.json");
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, schema::text()).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(checked_in, schema::text(), "run this test with UPDATE=1 to bless entry.schema.json");
}
