//! A log copied from a URL: whole, resumable, and never with anything in it that does not hold.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cofferdam_auditor::error::{Error, Result};
use cofferdam_auditor::mirror::{Mirrored, mirror};
use cofferdam_auditor::source::{Folder, Url};
use cofferdam_auditor::verify::verify;
use support::server::Server;
use support::{Files, entry, key, options, tiles_of, usual};

fn log(size: u64) -> Files {
    Files::of(&(0..size).map(usual).collect::<Vec<_>>(), &key())
}

fn run(source: &Url, folder: &Path) -> Result<Mirrored> {
    mirror(source, folder, &key().vkey(), &mut |_| {})
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_copy_is_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(600);
    let server = Server::start(log.0.clone(), Some("secret"));
    let source = Url::new(&server.url, Some("secret")).unwrap();
    let mirrored = run(&source, folder.path()).unwrap();
    assert_eq!((mirrored.size, mirrored.before), (600, 0));
    assert_eq!(mirrored.files_written, tiles_of(600).count() as u64);
    assert_eq!(read(folder.path()), log.0);
    let report = verify(&Folder::new(folder.path()), &options(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_further_run_fetches_what_is_new_and_what_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(log(600).0, None);
    let source = Url::new(&server.url, None).unwrap();
    run(&source, folder.path()).unwrap();
    let larger = log(900);
    *server.files.lock().unwrap() = larger.0.clone();
    // One tile and one bundle in the folder were damaged; one got lost.
    fs::write(folder.path().join("tile/0/001"), vec![0; 8192]).unwrap();
    fs::write(folder.path().join("tile/entries/000"), b"\xff\xff").unwrap();
    fs::remove_file(folder.path().join("tile/entries/001")).unwrap();
    server.asked.lock().unwrap().clear();
    let mirrored = run(&source, folder.path()).unwrap();
    assert_eq!((mirrored.size, mirrored.before, mirrored.files_kept), (900, 600, 1));
    let asked = server.asked.lock().unwrap().clone();
    assert!(!asked.contains(&"tile/0/000".to_owned()), "{asked:?}");
    let copied = read(folder.path());
    assert!(larger.0.iter().all(|(path, bytes)| copied.get(path) == Some(bytes)));
    let report = verify(&Folder::new(folder.path()), &options(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_copy_does_not_go_back_or_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(log(600).0, None);
    let source = Url::new(&server.url, None).unwrap();
    run(&source, folder.path()).unwrap();
    let before = read(folder.path());
    let mut other: Vec<_> = (0..700).map(usual).collect();
    other[3] = entry(3, "acme", "login.failed", serde_json::json!({}));
    for (files, code) in [(log(500), "rolled-back"), (Files::of(&other, &key()), "forked")] {
        *server.files.lock().unwrap() = files.0;
        assert_eq!(run(&source, folder.path()).unwrap_err().code(), code);
        assert_eq!(read(folder.path()), before);
    }
}

#[test]
fn what_does_not_hold_is_not_written() {
    let log = log(600);
    for (path, bytes) in &log.0 {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(log.0.clone(), None);
        let mut bad = bytes.clone();
        let last = bad.len() - 3;
        bad[last] ^= 1;
        server.files.lock().unwrap().insert(path.clone(), bad);
        run(&Url::new(&server.url, None).unwrap(), folder.path()).unwrap_err();
        let copied = read(folder.path());
        assert!(!copied.contains_key("checkpoint"), "{path}");
        assert!(copied.iter().all(|(path, bytes)| log.0.get(path) == Some(bytes)), "{path}");
    }
}

#[test]
fn a_server_is_asked_again_where_that_helps() {
    let server = Server::start(log(3).0, Some("secret"));
    *server.busy.lock().unwrap() = 2;
    let folder = tempfile::tempdir().unwrap();
    run(&Url::new(&server.url, Some("secret")).unwrap(), folder.path()).unwrap();
    server.asked.lock().unwrap().clear();
    let error = run(&Url::new(&server.url, Some("wrong")).unwrap(), folder.path()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }) && error.to_string().contains("401"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let moved = Url::new(&format!("{}/moved", server.url), Some("secret")).unwrap();
    let error = run(&moved, folder.path()).unwrap_err();
    assert!(error.to_string().contains("redirects are not followed"), "{error}");
    // A tile that is longer than a tile is not read to its end.
    server.files.lock().unwrap().insert("checkpoint".to_owned(), vec![b'x'; 1 << 20]);
    let error = run(&Url::new(&server.url, Some("secret")).unwrap(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("longer than 65536 bytes"), "{error}");
}

#[test]
fn a_key_does_not_cross_a_network_in_clear() {
    assert!(Url::new("http://cofferdam.example/log", Some("secret")).is_err());
    assert!(Url::new("http://cofferdam.example/log", None).is_ok());
    assert!(Url::new("https://cofferdam.example/log", Some("secret")).is_ok());
    assert!(Url::new("ftp://cofferdam.example/log", None).is_err());
    assert!(Url::new("https://cofferdam.example/log", Some("a\nb")).is_err());
}
