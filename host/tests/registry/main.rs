//! The registry with its real compiling child: admission, loading, forgery, and uploads that mean harm.

#[allow(dead_code, reason = "shared with the host's tests, which need more of it")]
mod guest;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cofferdam::Code;
use cofferdam::capability::Services;
use cofferdam::engine::{Engine, EngineSettings};
use cofferdam::id::{Digest, TenantId};
use cofferdam::registry::child::Room;
use cofferdam::registry::{Admission, CompileSettings, Kind, Registry, RegistrySettings, self_test};
use cofferdam::storage::{Blobs, DataFolder};

struct Fixture {
    data: tempfile::TempDir,
    registry: Registry,
    acme: TenantId,
    globex: TenantId,
}

fn settings() -> RegistrySettings {
    let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_cofferdam")));
    RegistrySettings {
        compiling: CompileSettings { program, ..CompileSettings::default() },
        ..RegistrySettings::default()
    }
}

#[allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]
fn open(data: &Path, settings: RegistrySettings) -> Registry {
    let data = DataFolder::open(data).unwrap();
    let blobs = Blobs::open(&data).unwrap();
    let engine = EngineSettings { live_calls_max: 4, guest_threads: Some(1), ..EngineSettings::default() };
    let engine = Engine::new(&engine, Services::default()).unwrap();
    Registry::open(&data, engine, blobs, settings).unwrap()
}

