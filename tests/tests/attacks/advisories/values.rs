//! Values on their way between components, and between a guest and its host: flags, and texts in every encoding.

use cofferdam_tests::{attack, shared};
use serde_json::json;

use super::{call, held};

/// RUSTSEC-2026-0085, flags with bits that the type does not have: read as the flags that there are, or the guest's end.
#[test]
fn hostile_rustsec_2026_0085_flags_that_there_are_not() {
    attack(async {
        let tenant = shared().await.tenant("flags").await;
        for (package, count) in [("few", 2), ("eight", 8), ("many", 17), ("all", 32)] {
            let names: String = (0..count).map(|flag| format!("\"f{flag}\" ")).collect();
            let component = format!(
                r#"(component
                    (type $f (flags {names}))
                    (import "f" (type $f' (eq $f)))
                    (core module $m (func (export "f") (result i32) (i32.const -1)))
                    (core instance $i (instantiate $m))
                    (func $g (result $f') (canon lift (core func $i "f")))
                    (export "g" (func $g)))"#
            );
            let answer = held(&tenant, package, wat::parse_str(component).unwrap(), json!({})).await;
            if answer.status == 200 {
                assert!(answer.json().as_array().unwrap().len() <= count, "flags that {package} has not");
            }
        }
    });
}

/// Two components in one, of which one passes the other a text: each in an encoding of its own, so that the engine transcodes
/// between their memories. `realloc` is where the callee says that there is room.
fn transcoding(from: &str, to: &str, realloc: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (component $callee
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                    (func (export "take") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "take") (param "text" string)
                    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
                        string-encoding={to})))
            (instance $callee (instantiate $callee))
            (component $caller
                (import "take" (func $take (param "text" string)))
                (core module $libc (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
                (core instance $libc (instantiate $libc))
                (core func $take' (canon lower (func $take) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))
                    string-encoding={from}))
                (core module $m
                    (import "" "take" (func $take (param i32 i32)))
                    (func (export "run") (param i32 i32) (call $take (local.get 0) (local.get 1))))
                (core instance $i (instantiate $m (with "" (instance (export "take" (func $take'))))))
                (func (export "run") (param "at" u32) (param "length" u32) (canon lift (core func $i "run"))))
            (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
            (export "run" (func $caller "run")))"#
    );
    wat::parse_str(text).unwrap()
}

/// Passes texts from every kind of place, of every kind of length.
async fn transcode(stem: &str, pairs: &[(&str, &str)], reallocs: &[&str], places: &[(u32, u32)]) {
    let tenant = shared().await.tenant(stem).await;
    for (number, (from, to)) in pairs.iter().enumerate() {
        for (nth, realloc) in reallocs.iter().enumerate() {
            let package = format!("t{number}-{nth}");
            tenant.push(&package, transcoding(from, to, realloc)).await;
            for (at, length) in places {
                call(&tenant, &format!("{package}.run"), json!({"at": at, "length": length})).await;
            }
        }
    }
}

/// Marks a text of `latin1+utf16` as one of UTF-16.
const UTF16: u32 = 1 << 31;

/// RUSTSEC-2026-0091, transcoding into where there is no room: the guest traps, and no byte outside of its memory is written.
#[test]
fn hostile_rustsec_2026_0091_texts_into_where_there_is_no_room() {
    let pairs = [("utf8", "utf16"), ("utf8", "latin1+utf16"), ("utf16", "utf8"), ("latin1+utf16", "utf8")];
    // Behind the memory's end, at its last bytes, and at the greatest address of all.
    let reallocs = ["(i32.const 65536)", "(i32.const 65534)", "(i32.const -2)", "(i32.const -65536)"];
    attack(transcode("room", &pairs, &reallocs, &[(0, 100), (0, 20_000), (0, UTF16 | 100), (65_000, 536)]));
}

/// RUSTSEC-2026-0092, texts of UTF-16 at odd addresses: the guest traps, and nothing panics.
#[test]
fn hostile_rustsec_2026_0092_texts_at_odd_addresses() {
    let pairs = [("utf16", "utf8"), ("utf16", "utf16"), ("utf16", "latin1+utf16"), ("latin1+utf16", "utf16")];
    let reallocs = ["(i32.const 1024)", "(i32.const 1025)"];
    attack(transcode("odd", &pairs, &reallocs, &[(1, 10), (3, 1), (65_535, 0), (1, UTF16 | 10), (65_533, 1)]));
}

/// RUSTSEC-2026-0093, texts that are said to reach past the end of memory: the guest traps, and nothing is read there.
#[test]
fn hostile_rustsec_2026_0093_texts_past_the_end_of_memory() {
    let pairs = [("utf16", "latin1+utf16"), ("latin1+utf16", "latin1+utf16"), ("latin1+utf16", "utf16")];
    let places = [
        (65_534, 2),
        (65_536, 1),
        (0, 32_769),
        (0, UTF16 | 32_769),
        (0, UTF16 | 0x4000_0000),
        (0x8000_0000, 4),
        (0xffff_fffe, 0x7fff_ffff),
        (0, 0xffff_ffff),
    ];
    attack(transcode("past", &pairs, &["(i32.const 1024)"], &places));
}
