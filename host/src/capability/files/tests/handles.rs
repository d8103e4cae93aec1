//! How much of the host a call holds: open files, long paths, listings.

use super::support::*;
use super::*;

#[tokio::test]
async fn as_many_are_open_as_the_limit_and_not_one_more() {
    let mut world = World::new();
    world.limits.files_open = 3;
    let (_call, root) = world.writer();
    root.make_folder("sub").await.unwrap();
    let one = file(&root, "a", WRITE).await.unwrap();
    let two = folder(&root, "sub").await.unwrap();
    let listing = root.list().await.unwrap();
    assert_eq!(fault(file(&root, "a", READ).await), "Quota");
    assert_eq!(fault(file(&root, "new", WRITE).await), "Quota");
    assert_eq!(fault(root.list().await), "Quota");
    assert_eq!(fault(two.list().await), "Quota");
    assert!(root.metadata("new").await.is_err(), "nothing was made");
    // What has no handle of its own needs none.
    root.metadata("a").await.unwrap();
    root.make_folder("more").await.unwrap();
    let stream = one.clone();
    drop(one);
    assert_eq!(fault(file(&root, "a", READ).await), "Quota", "a stream holds it too");
    drop(stream);
    let again = file(&root, "a", READ).await.unwrap();
    drop(listing);
    two.list().await.unwrap();
    drop(again);
    // A try that fails gives back what it took.
    for _ in 0..10 {
        assert_eq!(fault(file(&root, "none", READ).await), "NoEntry");
    }
    file(&root, "a", READ).await.unwrap();
    // Another call has handles of its own.
    file(&world.writer().1, "a", READ).await.unwrap();
}

#[tokio::test]
async fn paths_grow_to_their_limit_and_no_further_however_they_are_made() {
    let world = World::new();
    let (_call, root) = world.writer();
    let name = "x".repeat(255);
    let mut place = root.clone();
    for _ in 0..3 {
        place.make_folder(&name).await.unwrap();
        place = folder(&place, &name).await.unwrap();
    }
    // 3 × 256 bytes are used, of 1024: from the volume's root, not from the open folder.
    write(&place, &"y".repeat(255), b"").await.unwrap();
    let deep = folder(&place, ".").await.unwrap();
    deep.make_folder(&"z".repeat(254)).await.unwrap();
    let deepest = folder(&deep, &"z".repeat(254)).await.unwrap();
    assert_eq!(fault(deepest.make_folder("a").await), "NameTooLong");
    assert_eq!(fault(file(&deepest, "a", WRITE).await), "NameTooLong");
    // Nor by moving what is deep into what is deeper.
    root.make_folder("top").await.unwrap();
    write(&root, "top/a", b"").await.unwrap();
    assert_eq!(fault(root.rename("top", &deep, "t").await), "done");
    assert_eq!(fault(deep.rename("t", &deepest, "t").await), "NameTooLong");
    assert_eq!(fault(root.metadata(&"a/".repeat(600)).await), "NameTooLong");
}

#[tokio::test]
async fn a_read_gives_what_the_host_will_hold_at_once() {
    let mut world = World::new();
    world.limits.files_open = 10;
    let (_call, root) = world.writer_of(crate::policy::FilesGrant {
        bytes_max: 1 << 20,
        ..grant("work", "/work", crate::policy::Access::ReadWrite)
    });
    let open = file(&root, "a", WRITE).await.unwrap();
    open.set_size(200_000).await.unwrap();
    assert_eq!(open.read(u64::MAX, 0).await.unwrap().len(), READ_BYTES_MAX);
    assert_eq!(open.read(10, 199_995).await.unwrap().len(), 5);
    for offset in [200_000, u64::MAX] {
        assert!(open.read(10, offset).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_listing_gives_everything_once() {
    let world = World::new();
    let (_call, root) = world.writer_of(crate::policy::FilesGrant {
        files_max: 1_000,
        ..grant("work", "/work", crate::policy::Access::ReadOnly)
    });
    let volume = world.path("acme", "work");
    for number in 0..300 {
        std::fs::write(volume.join(format!("{number:03}")), b"").unwrap();
    }
    let found = names(&root).await;
    assert_eq!(found, (0..300).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

/// Jobs of one tenant that wait for a slow disk take a bounded number of threads, and another's go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_crowd_that_waits_for_the_disk() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::space::TENANT_THREADS_MAX;

    let world = World::new();
    let (own, other) =
        (world.files.space_of_call(&"acme".parse().unwrap()), world.files.space_of_call(&"globex".parse().unwrap()));
    let (waiting, most, over) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let crowd: Vec<_> = (0..3 * TENANT_THREADS_MAX)
        .map(|_| {
            let (own, waiting, most, over) =
                (Arc::clone(&own), Arc::clone(&waiting), Arc::clone(&most), Arc::clone(&over));
            let job = move || {
                most.fetch_max(waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                while !over.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                waiting.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            };
            tokio::spawn(async move { own.blocking(job).await })
        })
        .collect();
    while waiting.load(Ordering::SeqCst) < TENANT_THREADS_MAX {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Whoever leaves does not make room for another job while its own still waits.
    crowd[0].abort();
    let through = tokio::time::timeout(Duration::from_secs(10), other.blocking(|| Ok(()))).await;
    assert!(through.is_ok_and(|done| done.is_ok()), "another tenant's");
    tokio::time::sleep(Duration::from_millis(50)).await;
    over.store(true, Ordering::SeqCst);
    for job in crowd {
        let _ = job.await;
    }
    assert_eq!(most.load(Ordering::SeqCst), TENANT_THREADS_MAX);
}
