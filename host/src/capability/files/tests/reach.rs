//! What a call gets at: its own mounts, as far as they are granted, and nothing beside them.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::sync::atomic::Ordering;

use super::support::*;
use super::*;
use crate::policy::Access;

/// Every way to name something, by a path.
async fn every_use(folder: &Folder, path: &str) -> Vec<(&'static str, String)> {
    let truncate = OpenHow { truncate: true, ..READ };
    let create = OpenHow { create: true, ..READ };
    vec![
        ("open", fault(folder.open(path, READ).await)),
        ("open folder", fault(folder.open(path, OpenHow { folder: true, ..READ }).await)),
        ("metadata", fault(folder.metadata(path).await)),
        ("hash", fault(folder.hash(path).await)),
        ("read link", fault(folder.refuse_to_read_link(path).await)),
        ("write", fault(folder.open(path, OpenHow { write: true, ..READ }).await)),
        ("create", fault(folder.open(path, create).await)),
        ("truncate", fault(folder.open(path, truncate).await)),
        ("make folder", fault(folder.make_folder(path).await)),
        ("set times", fault(folder.set_times(path, NewTime::Now, NewTime::Now).await)),
        ("rename from", fault(folder.rename(path, folder, "moved").await)),
        ("rename to", fault(folder.rename("mine", folder, path).await)),
        ("remove file", fault(folder.remove_file(path).await)),
        ("remove folder", fault(folder.remove_folder(path).await)),
    ]
}

#[tokio::test]
async fn without_a_grant_there_is_no_folder() {
    let world = World::new();
    assert!(world.call("acme", Vec::new()).files.mounts().is_empty());
    let mut call = world.call("acme", vec![grant("a", "/a", Access::ReadOnly), grant("b", "/b/c", Access::ReadWrite)]);
    let places: Vec<_> = call.files.mounts().into_iter().map(|(folder, place)| (place, folder.is_writable())).collect();
    assert_eq!(places, [("/a".to_owned(), false), ("/b/c".to_owned(), true)]);
    assert_eq!(call.record.asked.load(Ordering::Relaxed), 0, "nothing was touched");
}

#[tokio::test]
async fn what_was_granted_and_used_is_noted_and_nothing_else() {
    let world = World::new();
    let used = |call: &Call| call.effects.uses().uses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (call, root) = world.reader();
    assert_eq!(used(&call), [""; 0], "to have a volume is not to use it");
    assert_eq!(fault(root.make_folder("sub").await), "ReadOnly");
    assert_eq!(used(&call), [""; 0], "what is denied is not used");
    assert_eq!(fault(root.metadata("none").await), "NoEntry");
    assert_eq!(used(&call), ["read volume \"work\" at /work"], "that there is nothing is worth knowing");
    let (call, root) = world.writer();
    write(&root, "mine", b"mine").await.unwrap();
    assert_eq!(used(&call), ["write volume \"work\" at /work"]);
    root.list().await.unwrap();
    assert_eq!(used(&call), ["read volume \"work\" at /work", "write volume \"work\" at /work"]);
}

#[tokio::test]
async fn no_path_leads_out_of_a_mount_and_each_try_is_recorded() {
    let world = World::new();
    let (call, root) = world.writer();
    write(&root, "mine", b"mine").await.unwrap();
    root.make_folder("sub").await.unwrap();
    let outside = world.path("acme", "other");
    std::fs::write(outside.join("secret"), b"secret").unwrap();
    let sub = folder(&root, "sub").await.unwrap();
    let absolute = outside.join("secret").to_string_lossy().into_owned();
    for path in [
        "..",
        "../",
        "../other",
        "../other/secret",
        "./../other/secret",
        "sub/../../other/secret",
        "/",
        "/etc/passwd",
        &absolute,
    ] {
        for (what, outcome) in every_use(&root, path).await {
            assert_eq!(outcome, "Escape", "{what} {path:?}");
        }
    }
    // A folder below the mount is as closed.
    for path in ["..", "../mine", "../../other/secret", "/mine"] {
        for (what, outcome) in every_use(&sub, path).await {
            assert_eq!(outcome, "Escape", "{what} {path:?}");
        }
    }
    let denials = call.denials();
    assert!(!denials.is_empty());
    assert!(denials.iter().all(|(_, rule)| rule == "a path may not lead out of its volume"));
    assert!(denials.iter().all(|(action, _)| action.ends_with(" in /work")), "{denials:?}");
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(names(&root).await, ["mine", "sub"]);
}

