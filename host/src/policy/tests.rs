//! Policies as people write them, and what is decided by them.

use expect_test::{Expect, expect};

use super::*;
use crate::id::PackageRef;

const EXAMPLE: &str = r#"[tools]
allow = ["*", "catalogue/*"]
deny = ["catalogue/shell"]

[limits]
fuel = 2_000_000_000
memory_bytes = "64MiB"
deadline = "5s"

[[grant]]
tools = ["notes", "catalogue/files"]
kv = [{ bucket = "notes", access = "read-write", bytes_max = "10MiB", keys_max = 10_000 }]
files = [{ volume = "workspace", mount = "/work", access = "read-only", bytes_max = "100MiB", files_max = 10_000 }]
http = [{ host = "api.github.com", methods = ["GET"], paths = ["/repos/*"] }]
clock = "coarse"
random = "secure"
log = "info"
config = { greeting = "hello" }
"#;

/// The decision on `package` that requires and may use the kinds named.
fn decided(ceiling: &Ceiling, policy: &Policy, package: &str, required: &str, optional: &str) -> Decision {
    let kinds = |text: &str| {
        let kind = |word| GrantKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap();
        text.split_whitespace().map(kind).collect()
    };
    let needs = Needs { required: kinds(required), optional: kinds(optional) };
    let package: PackageRef = package.parse().unwrap();
    decide(ceiling, policy, &Subject { package: &package, needs: &needs, limits: &LimitsPatch::default() })
}

#[test]
fn the_built_in_ceiling_reads_without_a_problem() {
    let (_, problems) = Ceiling::read(BUILT_IN);
    problems.or(()).unwrap();
}

fn shows(decision: &Decision, expected: &Expect) {
    expected.assert_debug_eq(decision);
}

#[test]
fn the_example_gives_what_it_says() {
    let policy = Policy::parse(EXAMPLE).unwrap();
    let decision = decided(&Ceiling::builtin(), &policy, "notes", "kv", "http files clock random log");
    shows(
        &decision,
        &expect![[r#"
        Allowed(
            Allowed {
                rule: "policy line 2: [tools] allow \"*\"; policy line 10: [[grant]] 1 (tools = [\"notes\", …])",
                grants: Grants {
                    kv: [
                        Grant(
                            KvGrant {
                                bucket: "notes",
                                access: ReadWrite,
                                bytes_max: 10485760,
                                keys_max: 10000,
                            },
                        ),
                    ],
                    files: [
                        Grant(
                            FilesGrant {
                                volume: "workspace",
                                mount: "/work",
                                access: ReadOnly,
                                bytes_max: 104857600,
                                files_max: 10000,
                            },
                        ),
                    ],
                    http: Some(
                        Grant(
                            HttpGrant {
                                tenant: [
                                    HttpRule {
                                        scheme: Https,
                                        host: Exactly(
                                            Domain(
                                                "api.github.com",
                                            ),
                                        ),
                                        port: None,
                                        methods: [
                                            "GET",
                                        ],
                                        paths: [
                                            "/repos/*",
                                        ],
                                    },
                                ],
                                ceiling: [
                                    HttpRule {
                                        scheme: Https,
                                        host: Any,
                                        port: None,
                                        methods: [
                                            "*",
                                        ],
                                        paths: [
                                            "/*",
                                        ],
                                    },
                                ],
                                private: [],
                            },
                        ),
                    ),
                    clock: Grant(
                        Coarse,
                    ),
                    random: Grant(
                        Secure,
                    ),
                    log: Some(
                        Grant(
                            Info,
                        ),
                    ),
                    config: Grant(
                        {},
                    ),
                },
                limits: CallLimits {
                    fuel: 2000000000,
                    deadline: 5s,
                    memory_bytes: 67108864,
                    table_elements: 100000,
                    instances: 100,
                    resources: 1000,
                    hostcall_bytes: 8388608,
                    random_bytes: 65536,
                    arguments_bytes: 1048576,
                    result_bytes: 4194304,
                    log_bytes: 65536,
                    progress_reports: 1000,
                    http_requests: 16,
                    http_sent_bytes: 1048576,
                    http_received_bytes: 8388608,
                    http_header_bytes: 32768,
                    http_timeout: 5s,
                    kv_operations: 1000,
                    kv_key_bytes: 512,
                    kv_value_bytes: 1048576,
                    files_open: 64,
                },
                withheld: [
                    Withheld {
                        kind: Config,
                        layer: Package,
                        words: "the policy grants config, and notes does not declare that it needs it",
                        rule: "package: config is not among the needs of notes",
                        remedy: "publish a version of notes that has \"config\" in its [needs]",
                    },
                ],
            },
        )
    "#]],
    );
    let decision = decided(&Ceiling::builtin(), &policy, "noter", "kv http", "log");
    shows(
        &decision,
        &expect![[r#"
        Denied(
            Denied {
                reason: "noter requires http and kv, which it is not granted",
                rule: "default: no [[grant]] gives http to noter",
                nearest: Some(
                    "policy line 14: [[grant]] 1 gives http to \"notes\"",
                ),
                remedy: "add to the policy:\n[[grant]]\ntools = [\"noter\"]\nhttp = [{ host = \"api.example.com\" }]\nkv = [{ bucket = \"noter\", access = \"read-write\" }]",
            },
        )
    "#]],
    );
    let decision = decided(&Ceiling::builtin(), &policy, "catalogue/shell", "kv http", "log");
    shows(
        &decision,
        &expect![[r#"
        Denied(
            Denied {
                reason: "the policy does not let catalogue/shell be called",
                rule: "policy line 3: [tools] deny \"catalogue/shell\"",
                nearest: Some(
                    "policy line 2: [tools] allow \"catalogue/*\", but deny wins",
                ),
                remedy: "take \"catalogue/shell\" out of deny in [tools] of the policy",
            },
        )
    "#]],
    );
}
