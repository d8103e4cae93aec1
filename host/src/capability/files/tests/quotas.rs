//! How much a volume may hold, exactly, whoever fills it.

use bytes::Bytes;
use futures::future::join_all;

use super::support::*;
use super::*;
use crate::policy::{Access, FilesGrant};

fn small(bytes_max: u64, files_max: u64) -> FilesGrant {
    FilesGrant { bytes_max, files_max, ..grant("work", "/work", Access::ReadWrite) }
}

/// What is counted is what is there.
async fn check_counts(world: &World, root: &Folder) {
    let opened = root.mount.opened(crate::uses::Touch::Read).await.unwrap();
    let (bytes, files, _) = opened.space.counted();
    assert_eq!((bytes, files), world.measured("acme", "work"));
}

#[tokio::test]
async fn as_many_bytes_as_the_quota_and_not_one_more() {
    let world = World::new();
    let (call, root) = world.writer_of(small(100, 10));
    write(&root, "a", &[1; 60]).await.unwrap();
    write(&root, "b", &[2; 40]).await.unwrap();
    let a = file(&root, "a", WRITE).await.unwrap();
    // Past the end in any way: written, appended, made longer, and by a hole.
    for (bytes, offset) in [(1, Some(60)), (1, None), (61, Some(0)), (1, Some(1_000)), (1, Some(u64::MAX - 5))] {
        let refused = fault(a.write(Bytes::from(vec![3; bytes]), offset).await);
        assert!(matches!(refused.as_str(), "Quota" | "FileTooLarge"), "{bytes} at {offset:?}: {refused}");
    }
    assert_eq!(fault(a.set_size(61).await), "Quota");
    assert_eq!(fault(a.set_size(u64::MAX).await), "FileTooLarge");
    assert_eq!(a.read(100, 0).await.unwrap(), [1; 60], "nothing of it was written");
    check_counts(&world, &root).await;
    // Within is free; what goes makes room.
    a.write(Bytes::from_static(&[4; 60]), Some(0)).await.unwrap();
    a.set_size(10).await.unwrap();
    a.write(Bytes::from_static(&[5; 50]), None).await.unwrap();
    root.remove_file("b").await.unwrap();
    a.write(Bytes::from_static(&[6; 40]), None).await.unwrap();
    assert_eq!(fault(a.write(Bytes::from_static(&[7]), None).await), "Quota");
    check_counts(&world, &root).await;
    assert_eq!(call.effects.usage().files_bytes_written, 60 + 40 + 60 + 50 + 40);
}

#[tokio::test]
async fn a_hole_counts_like_any_other_bytes() {
    let world = World::new();
    let (_call, root) = world.writer_of(small(100, 10));
    let a = file(&root, "a", WRITE).await.unwrap();
    a.write(Bytes::from_static(&[1]), Some(99)).await.unwrap();
    assert_eq!(fault(a.write(Bytes::from_static(&[1]), None).await), "Quota");
    check_counts(&world, &root).await;
    a.set_size(0).await.unwrap();
    a.set_size(100).await.unwrap();
    check_counts(&world, &root).await;
}

#[tokio::test]
async fn as_many_files_and_folders_as_the_quota_and_not_one_more() {
    let world = World::new();
    let (_call, root) = world.writer_of(small(1_000, 3));
    write(&root, "a", b"").await.unwrap();
    root.make_folder("sub").await.unwrap();
    write(&root, "sub/b", b"").await.unwrap();
    assert_eq!(fault(file(&root, "c", WRITE).await), "Quota");
    assert_eq!(fault(root.make_folder("d").await), "Quota");
    check_counts(&world, &root).await;
    // What there is can be opened, and what fails to be made takes no room.
    file(&root, "a", WRITE).await.unwrap();
    root.remove_file("a").await.unwrap();
    for failed in [root.make_folder("sub").await, root.make_folder("none/d").await, root.make_folder(".").await] {
        assert!(failed.is_err());
    }
    assert!(file(&root, &"x".repeat(300), WRITE).await.is_err(), "no name is so long");
    check_counts(&world, &root).await;
    root.make_folder("d").await.unwrap();
    assert_eq!(fault(root.remove_folder("sub").await), "NotEmpty");
    root.remove_folder("d").await.unwrap();
    check_counts(&world, &root).await;
}