/// Somebody with access to the disk put links there: no guest can.
#[tokio::test]
async fn links_that_someone_else_made_lead_nowhere() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "mine", b"mine").await.unwrap();
    root.make_folder("sub").await.unwrap();
    let (volume, outside) = (world.path("acme", "work"), world.path("globex", "work"));
    std::fs::write(outside.join("secret"), b"secret").unwrap();
    for (link, to) in [
        ("absolute", outside.as_path()),
        ("relative", "../../globex/work".as_ref()),
        ("file", &outside.join("secret")),
        ("passwd", "/etc/passwd".as_ref()),
        ("dots", "..".as_ref()),
        ("self", "self".as_ref()),
    ] {
        symlink(to, volume.join(link)).unwrap();
        // Through it nothing is found, and at its end is itself.
        for below in ["secret", "new", ""] {
            let path = format!("{link}/{below}");
            for (what, outcome) in every_use(&root, &path).await {
                assert!(
                    matches!(
                        outcome.as_str(),
                        "Escape"
                            | "Loop"
                            | "NotDirectory"
                            | "NoEntry"
                            | "NotPermitted"
                            | "IsDirectory"
                            | "Exist"
                            | "Invalid"
                    ),
                    "{what} {path}: {outcome}"
                );
            }
        }
        for how in [READ, WRITE, OpenHow { truncate: true, ..READ }, OpenHow { create: true, ..READ }] {
            assert_eq!(fault(root.open(link, how).await), "Loop", "{link} {how:?}");
        }
        assert_eq!(root.metadata(link).await.unwrap().kind, Kind::Link);
        assert_eq!(fault(root.refuse_to_read_link(link).await), "Link");
    }
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1, "nothing was made there");
    // It may be taken away: the link, not what it leads to.
    root.remove_file("absolute").await.unwrap();
    assert!(outside.join("secret").exists());
}

#[tokio::test]
async fn no_guest_makes_a_link() {
    let world = World::new();
    let (call, root) = world.writer();
    assert_eq!(fault(root.refuse_link()), "Link");
    assert_eq!(call.denials(), [("link in /work".to_owned(), "links are neither made nor read".to_owned())]);
}

#[tokio::test]
async fn nothing_is_carried_from_one_mount_to_another() {
    let world = World::new();
    let grants = vec![
        grant("work", "/work", Access::ReadWrite),
        grant("other", "/other", Access::ReadWrite),
        grant("read", "/read", Access::ReadOnly),
        // The same volume twice is two mounts.
        grant("work", "/again", Access::ReadOnly),
        grant("work", "/more", Access::ReadWrite),
    ];
    std::fs::write(world.path("acme", "read").join("file"), b"r").unwrap();
    let mut call = world.call("acme", grants);
    let mounts: Vec<_> = call.files.mounts().into_iter().map(|(folder, _)| folder).collect();
    let [work, other, read_only, again, more] = &mounts[..] else { panic!() };
    write(work, "file", b"w").await.unwrap();
    for (from, to, expected) in [
        (work, other, "CrossDevice"),
        (work, more, "CrossDevice"),
        (work, read_only, "ReadOnly"),
        (work, again, "ReadOnly"),
        (read_only, work, "ReadOnly"),
        (again, work, "ReadOnly"),
        (again, again, "ReadOnly"),
    ] {
        let before = call.record.denied.lock().len();
        assert_eq!(fault(from.rename("file", to, "moved").await), expected);
        assert_eq!(call.record.denied.lock().len(), before + 1);
    }
    assert_eq!((names(work).await, names(other).await), (vec!["file".to_owned()], Vec::new()));
    assert_eq!(read(again, "file").await.unwrap(), b"w", "to look at, it is the same");
}

