//! Scratch folders: one call's, and nobody's after it.

use super::support::*;
use super::*;
use crate::policy::{Access, FilesGrant, SCRATCH};
use crate::storage::DataFolder;

fn scratch(bytes_max: u64, files_max: u64) -> FilesGrant {
    let (volume, mount) = (SCRATCH.to_owned(), "/scratch".to_owned());
    FilesGrant { volume, mount, access: Access::Scratch, bytes_max, files_max }
}

/// How many scratch folders there are on the disk.
fn kept(world: &World) -> usize {
    std::fs::read_dir(world.folder().scratch()).unwrap().count()
}

async fn until_gone(world: &World) {
    for _ in 0..500 {
        if kept(world) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} scratch folders stay", kept(world));
}

#[tokio::test]
async fn a_call_begins_with_an_empty_one_of_its_own_and_leaves_nothing() {
    let world = World::new();
    let (first, one) = world.writer_of(scratch(1_000, 10));
    assert_eq!(kept(&world), 0, "not before it is used");
    write(&one, "a", b"of the first").await.unwrap();
    let (second, other) = world.writer_of(scratch(1_000, 10));
    assert_eq!(names(&other).await, [""; 0]);
    write(&other, "a", b"of the second").await.unwrap();
    assert_eq!((read(&one, "a").await.unwrap(), kept(&world)), (b"of the first".to_vec(), 2));
    // It is nobody's volume.
    assert!(!world.volumes_folder("acme").exists());
    let open = file(&one, "a", READ).await.unwrap();
    drop((first, one, second, other));
    assert_eq!(open.read(100, 0).await.unwrap(), b"of the first", "a handle that is left keeps it");
    drop(open);
    until_gone(&world).await;
    let (_third, third) = world.writer_of(scratch(1_000, 10));
    assert_eq!(names(&third).await, [""; 0]);
}

#[tokio::test]
async fn it_has_limits_of_its_own_and_counts_among_the_tenants() {
    let world = World::new();
    let (call, root) = world.writer_of(scratch(10, 2));
    write(&root, "a", b"0123456789").await.unwrap();
    assert_eq!(fault(write(&root, "b", b"0").await), "Quota");
    assert_eq!(fault(write(&root, "c", b"").await), "Quota", "a third file");
    drop((call, root));
    until_gone(&world).await;

    world.quotas.volumes_bytes_max.store(15, Ordering::Relaxed);
    let (_one, one) = world.writer_of(scratch(10, 2));
    let (two, other) = world.writer_of(scratch(10, 2));
    write(&one, "a", b"0123456789").await.unwrap();
    assert_eq!(fault(write(&other, "a", b"012345").await), "Quota");
    write(&other, "b", b"01234").await.unwrap();
    drop((two, other));
    // What it held is given back when it is gone.
    for _ in 0..500 {
        if kept(&world) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (_three, third) = world.writer_of(scratch(10, 2));
    write(&third, "a", b"01234").await.unwrap();
}

#[tokio::test]
async fn what_a_crash_left_is_gone_after_the_next_start() {
    let world = World::new();
    let left = world.volumes.make_scratch().unwrap();
    std::fs::create_dir(left.join("folder")).unwrap();
    std::fs::write(left.join("folder/file"), "left").unwrap();
    std::os::unix::fs::symlink("/etc", left.join("link")).unwrap();
    world.volumes.clear_scratch().unwrap();
    assert_eq!(kept(&world), 0);
    assert!(std::path::Path::new("/etc").is_dir());
    DataFolder::open(world.folder().path()).unwrap();
}