#[tokio::test]
async fn replacing_and_emptying_make_room() {
    let world = World::new();
    let (_call, root) = world.writer_of(small(100, 4));
    for path in ["a", "b"] {
        write(&root, path, &[1; 50]).await.unwrap();
    }
    root.rename("a", &root, "b").await.unwrap();
    check_counts(&world, &root).await;
    write(&root, "c", &[2; 50]).await.unwrap();
    file(&root, "c", OpenHow { truncate: true, ..WRITE }).await.unwrap();
    check_counts(&world, &root).await;
    for path in ["one", "two"] {
        root.make_folder(path).await.unwrap();
    }
    root.rename("one", &root, "two").await.unwrap();
    check_counts(&world, &root).await;
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_open_counts_until_it_is_closed() {
    let world = World::new();
    let (_call, root) = world.writer_of(small(100, 2));
    write(&root, "a", &[1; 100]).await.unwrap();
    let (open, again) = (file(&root, "a", READ).await.unwrap(), file(&root, "a", WRITE).await.unwrap());
    root.remove_file("a").await.unwrap();
    assert!(names(&root).await.is_empty());
    assert_eq!(fault(write(&root, "b", &[2]).await), "Quota");
    drop(open);
    assert_eq!(fault(write(&root, "b", &[2]).await), "Quota");
    assert_eq!(again.read(5, 95).await.unwrap(), [1; 5], "it is there for whoever has it");
    again.set_size(40).await.unwrap();
    write(&root, "b", &[2; 60]).await.unwrap();
    drop(again);
    write(&root, "c", &[3; 40]).await.unwrap();
    check_counts(&world, &root).await;
    // The same for a file that another one took the place of.
    let replaced = file(&root, "b", READ).await.unwrap();
    root.rename("c", &root, "b").await.unwrap();
    assert_eq!(fault(write(&root, "d", &[4; 1]).await), "Quota");
    drop(replaced);
    write(&root, "d", &[4; 60]).await.unwrap();
    check_counts(&world, &root).await;
}

#[tokio::test]
async fn all_volumes_of_a_tenant_together_have_a_quota_and_a_new_one_is_in_force_at_once() {
    let world = World::new();
    world.quotas.volumes_bytes_max.store(100, Ordering::Relaxed);
    let grants = ["one", "two"].map(|volume| grant(volume, "/v", Access::ReadWrite));
    let mut call = world.call("acme", grants.into());
    let mounts: Vec<_> = call.files.mounts().into_iter().map(|(folder, _)| folder).collect();
    write(&mounts[0], "a", &[1; 60]).await.unwrap();
    write(&mounts[1], "a", &[1; 40]).await.unwrap();
    assert_eq!(fault(write(&mounts[1], "b", &[1]).await), "Quota");
    let open = file(&mounts[1], "b", WRITE).await.unwrap();
    world.quotas.volumes_bytes_max.store(101, Ordering::Relaxed);
    open.write(Bytes::from_static(&[1]), None).await.unwrap();
    let mut globex = world.call("globex", vec![grant("one", "/v", Access::ReadWrite)]);
    write(&globex.root(), "a", &[1; 101]).await.unwrap();
}

#[tokio::test]
async fn what_was_there_before_the_host_started_is_counted() {
    let world = World::new();
    let volume = world.path("acme", "work");
    std::fs::write(volume.join("old"), [0; 90]).unwrap();
    std::fs::create_dir(volume.join("folder")).unwrap();
    let (_call, root) = world.writer_of(small(100, 3));
    write(&root, "a", &[1; 10]).await.unwrap();
    assert_eq!(fault(write(&root, "a", &[1; 11]).await), "Quota");
    assert_eq!(fault(write(&root, "b", &[]).await), "Quota");
    check_counts(&world, &root).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_fill_a_volume_to_its_quota_and_no_further() {
    let world = World::new();
    let done = join_all((0..50).map(|number| {
        let (call, root) = world.writer_of(small(1_000, 1_000));
        tokio::spawn(async move {
            let mut written = 0;
            let file = file(&root, &format!("{}", number % 7), WRITE).await.unwrap();
            for _ in 0..10 {
                written += file.write(Bytes::from_static(&[1; 7]), None).await.unwrap_or(0);
            }
            drop(call);
            written
        })
    }))
    .await;
    let written: u64 = done.into_iter().map(Result::unwrap).sum();
    assert_eq!(written, 994, "142 times 7");
    assert_eq!(world.measured("acme", "work"), (994, 7));
    let (_call, root) = world.writer_of(small(1_000, 1_000));
    check_counts(&world, &root).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counts_stay_exact_while_files_come_and_go() {
    let world = World::new();
    join_all((0..8_u64).map(|number| {
        let (call, root) = world.writer_of(small(300, 6));
        tokio::spawn(async move {
            for round in 0..25_u64 {
                let (name, other) = (format!("{}", (number + round) % 4), format!("{}", round % 4));
                let _ = write(&root, &name, &vec![1; ((number * 31 + round * 17) % 90) as usize]).await;
                let held = file(&root, &other, READ).await;
                let _ = root.make_folder(&format!("f{name}")).await;
                let _ = root.rename(&name, &root, &other).await;
                let _ = root.remove_folder(&format!("f{other}")).await;
                let _ = root.remove_file(&other).await;
                drop(held);
                let _ = file(&root, &name, OpenHow { truncate: true, ..WRITE }).await;
            }
            drop(call);
        })
    }))
    .await
    .into_iter()
    .for_each(Result::unwrap);
    let (_call, root) = world.writer_of(small(300, 6));
    check_counts(&world, &root).await;
    let (bytes, files) = world.measured("acme", "work");
    assert!(bytes <= 300 && files <= 6, "{bytes} {files}");
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing_half_counted() {
    let world = World::new();
    for _ in 0..50 {
        let (_call, root) = world.writer_of(small(10_000, 100));
        let open = file(&root, "a", WRITE).await.unwrap();
        let writing = tokio::spawn(async move { open.write(Bytes::from_static(&[1; 150]), None).await });
        tokio::task::yield_now().await;
        writing.abort();
        let _ = writing.await;
        // The next one has its turn after it.
        write(&root, "b", b"b").await.unwrap();
        check_counts(&world, &root).await;
    }
}
