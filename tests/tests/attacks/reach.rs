//! Ways out of a volume, straight at the interface. Each was once an advisory about somebody's file system.

use cofferdam_tests::{Tenant, attack, shared};
use serde_json::json;

const POLICY: &str = r#"
[[grant]]
tools = ["catalogue/attack", "catalogue/limits"]
files = [
    { volume = "work", mount = "/work", access = "read-write" },
    { volume = "other", mount = "/other", access = "read-write" },
    { volume = "kept", mount = "/kept", access = "read-only" },
]
"#;

/// The same volumes, all of them writable: how what is to be kept gets there.
async fn fill(tenant: &Tenant) {
    tenant.policy(&POLICY.replace("read-only", "read-write")).await;
    for (path, text) in [("/kept/secret", "kept"), ("/work/own", "own")] {
        tenant.agent.call("catalogue/limits.file-write", json!({"path": path, "text": text})).await.text();
    }
    let folder = json!({"mount": "/work", "way": "create-folder", "path": "folder"});
    assert_eq!(tenant.agent.call("catalogue/attack.reach", folder).await.text(), "ok");
    tenant.policy(POLICY).await;
}

async fn reach(tenant: &Tenant, mount: &str, way: &str, path: &str, to_mount: &str, to: &str, follow: bool) -> String {
    let arguments = json!({"mount": mount, "way": way, "path": path, "to_mount": to_mount, "to": to, "follow": follow});
    tenant.agent.call("catalogue/attack.reach", arguments).await.text()
}

/// Nothing that is there changed, and the guest's own files still work.
async fn whole(tenant: &Tenant) {
    for (path, text) in [("/kept/secret", "kept"), ("/work/own", "own")] {
        assert_eq!(tenant.agent.call("catalogue/limits.file-read", json!({"path": path})).await.text(), text);
    }
}

/// Refused by the interface's own errors; nothing outside is read or changed.
#[test]
fn hostile_paths_out_of_a_volume() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("paths").await;
        fill(&tenant).await;
        let data = server.data.display().to_string();
        let paths = [
            "..",
            "../kept/secret",
            "../../../../../../etc/passwd",
            "/etc/passwd",
            "/work/own",
            "/",
            "folder/../../kept/secret",
            "folder/../..",
            "./../other",
            "own/..",
            "own/../own",
            "own/",
            "own/.",
            "",
            "//etc/passwd",
            "own\0x",
            &format!("{data}/cofferdam.db"),
            "/proc/self/environ",
            "folder/./../../own",
        ];
        for path in paths {
            for way in [
                "read",
                "write",
                "create",
                "truncate",
                "set-size",
                "folder",
                "create-folder",
                "remove-folder",
                "unlink",
                "look",
                "read-link",
            ] {
                for follow in [false, true] {
                    let found = reach(&tenant, "/work", way, path, "", "", follow).await;
                    // `own/../own` and its like may be resolved or not; what is found there is the volume's own.
                    let inside = ["own/../own", "own/..", "own/."].contains(&path);
                    assert!(found != "ok" && (found != "own" || inside), "{way} {path:?}: {found}");
                    assert!(!found.contains("root:") && !found.contains("kept"), "{way} {path:?}: {found}");
                }
            }
        }
        whole(&tenant).await;
        let rule = "a path may not lead out of its volume";
        tenant.entry("capability.denied", json!({"capability": "files", "rule": rule})).await;
        let outside: Vec<_> =
            std::fs::read_dir(&server.data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!outside.iter().any(|name| name == "own" || name == "folder"), "{outside:?}");
    });
}

/// Refused, truncation and links among them; every byte stays as it was.
#[test]
fn hostile_changes_of_what_is_read_only() {
    attack(async {
        let tenant = shared().await.tenant("kept").await;
        fill(&tenant).await;
        assert_eq!(reach(&tenant, "/kept", "read", "secret", "", "", false).await, "kept");
        let ways = [
            ("write", "secret"),
            ("truncate", "secret"),
            ("set-size", "secret"),
            ("unlink", "secret"),
            ("create", "new"),
            ("create-folder", "new"),
            ("remove-folder", "."),
            ("create", "secret"),
            ("truncate", "secret/"),
        ];
        for (way, path) in ways {
            let found = reach(&tenant, "/kept", way, path, "", "", false).await;
            assert_ne!(found, "ok", "{way} {path}");
        }
        // Nor by a file's other name, in a place where it may be written, whichever way it would get there.
        for way in ["rename", "hard-link"] {
            for (from, path, to, name) in [
                ("/kept", "secret", "/work", "secret"),
                ("/work", "own", "/kept", "own"),
                ("/work", "own", "/kept", "secret"),
                ("/work", "own", "/other", "own"),
                ("/work", "folder", "/kept", "folder"),
                ("/work", "own", "/work", "../kept/own"),
            ] {
                for follow in [false, true] {
                    let found = reach(&tenant, from, way, path, to, name, follow).await;
                    assert_ne!(found, "ok", "{way} {from} {path} {to} {name}");
                }
            }
        }
        whole(&tenant).await;
        tenant.entry("capability.denied", json!({"capability": "files", "rule": "the files grant is read-only"})).await;
        assert_ne!(reach(&tenant, "/other", "read", "own", "", "", false).await, "own");
    });
}

/// Neither made nor followed.
#[test]
fn hostile_links() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("links").await;
        fill(&tenant).await;
        for to in ["../kept/secret", "/etc/passwd", "own", "/", ".."] {
            let found = reach(&tenant, "/work", "symbolic-link", "link", "", to, false).await;
            assert_ne!(found, "ok", "{to}");
            assert_ne!(reach(&tenant, "/work", "look", "link", "", "", false).await, "ok", "{to}");
        }
        assert_ne!(reach(&tenant, "/work", "hard-link", "own", "/work", "twin", false).await, "ok");
        // One that somebody else put there, an operator with a shell, leads nowhere either.
        let volume = find(&server.data, &tenant.name, "work");
        std::os::unix::fs::symlink("/etc/passwd", volume.join("planted")).unwrap();
        std::os::unix::fs::symlink("/etc", volume.join("planted-folder")).unwrap();
        for path in ["planted", "planted-folder/passwd", "planted-folder"] {
            for way in ["read", "write", "truncate", "folder", "create"] {
                for follow in [false, true] {
                    let found = reach(&tenant, "/work", way, path, "", "", follow).await;
                    assert!(found != "ok" && !found.contains("root:"), "{way} {path}: {found}");
                }
            }
        }
        whole(&tenant).await;
        tenant.entry("capability.denied", json!({"capability": "files"})).await;
    });
}

/// The folder of a tenant's volume.
fn find(data: &std::path::Path, tenant: &str, volume: &str) -> std::path::PathBuf {
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                let path = entry.path();
                let names = path.iter().map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>();
                if names.last().is_some_and(|name| name == volume) && names.iter().any(|name| name == tenant) {
                    return path;
                }
                folders.push(path);
            }
        }
    }
    panic!("no volume {volume} of {tenant} below {}", data.display());
}