#[tokio::test]
async fn a_read_only_mount_is_read_and_every_change_is_denied_and_recorded() {
    let world = World::new();
    let (_writer, root) = world.writer();
    write(&root, "file", b"content").await.unwrap();
    root.make_folder("sub").await.unwrap();
    let before = std::fs::metadata(world.path("acme", "work").join("file")).unwrap();

    let (call, root) = world.reader();
    let mut expected = 0;
    for how in [
        WRITE,
        OpenHow { write: true, ..READ },
        OpenHow { truncate: true, ..READ },
        OpenHow { truncate: true, read: false, ..READ },
        OpenHow { create: true, ..READ },
        OpenHow { create: true, exclusive: true, ..READ },
        OpenHow { write: true, folder: true, ..READ },
        OpenHow { truncate: true, folder: true, ..READ },
    ] {
        for path in ["file", "new", "sub", ".", "file/", "../file", "none/file"] {
            assert_eq!(fault(root.open(path, how).await), "ReadOnly", "{how:?} {path}");
            expected += 1;
        }
    }
    for changed in [
        root.make_folder("new").await,
        root.remove_folder("sub").await,
        root.remove_file("file").await,
        root.rename("file", &root, "moved").await,
        root.set_times("file", NewTime::Now, NewTime::Now).await,
    ] {
        assert_eq!(fault(changed), "ReadOnly");
        expected += 1;
    }
    assert_eq!(call.effects.usage().denials, expected);
    let open = file(&root, "file", READ).await.unwrap();
    assert!(open.is_readable() && !open.is_writable());
    assert_eq!(fault(open.write("x".into(), Some(0)).await), "BadDescriptor");
    assert_eq!(fault(open.set_size(0).await), "BadDescriptor");
    assert_eq!(fault(open.set_times(NewTime::Now, NewTime::Now).await), "ReadOnly");
    let sub = folder(&root, "sub").await.unwrap();
    assert_eq!(fault(sub.make_folder("new").await), "ReadOnly");
    assert_eq!(read(&root, "file").await.unwrap(), b"content");
    let after = std::fs::metadata(world.path("acme", "work").join("file")).unwrap();
    assert_eq!((after.mtime_nsec(), after.size()), (before.mtime_nsec(), before.size()));
    assert_eq!(names(&root).await, ["file", "sub"]);
}

#[tokio::test]
async fn what_was_opened_to_read_is_not_written_on_a_mount_that_could_be() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "file", b"content").await.unwrap();
    let open = file(&root, "file", READ).await.unwrap();
    assert_eq!(fault(open.write("x".into(), Some(0)).await), "BadDescriptor");
    assert_eq!(fault(open.set_size(0).await), "BadDescriptor");
    let write_only = file(&root, "file", OpenHow { read: false, write: true, ..READ }).await.unwrap();
    assert_eq!(fault(write_only.read(1, 0).await), "BadDescriptor");
    // Emptying it is a right of the mount, and no right to write on.
    let emptied = file(&root, "file", OpenHow { truncate: true, ..READ }).await.unwrap();
    assert_eq!(fault(emptied.write("x".into(), Some(0)).await), "BadDescriptor");
    assert_eq!(read(&root, "file").await.unwrap(), b"");
}

