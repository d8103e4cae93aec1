//! Files of the host's that somebody replaced: nothing that the host did not make is run, and every change of the record is
//! found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_tests::{Options, Server, Tenant, guest, program, run};
use serde_json::json;
use tempfile::TempDir;

/// All files below a folder whose length is at least that.
fn files(folder: &Path, least: u64) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path(), least));
        } else if entry.metadata().unwrap().len() >= least {
            found.push(entry.path());
        }
    }
    found
}

/// Changes one byte in the middle of each.
fn forge(files: &[PathBuf]) {
    for file in files {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::remove_file(file).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

async fn start(data: &Path) -> Server {
    Server::start(Options { data: Some(data.to_owned()), ..Options::default() }).await
}

/// A data folder of a host that has stopped, a tenant of it with a tool of its own that was called, and another one with
/// nothing but the catalogue's.
async fn stopped() -> (TempDir, PathBuf, Tenant, Tenant) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = start(&data).await;
    let acme = server.tenant("acme").await;
    acme.push("own", guest("noop")).await;
    server.publish(&["noop"]).await;
    assert_eq!(acme.agent.call("own.noop", json!({})).await.text(), "ok");
    let bystander = server.tenant("bystander").await;
    assert_eq!(bystander.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    assert_eq!(server.stop().await, Some(0));
    (folder, data, acme, bystander)
}

fn verify(data: &Path) -> (bool, String) {
    let output = Command::new(program()).args(["audit", "verify"]).arg(data).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Never run: it does not authenticate, and the component is compiled anew.
#[test]
fn hostile_artefact_in_the_cache() {
    run(async {
        let (_folder, data, acme, bystander) = stopped().await;
        let artefacts = files(&data.join("artefacts"), 1_000);
        assert!(!artefacts.is_empty());
        forge(&artefacts);
        let server = start(&data).await;
        let (acme, bystander) = (acme.at(server.platform.base()), bystander.at(server.platform.base()));
        let calls =
            futures::join!(acme.agent.call("own.noop", json!({})), bystander.agent.call("catalogue/noop", json!({})));
        acme.ended(&calls.0, "ok").await;
        assert_eq!((calls.0.text(), calls.1.text()), ("ok".to_owned(), "ok".to_owned()));
        assert_eq!(server.stop().await, Some(0));
    });
}

/// Never compiled: it is not what its digest says, and a call of it fails and says so to the operator alone.
#[test]
fn hostile_component_in_the_place_of_another() {
    run(async {
        let (_folder, data, acme, bystander) = stopped().await;
        let components = files(&data.join("blobs/components").join(&acme.name), 1_000);
        assert!(!components.is_empty());
        forge(&components);
        for artefact in files(&data.join("artefacts"), 1_000) {
            fs::remove_file(artefact).unwrap();
        }
        let server = start(&data).await;
        let (acme, bystander) = (acme.at(server.platform.base()), bystander.at(server.platform.base()));
        let (answer, beside) =
            futures::join!(acme.agent.call("own.noop", json!({})), bystander.agent.call("catalogue/noop", json!({})));
        assert!(answer.status >= 500, "{answer:?}");
        assert!(!answer.text.contains("sha256") && !answer.text.contains("blobs"), "{answer:?}");
        acme.entry("call.refused", json!({"tool": "own.noop", "code": answer.code().unwrap().as_str()})).await;
        // What nobody replaced is compiled anew.
        assert_eq!(beside.text(), "ok");
        assert_eq!(acme.agent.call("catalogue/noop", json!({})).await.text(), "ok");
        assert_eq!(server.stop().await, Some(0));
    });
}

/// Found and named: in the journal, in a bundle of a log, and in a checkpoint.
#[test]
fn hostile_edit_of_the_record() {
    run(async {
        let (_folder, data, acme, bystander) = stopped().await;
        let server = start(&data).await;
        let acme = acme.at(server.platform.base());
        for _ in 0..150 {
            acme.agent.call("own.noop", json!({})).await.ok();
        }
        acme.auditor.get("/v1/log/checkpoint").await;
        assert_eq!(server.stop().await, Some(0));
        let (whole, said) = verify(&data);
        assert!(whole, "{said}");
        let log: Vec<_> = files(&data.join("blobs/logs").join(&acme.name), 1);
        assert!(log.iter().any(|file| file.ends_with("tile/entries/000")), "{log:?}");
        for file in log {
            let before = fs::read(&file).unwrap();
            forge(std::slice::from_ref(&file));
            let (whole, said) = verify(&data);
            assert!(!whole && said.contains(&format!("the log of {}", acme.name)), "{}: {said}", file.display());
            assert!(!said.contains(&format!("the log of {}", bystander.name)), "nobody touched that one: {said}");
            fs::write(&file, before).unwrap();
        }
        let segment = files(&data.join("journal"), 1).into_iter().find(|file| file.extension().is_some()).unwrap();
        let before = fs::read(&segment).unwrap();
        let at = before.windows(10).position(|part| part == b"call.ended").unwrap();
        let mut forged = before;
        forged[at + 5] = b'E';
        fs::write(&segment, forged).unwrap();
        let (whole, said) = verify(&data);
        assert!(!whole && said.contains("found:"), "{said}");
        assert!(verify(&data).1.contains("NOT whole"));
    });
}

/// The host does not go on: what it signed before is longer than what is there now.
#[test]
fn hostile_journal_put_back_from_an_older_copy() {
    run(async {
        let (_folder, data, acme, bystander) = stopped().await;
        let older: Vec<_> =
            files(&data.join("journal"), 1).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
        let store = fs::read(data.join("host.db")).unwrap();
        let server = start(&data).await;
        let acme = acme.at(server.platform.base());
        for _ in 0..5 {
            acme.agent.call("own.noop", json!({})).await.ok();
        }
        acme.auditor.get("/v1/log/checkpoint").await;
        assert_eq!(server.stop().await, Some(0));
        for (bytes, file) in older {
            fs::write(file, bytes).unwrap();
        }
        fs::write(data.join("host.db"), store).unwrap();
        let (whole, said) = verify(&data);
        assert!(!whole && said.contains("rolled-back"), "{said}");
        // Of whom no checkpoint was handed out, nothing can have been taken back.
        assert!(!said.contains(&format!("the log of {}", bystander.name)), "{said}");
    });
}
