//! What a host keeps for a guest or lends it: handles, fields, calls that were left, memory that was another's, and files.

use cofferdam::Code;
use cofferdam_tests::{attack, foreign, shared};
use serde_json::json;

use super::call;

/// RUSTSEC-2026-0020, what the host keeps for a guest: handles, random bytes and texts end at limits of their own.
#[test]
fn hostile_rustsec_2026_0020_exhaustion_of_the_host_for_a_guest() {
    attack(async {
        let tenant = shared().await.tenant("exhaust").await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        for (tool, arguments) in [
            ("hold", json!({"what": "timer", "count": 1_000_000})),
            ("hold", json!({"what": "fields", "count": 1_000_000})),
            ("random", json!({"bytes": 1_u32 << 31})),
            ("string", json!({"bytes": 60_u32 << 20})),
        ] {
            let answer = tenant.agent.call(&format!("catalogue/limits.{tool}"), arguments.clone()).await;
            assert!(
                matches!(answer.code(), Some(Code::LimitExceeded | Code::MemoryExceeded)),
                "{tool} {arguments}: {answer:?}"
            );
            tenant.ended(&answer, answer.code().unwrap().as_str()).await;
        }
    });
}

/// RUSTSEC-2026-0021, fields without number: the guest gets an error of the interface or its own end, and nothing panics.
#[test]
fn hostile_rustsec_2026_0021_fields_without_number() {
    attack(async {
        let tenant = shared().await.tenant("fields").await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        for bytes in [0, 1, 4_000] {
            let flood = json!({"count": 200_000, "bytes": bytes});
            let answer = call(&tenant, "catalogue/attack.header-flood", flood).await;
            if answer.status == 200 {
                assert!(answer.text().parse::<u64>().unwrap() < 20_000);
            }
        }
    });
}

/// RUSTSEC-2026-0022, a call that is dropped half-way: its store is never entered again, and the next call has its own.
#[test]
fn hostile_rustsec_2026_0022_calls_that_are_dropped() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("dropped").await;
        tenant.push("program-3", foreign("program-3")).await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        let waits = json!({"milliseconds": 20_000});
        let calls = [
            ("catalogue/limits.sleep", waits.clone()),
            ("catalogue/limits.spin", json!({})),
            ("program-3.run", json!({"args": ["wait-for-ever"]})),
            ("program-3.run", json!({"args": ["spin"]})),
        ];
        for _ in 0..3 {
            for (tool, arguments) in &calls {
                let ended = tenant.leave(tool, arguments.clone()).await;
                assert_eq!(ended["outcome"], "cancelled", "{tool}: {ended}");
            }
            assert_eq!(tenant.agent.call("catalogue/limits.spin", json!({"rounds": 10})).await.status, 200);
        }
    });
}

/// RUSTSEC-2026-0088, pool slots: what one tenant's call left in memory is nothing that another's finds.
#[test]
fn hostile_rustsec_2026_0088_slots_that_were_somebody_elses() {
    attack(async {
        let server = shared().await;
        let (leaver, looker) = (server.tenant("leaver").await, server.tenant("looker").await);
        for pages in [1, 40, 400] {
            for _ in 0..4 {
                let leave = leaver.agent.call("catalogue/attack.residue-leave", json!({"pages": pages}));
                let look = looker.agent.call("catalogue/attack.residue-look", json!({"pages": pages}));
                let (left, looked) = futures::join!(leave, look);
                leaver.ended(&left, "ok").await;
                looker.ended(&looked, "ok").await;
                let seen = looked.json();
                assert_eq!((&seen["pattern"], &seen["fresh"]), (&json!(0), &json!(0)), "{seen}");
            }
        }
    });
}

/// RUSTSEC-2026-0149 and -0188, GHSA-vqjp-4c8c-hfgg: truncation, links, renames and slashes at the end, on what is read-only.
#[test]
fn hostile_rustsec_2026_0149_0188_changes_of_what_is_read_only() {
    attack(async {
        let tenant = shared().await.tenant("read-only").await;
        let policy = |access: &str| {
            format!(
                "[[grant]]\ntools = [\"catalogue/attack\", \"catalogue/limits\"]\nfiles = [\
                 {{ volume = \"kept\", mount = \"/kept\", access = \"{access}\" }}, \
                 {{ volume = \"work\", mount = \"/work\", access = \"read-write\" }}]"
            )
        };
        tenant.policy(&policy("read-write")).await;
        for path in ["/kept/secret", "/work/own"] {
            tenant.agent.call("catalogue/limits.file-write", json!({"path": path, "text": "kept"})).await.text();
        }
        tenant.policy(&policy("read-only")).await;
        for (mount, way, path, to_mount, to) in [
            ("/kept", "truncate", "secret", "", ""),
            ("/kept", "truncate", "secret/", "", ""),
            ("/kept", "truncate", "./secret", "", ""),
            ("/kept", "set-size", "secret", "", ""),
            ("/kept", "hard-link", "secret", "/work", "twin"),
            ("/kept", "rename", "secret", "/work", "twin"),
            ("/work", "rename", "own", "/kept", "secret"),
            ("/work", "hard-link", "own", "/kept", "secret"),
            ("/kept", "create", "secret/", "", ""),
            ("/kept", "unlink", "secret/", "", ""),
            ("/kept", "remove-folder", "secret/", "", ""),
        ] {
            let arguments =
                json!({"mount": mount, "way": way, "path": path, "to_mount": to_mount, "to": to, "follow": true});
            let came = tenant.agent.call("catalogue/attack.reach", arguments).await.text();
            assert_ne!(came, "ok", "{mount} {way} {path} {to_mount} {to}");
            let kept = tenant.agent.call("catalogue/limits.file-read", json!({"path": "/kept/secret"})).await.text();
            assert_eq!(kept, "kept", "{mount} {way} {path}");
        }
        tenant.entry("capability.denied", json!({"capability": "files"})).await;
    });
}