#[tokio::test]
async fn another_tenant_s_volume_of_the_same_name_is_another_one() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "file", b"acme's").await.unwrap();
    let mut globex = world.call("globex", vec![grant("work", "/work", Access::ReadWrite)]);
    let theirs = globex.root();
    assert!(names(&theirs).await.is_empty());
    assert_eq!(fault(read(&theirs, "file").await), "NoEntry");
    write(&theirs, "file", b"globex's").await.unwrap();
    assert_eq!(read(&root, "file").await.unwrap(), b"acme's");
    // A name that a policy could never give is no way to another folder either.
    for volume in ["../globex/work", "..", "/etc", "a/b", ""] {
        let (_call, root) = world.writer_of(grant(volume, "/work", Access::ReadWrite));
        assert_eq!(fault(root.metadata(".").await), "Io", "{volume:?}");
    }
}

#[tokio::test]
async fn a_path_that_ends_in_a_slash_is_a_folder_s() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "file", b"content").await.unwrap();
    root.make_folder("sub").await.unwrap();
    for path in ["file/", "file/.", "file//"] {
        for how in [READ, WRITE, OpenHow { truncate: true, ..READ }] {
            assert_eq!(fault(root.open(path, how).await), "NotDirectory", "{path} {how:?}");
        }
        assert_eq!(fault(root.metadata(path).await), "NotDirectory", "{path}");
        assert_eq!(fault(root.remove_file(path).await), "NotDirectory", "{path}");
        assert_eq!(fault(root.rename(path, &root, "moved").await), "NotDirectory", "{path}");
        assert_eq!(fault(root.set_times(path, NewTime::Now, NewTime::Now).await), "NotDirectory", "{path}");
        assert_eq!(fault(root.rename("file", &root, &path.replace("file", "moved")).await), "NotDirectory", "{path}");
    }
    assert_eq!(fault(root.open("new/", WRITE).await), "IsDirectory");
    assert_eq!(fault(root.open("sub/", WRITE).await), "IsDirectory");
    assert_eq!(fault(root.remove_file("sub/").await), "IsDirectory");
    folder(&root, "sub/").await.unwrap();
    root.make_folder("new/").await.unwrap();
    root.rename("sub/", &root, "moved/").await.unwrap();
    root.remove_folder("moved/").await.unwrap();
    assert_eq!(names(&root).await, ["file", "new"]);
    assert_eq!(read(&root, "file").await.unwrap(), b"content");
}

#[tokio::test]
async fn opening_does_what_its_flags_say() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "file", b"content").await.unwrap();
    root.make_folder("sub").await.unwrap();
    let exclusive = OpenHow { exclusive: true, ..WRITE };
    for (path, how, expected) in [
        ("none", READ, "NoEntry"),
        ("none", OpenHow { truncate: true, write: true, ..READ }, "NoEntry"),
        ("none/file", WRITE, "NoEntry"),
        ("file/below", READ, "NotDirectory"),
        ("file", exclusive, "Exist"),
        ("sub", exclusive, "Exist"),
        ("file", OpenHow { folder: true, ..READ }, "NotDirectory"),
        ("sub", WRITE, "IsDirectory"),
        ("sub", OpenHow { truncate: true, ..READ }, "IsDirectory"),
        ("sub", OpenHow { folder: true, create: true, ..READ }, "Invalid"),
        ("", READ, "NoEntry"),
        ("a\0b", READ, "Invalid"),
    ] {
        assert_eq!(fault(root.open(path, how).await), expected, "{path} {how:?}");
    }
    file(&root, "new", exclusive).await.unwrap();
    file(&root, "file", OpenHow { truncate: true, ..WRITE }).await.unwrap();
    assert_eq!(read(&root, "file").await.unwrap(), b"");
    for path in [".", "sub/..", "./sub/../."] {
        assert!(matches!(root.open(path, READ).await, Ok(Node::Folder(_))), "{path}");
    }
}

