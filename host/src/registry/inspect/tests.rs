mod fuzz;

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn component(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// Exports `cofferdam:tool/tools@1.0.0`, imports two interfaces, and has some data.
fn native() -> Vec<u8> {
    component(
        r#"(component
            (import "wasi:clocks/wall-clock@0.2.6" (instance))
            (import "wasi:http/outgoing-handler@0.2.0" (instance))
            (core module $m
                (memory 1)
                (data (i32.const 0) "0123456789")
                (data "passive: copied when asked for")
                (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
            (core instance $i (instantiate $m))
            (func $f (param "x" u32) (result u32) (canon lift (core func $i "f")))
            (instance $tools (export "add-one" (func $f)))
            (export "cofferdam:tool/tools@1.0.0" (instance $tools)))"#,
    )
}

fn rejected(bytes: &[u8], words: &str) {
    let reasons = inspect(bytes).unwrap_err().reasons.join("\n");
    assert!(reasons.contains(words), "{reasons}");
    assert!(reasons.len() < 20_000, "{}", reasons.len());
}

#[test]
fn a_native_component_is_recognised_and_explained() {
    let bytes = native();
    let inspection = inspect(&bytes).unwrap();
    assert_eq!(inspection.kind, Kind::Native);
    assert_eq!((inspection.class, inspection.active_data_bytes), (Class::Small, 10));
    assert_eq!(inspection.bytes, bytes.len() as u64);
    assert_eq!(inspection.imports, ["wasi:clocks/wall-clock@0.2.6", "wasi:http/outgoing-handler@0.2.0"]);
    assert_eq!(inspection.exports, ["cofferdam:tool/tools@1.0.0"]);
    assert_eq!(inspection.grants, BTreeSet::from([GrantKind::Clock, GrantKind::Http]));
    assert_eq!(inspection.words.len(), 2);
}

#[test]
fn the_class_follows_from_the_active_data() {
    let with = |bytes: usize| {
        let data = "x".repeat(bytes);
        let wat = format!(
            r#"(component (core module $m (memory 3) (data (i32.const 0) "{data}"))
               (instance $i) (export "cofferdam:tool/tools@1.2.0" (instance $i)))"#
        );
        inspect(&component(&wat)).unwrap().class
    };
    assert_eq!(with(64 << 10), Class::Small);
    assert_eq!(with((64 << 10) + 1), Class::Large);
}

#[test]
fn other_kinds_are_recognised_by_what_they_export() {
    let exporting = |name: &str| {
        let wat = format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#);
        inspect(&component(&wat)).unwrap().kind
    };
    for (name, kind) in [
        ("wasi:cli/run@0.2.6", Kind::Command),
        ("wasi:cli/run@0.3.0", Kind::Command),
        ("wasi:http/incoming-handler@0.2.0", Kind::Http),
        ("wasi:http/handler@0.3.0", Kind::Http),
        ("acme:things/thing", Kind::Functions),
    ] {
        assert_eq!(exporting(name), kind, "{name}");
    }
}

#[test]
fn what_cannot_be_called_is_refused_with_what_to_do() {
    rejected(b"", "empty");
    rejected(b"PK\x03\x04 an archive", "not WebAssembly");
    rejected(&component("(module)"), "wasm-tools component new");
    rejected(&component("(component)"), "exports nothing");
    rejected(&component(r#"(component (type $t u32) (export "t" (type $t)))"#), "types alone");
    let other_version = r#"(component (instance $i) (export "cofferdam:tool/tools@2.0.0" (instance $i)))"#;
    rejected(&component(other_version), "speaks version 1");
}

#[test]
fn every_unknown_import_is_named() {
    let wat = r#"(component
        (import "wasi:keyvalue/stores@0.2.0-draft" (instance))
        (import "acme:own/thing@1.0.0" (instance))
        (import "helper" (func))
        (import "wasi:cli/stdin@0.4.0" (instance))
        (instance $i) (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#;
    let reasons = inspect(&component(wat)).unwrap_err().reasons;
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(reasons[0].contains("nearest") && reasons[0].contains("wasi:keyvalue/store@0.2.0-draft"));
    assert!(reasons[1].contains("acme:own/thing@1.0.0"));
    assert!(reasons[2].contains("helper"));
    assert!(reasons[3].contains("wasi:cli/stdin@0.4.0"));
}

#[test]
fn features_outside_of_the_set_are_named_as_such() {
    let native = |module: &str| {
        let wat = format!(
            r#"(component (core module $m {module}) (instance $i) (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#
        );
        component(&wat)
    };
    inspect(&native("(memory 1)")).unwrap();
    for module in ["(memory 1 1 shared)", "(memory i64 1)", "(type (struct))", "(tag)"] {
        rejected(&native(module), "feature that this host does not take");
    }
}

#[test]
fn ten_thousand_imports_are_refused() {
    let mut wat = "(component ".to_owned();
    for n in 0..10_000 {
        write!(wat, r#"(import "a:b/c{n}" (instance))"#).unwrap();
    }
    rejected(&component(&(wat + ")")), "imports and exports of components");
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
    rejected(&component(&nested(17)), "levels of nesting");
    rejected(&component(&nested(16)), "exports nothing");
}

#[test]
fn many_modules_types_and_functions_are_refused() {
    rejected(&component(&format!("(component {})", "(core module)".repeat(500))), "modules and components");
    rejected(&component(&format!("(component {})", "(type u32)".repeat(100_001))), "types");
    let functions = "(func)".repeat(300_001);
    rejected(&component(&format!("(component (core module {functions}))")), "functions");
}

#[test]
fn counts_that_are_only_claimed_take_no_room() {
    // A type section that claims four billion types and has none.
    let bytes = b"\0asm\x0d\0\x01\0\x07\x05\xff\xff\xff\xff\x0f";
    rejected(bytes, "");
}

#[test]
fn a_type_that_doubles_at_each_level_is_refused_before_it_is_built() {
    let mut wat = r#"(component (type $t0 u8)"#.to_owned();
    for n in 0..90 {
        write!(wat, "(type $t{} (tuple $t{n} $t{n}))", n + 1).unwrap();
    }
    wat.push_str(r#"(import "acme:big/type" (type (eq $t90))))"#);
    rejected(&component(&wat), "");
}

#[test]
fn a_long_name_is_refused_and_the_reason_stays_short() {
    let long = "a".repeat(90_000);
    rejected(&component(&format!(r#"(component (import "{long}" (func)))"#)), "90000 bytes");
}

#[test]
fn every_truncation_is_refused() {
    let bytes = native();
    // What follows the last section with a meaning is names for debuggers: its id, its length, its name's length.
    let names = b"component-name";
    let end = bytes.windows(names.len()).position(|window| window == names).unwrap() - 3;
    assert!(inspect(&bytes[..end]).is_ok());
    for length in 0..end {
        assert!(inspect(&bytes[..length]).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = inspect(&bytes);
    }

    #[test]
    fn arbitrary_sections_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = inspect(&[b"\0asm\x0d\0\x01\0", bytes.as_slice()].concat());
    }

    #[test]
    fn mutated_components_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = native();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Err(rejection) = inspect(&bytes) {
            prop_assert!(!rejection.reasons.is_empty());
            prop_assert!(rejection.reasons.iter().all(|reason| reason.len() <= 610 && !reason.contains('\n')));
        }
    }
}