#[allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]
impl Fixture {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: RegistrySettings) -> Self {
        let data = tempfile::tempdir().unwrap();
        let registry = open(data.path(), settings);
        Self { data, registry, acme: "acme".parse().unwrap(), globex: "globex".parse().unwrap() }
    }

    async fn push(&self, bytes: &[u8]) -> cofferdam::Result<Admission> {
        let bytes = Bytes::copy_from_slice(bytes);
        let staged = self.registry.stage(&self.acme, futures::stream::iter([Ok(bytes)]), None).await?;
        self.registry.admit(&self.acme, staged).await
    }

    /// The reasons of a rejection that leaves nothing on disk.
    async fn rejected(&self, bytes: &[u8]) -> String {
        let error = self.push(bytes).await.unwrap_err();
        assert_eq!(error.code(), Code::ComponentRejected, "{error:?}");
        for folder in ["upload", "artefacts/acme", "blobs/components/acme"] {
            let left = std::fs::read_dir(self.data.path().join(folder)).map_or(0, Iterator::count);
            assert_eq!(left, 0, "{folder}");
        }
        error.facts()["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned() + "\n").collect()
    }

    fn artefact(&self) -> PathBuf {
        let files = std::fs::read_dir(self.data.path().join("artefacts/acme")).unwrap();
        files.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "cwasm")).unwrap()
    }

    /// Pushes until it is served: with a brief limit, a busy machine may take several attempts.
    async fn served(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.push(&guest::native()).await {
            assert!(Instant::now() < end, "{error:?}");
        }
    }

    /// As after a restart: nothing is in memory.
    fn again(&self) -> Registry {
        open(self.data.path(), settings())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_admitted_described_kept_and_loaded() {
    let fixture = Fixture::new();
    let bytes = guest::native();
    let admission = fixture.push(&bytes).await.unwrap();
    assert_eq!(admission.digest, Digest::of(&bytes));
    assert_eq!(admission.inspection.kind, Kind::Native);
    assert_eq!(admission.definitions.len(), 1);
    assert_eq!(admission.definitions[0].name.as_str(), "greet");
    assert_eq!(admission.definitions[0].input_schema["type"], "object");
    let kept = fixture.data.path().join("blobs/components/acme").join(admission.digest.hex());
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(fixture.data.path().join("upload")).unwrap().count(), 0);

    let first = fixture.registry.load(&fixture.acme, &admission.digest).await.unwrap();
    let second = fixture.registry.load(&fixture.acme, &admission.digest).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    // After a restart the artefact does, and no compiler is needed.
    let before = std::fs::metadata(fixture.artefact()).unwrap().modified().unwrap();
    fixture.again().load(&fixture.acme, &admission.digest).await.unwrap();
    assert_eq!(std::fs::metadata(fixture.artefact()).unwrap().modified().unwrap(), before);
    // Again the same.
    assert_eq!(fixture.push(&bytes).await.unwrap(), admission);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_tenant_has_is_not_found() {
    let fixture = Fixture::new();
    let digest = fixture.push(&guest::native()).await.unwrap().digest;
    let error = fixture.registry.load(&fixture.globex, &digest).await.unwrap_err();
    let unknown = fixture.registry.load(&fixture.globex, &Digest::of(b"unknown")).await.unwrap_err();
    assert_eq!((error.code(), unknown.code()), (Code::NotFound, Code::NotFound));
    assert_eq!(error.what_next(), unknown.what_next());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_or_missing_artefact_is_made_again() {
    let fixture = Fixture::new();
    let digest = fixture.push(&guest::native()).await.unwrap().digest;
    let path = fixture.artefact();
    let tag = PathBuf::from(format!("{}.tag", path.display()));
    let right = std::fs::read(&path).unwrap();
    let mut wrong = right.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;

    let forge = |name: &str| match name {
        "bytes" => std::fs::write(&path, &wrong).unwrap(),
        "tag" => std::fs::write(&tag, "0".repeat(64)).unwrap(),
        "link" => {
            let elsewhere = fixture.data.path().join("elsewhere");
            std::fs::rename(&path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        }
        _ => std::fs::remove_file(&path).unwrap(),
    };
    for how in ["bytes", "tag", "link", "missing"] {
        forge(how);
        fixture.again().load(&fixture.acme, &digest).await.unwrap();
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file(), "{how}");
        assert_eq!(std::fs::read(&path).unwrap(), right, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_share_one_compilation() {
    let fixture = Fixture::new();
    let digest = fixture.push(&guest::native()).await.unwrap().digest;
    std::fs::remove_file(fixture.artefact()).unwrap();
    let again = fixture.again();
    let loaded = futures::future::join_all((0..8).map(|_| again.load(&fixture.acme, &digest))).await;
    let first = loaded[0].as_ref().unwrap();
    assert!(loaded.iter().all(|other| Arc::ptr_eq(first, other.as_ref().unwrap())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_is_loaded_for_the_call_alone() {
    let small = RegistrySettings { loaded_bytes_max: 0, ..settings() };
    let fixture = Fixture::with(small);
    let digest = fixture.push(&guest::native()).await.unwrap().digest;
    let first = fixture.registry.load(&fixture.acme, &digest).await.unwrap();
    let second = fixture.registry.load(&fixture.acme, &digest).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admission_that_is_given_up_leaves_nothing() {
    let mut brief = settings();
    brief.compiling.time_max = Duration::from_secs(1);
    let fixture = Fixture::with(brief);
    let growing = guest::growing();
    let given_up = tokio::time::timeout(Duration::from_millis(100), fixture.push(&growing)).await;
    assert!(given_up.is_err());
    for folder in ["upload", "artefacts/acme"] {
        assert_eq!(std::fs::read_dir(fixture.data.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
    fixture.served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_component_is_not_compiled() {
    let fixture = Fixture::new();
    let digest = fixture.push(&guest::native()).await.unwrap().digest;
    std::fs::remove_file(fixture.artefact()).unwrap();
    let kept = fixture.data.path().join("blobs/components/acme").join(digest.hex());
    std::fs::write(kept, guest::command()).unwrap();
    let error = fixture.again().load(&fixture.acme, &digest).await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(std::fs::read_dir(fixture.data.path().join("artefacts/acme")).unwrap().count() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_uploads_are_rejected_with_what_to_do() {
    let fixture = Fixture::new();
    // It says that it is a program, and exports no function to run.
    assert!(fixture.rejected(&guest::command()).await.contains("cannot be linked"));
    assert!(fixture.rejected(b"\0asm\x01\0\0\0").await.contains("core module"));
    assert!(fixture.rejected(&[0; 100]).await.contains("not WebAssembly"));
    let native = guest::native();
    assert!(fixture.rejected(&native[..native.len() / 2]).await.contains("not a valid component"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_describe_that_spins_traps_or_lies_is_rejected() {
    let fixture = Fixture::new();
    assert!(fixture.rejected(&guest::describing("(loop $again (br $again)) (unreachable)")).await.contains("describe"));
    assert!(fixture.rejected(&guest::describing("(unreachable)")).await.contains("describe"));
    // A list that lies outside of memory.
    assert!(fixture.rejected(&guest::describing("(i32.const 0x7ffffff0)")).await.contains("describe"));
    assert!(fixture.rejected(&guest::with_schema("[]")).await.contains("input schema"));
    assert!(fixture.rejected(&guest::starting("(loop $again (br $again))")).await.contains("describe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_compiles_without_end_is_killed_at_the_limit() {
    let mut brief = settings();
    brief.compiling.time_max = Duration::from_millis(700);
    let fixture = Fixture::with(brief);
    let started = Instant::now();
    let reasons = fixture.rejected(&guest::growing()).await;
    assert!(reasons.contains("longer than 700ms"), "{reasons}");
    assert!(started.elapsed() < Duration::from_secs(30));
    // What comes after it is served.
    fixture.served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_too_much_processor_time_or_memory_is_rejected() {
    let mut room = settings();
    room.compiling.room.processor_seconds = 1;
    assert!(Fixture::with(room).rejected(&guest::growing()).await.contains("processor time"));
    let mut room = settings();
    room.compiling.room.memory_bytes = 256 << 20;
    assert!(Fixture::with(room).rejected(&guest::growing()).await.contains("MiB of memory"));
    let mut room = settings();
    room.compiling.room.artefact_bytes = 4 << 10;
    assert!(Fixture::with(room).rejected(&guest::native()).await.contains("compiled, it has more than"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_wait_for_their_turn_only_so_long() {
    let mut crowded = settings();
    crowded.compiling.compiles_max = 1;
    crowded.compiling.wait_max = Duration::from_millis(50);
    crowded.compiling.time_max = Duration::from_secs(1);
    let fixture = Fixture::with(crowded);
    let (growing, native) = (guest::growing(), guest::native());
    // Whichever comes second waits behind the other; on a busy machine both may be served all the same.
    for _ in 0..50 {
        let (slow, quick) = tokio::join!(fixture.push(&growing), fixture.push(&native));
        if [slow.err(), quick.err()].into_iter().flatten().any(|error| error.code() == Code::Overloaded) {
            return;
        }
    }
    panic!("nobody waited too long");
}

#[tokio::test]
async fn the_compiling_child_can_reach_nothing() {
    let tested = self_test(settings().compiling).await.unwrap();
    for probe in &tested.probes {
        assert!(probe.refused, "{probe:?}");
    }
    assert!(tested.holds() && tested.probes.len() >= 14);
    let standing = |name: &str| tested.layers.iter().any(|layer| layer.name == name && layer.in_force);
    for name in ["resource limits", "capabilities", "privileges"] {
        assert!(standing(name), "{name}: {:?}", tested.layers);
    }
    let limits = tested.layers.iter().find(|layer| layer.name == "resource limits").unwrap();
    assert!(limits.detail.ends_with("only what nobody else wants of a processor"), "{limits:?}");
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_the_hosts_fault() {
    let room = Room { memory_bytes: 1 << 30, processor_seconds: 1, artefact_bytes: 1 << 20 };
    let nowhere = CompileSettings { program: Some("/nowhere".into()), room, ..CompileSettings::default() };
    assert_eq!(self_test(nowhere).await.unwrap_err().code(), Code::Internal);
}