#[tokio::test]
async fn renaming_replaces_a_file_by_a_file_and_an_empty_folder_by_a_folder() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "a", b"a").await.unwrap();
    write(&root, "b", b"bb").await.unwrap();
    for path in ["empty", "full", "moved"] {
        root.make_folder(path).await.unwrap();
    }
    write(&root, "full/file", b"").await.unwrap();
    assert_eq!(fault(root.rename("a", &root, "empty").await), "IsDirectory");
    assert_eq!(fault(root.rename("moved", &root, "a").await), "NotDirectory");
    assert_eq!(fault(root.rename("moved", &root, "full").await), "NotEmpty");
    assert_eq!(fault(root.rename("full", &root, "full/below").await), "Invalid");
    assert_eq!(fault(root.rename("none", &root, "c").await), "NoEntry");
    assert_eq!(fault(root.rename(".", &root, "c").await), "Invalid");
    root.rename("a", &root, "b").await.unwrap();
    root.rename("full", &root, "empty").await.unwrap();
    root.rename("b", &root, "b").await.unwrap();
    assert_eq!(names(&root).await, ["b", "empty", "moved"]);
    assert_eq!(
        (read(&root, "b").await.unwrap(), read(&root, "empty/file").await.unwrap()),
        (b"a".to_vec(), Vec::new())
    );
    let sub = folder(&root, "moved").await.unwrap();
    root.rename("b", &sub, "c").await.unwrap();
    root.rename("moved", &root, "again").await.unwrap();
    assert_eq!(read(&sub, "c").await.unwrap(), b"a", "an open folder stays the same folder");
}

#[tokio::test]
async fn nothing_is_touched_while_the_decision_cannot_be_recorded() {
    let world = World::new();
    let (call, root) = world.writer();
    call.record.failures.store(8, Ordering::Relaxed);
    assert!(fault(root.open("file", WRITE).await).starts_with("Stop"));
    assert!(fault(root.open("file", READ).await).starts_with("Stop"));
    assert!(fault(root.metadata(".").await).starts_with("Stop"));
    assert!(fault(root.list().await).starts_with("Stop"));
    assert!(fault(root.make_folder("sub").await).starts_with("Stop"));
    assert!(fault(root.remove_file("file").await).starts_with("Stop"));
    assert!(fault(root.rename("a", &root, "b").await).starts_with("Stop"));
    assert!(fault(root.sync().await).starts_with("Stop"));
    assert!(!world.volumes_folder("acme").exists(), "not even the volume was made");
    write(&root, "file", b"content").await.unwrap();
    assert_eq!(read(&root, "file").await.unwrap(), b"content");
}

#[tokio::test]
async fn a_guest_sees_no_more_of_a_file_than_it_may() {
    let world = World::new();
    let (_call, root) = world.writer();
    write(&root, "file", b"content").await.unwrap();
    let time = UNIX_EPOCH + Duration::new(1_000_000, 999_999_999);
    root.set_times("file", NewTime::Same, NewTime::At(time)).await.unwrap();
    let metadata = root.metadata("file").await.unwrap();
    // No finer than the call's clock, which is frozen.
    assert_eq!(
        metadata,
        Metadata { kind: Kind::File, bytes: 7, modified: UNIX_EPOCH + Duration::from_secs(1_000_000) }
    );
    assert_eq!(
        fault(root.set_times("file", NewTime::Same, NewTime::At(UNIX_EPOCH - Duration::from_secs(1))).await),
        "Overflow"
    );
    // A file's number is the same within a call and says nothing to another one.
    let (again, other) = (root.hash("file").await.unwrap(), world.writer().1.hash("file").await.unwrap());
    assert_eq!(root.hash("file").await.unwrap(), again);
    assert_ne!(again, other);
    let open = file(&root, "file", READ).await.unwrap();
    assert_eq!(Node::File(open.clone()).hash().await.unwrap(), again);
    assert!(Node::File(open.clone()).is_same(&Node::File(file(&root, "file", READ).await.unwrap())).await.unwrap());
    assert!(!Node::File(open).is_same(&Node::Folder(root)).await.unwrap());
}
