use std::time::{Duration, SystemTime};

use super::*;
use crate::id::{CallId, SecretName};
use crate::storage::{
    NewPayload, PayloadKind, Payloads, Piece, SealedSecret, SealedSecrets, SecretValue, TenantRow, Vault,
};

/// A data folder with a secret and a payload of one tenant.
struct World {
    data: tempfile::TempDir,
    folder: DataFolder,
    store: Store,
    tenant: TenantId,
    name: SecretName,
    sealed: Vec<u8>,
    call: CallId,
}

async fn world(source: &SecretsKey) -> World {
    let data = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(data.path()).unwrap();
    let store = Store::open(&folder.database()).await.unwrap();
    let (tenant, name): (TenantId, SecretName) = ("acme".parse().unwrap(), "github".parse().unwrap());
    let vault = Vault::open(source, &folder, &store).await.unwrap();
    let key = vault.new_key(&tenant).unwrap();
    let mut change = store.change().await.unwrap();
    let row = TenantRow { id: tenant.clone(), suspended: false, digest_key: [7; 32], created: SystemTime::now() };
    change.insert_tenant(&row).await.unwrap();
    change.insert_secret_key(&tenant, &key).await.unwrap();
    change.commit().await.unwrap();
    let sealed = vault.seal(&tenant, &key, &name, 1, &SecretValue::new(b"marrow-and-bone".to_vec())).unwrap();
    let payloads = Payloads::open(&folder, &store).await.unwrap();
    let call = CallId::new();
    let pieces = vec![(PayloadKind::Arguments, b"what was asked".to_vec())];
    let retention = Duration::from_secs(3_600);
    let payload = NewPayload { tenant: &tenant, call, retention, pieces, tenant_bytes_max: 1 << 20 };
    payloads.keep(payload).await.unwrap();
    payloads.close().await;
    World { data, folder, store, tenant, name, sealed, call }
}

impl World {
    async fn begin(&self, from: &SecretsKey, to: &SecretsKey) -> Result<Rotation> {
        Rotation::begin(&self.folder, &self.store, from, to).await
    }

    /// Opens everything as a start does.
    async fn is_whole(&self, source: &SecretsKey) {
        settle(&self.folder, &self.store, source).await.unwrap();
        let vault = Vault::open(source, &self.folder, &self.store).await.unwrap();
        let (_, key) = self.store.wrapped_keys(WrappedKeys::Secrets).await.unwrap().swap_remove(0);
        let secret = SealedSecret { version: 1, since: SystemTime::UNIX_EPOCH, sealed: self.sealed.clone().into() };
        let secrets = SealedSecrets { key: Some(key), secrets: [(self.name.clone(), secret)].into() };
        let (_, value) = vault.open_secret(&self.tenant, &secrets, &self.name).unwrap().unwrap();
        assert_eq!(value.expose(), b"marrow-and-bone");
        let payloads = Payloads::open(&self.folder, &self.store).await.unwrap();
        let kept = payloads.read(&self.tenant, self.call).await.unwrap().unwrap();
        assert_eq!(kept.pieces[&PayloadKind::Arguments], Piece::Whole(b"what was asked".to_vec()));
        payloads.close().await;
        let left = self.files().into_iter().find(|name| name.ends_with(".next"));
        assert_eq!(left, None);
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.keys()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// The host's own keys, and what they wrap.
    async fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for file in [SECRETS, PAYLOADS] {
            keys.push(std::fs::read(self.folder.keys().join(file)).unwrap_or_default());
        }
        for kind in [WrappedKeys::Secrets, WrappedKeys::Payloads] {
            keys.extend(self.store.wrapped_keys(kind).await.unwrap().into_iter().map(|(_, key)| key.wrapped));
        }
        keys
    }

    /// A key in a file of its own.
    fn elsewhere(&self, name: &str, byte: u8) -> SecretsKey {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.data.path().join(name);
        std::fs::write(&path, [byte; KEY_BYTES]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretsKey::File(path)
    }
}

#[tokio::test]
async fn every_key_is_another_one_and_everything_opens() {
    let world = world(&SecretsKey::Own).await;
    let before = world.keys().await;
    let rotation = world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap();
    assert_eq!((rotation.secrets, rotation.payloads), (1, 1));
    rotation.commit().await.unwrap();
    let after = world.keys().await;
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    world.is_whole(&SecretsKey::Own).await;
    // What was wrapped before is in no file of the store.
    for wrapped in &before[2..] {
        for file in ["host.db", "host.db-wal"] {
            let bytes = std::fs::read(world.data.path().join(file)).unwrap_or_default();
            assert_eq!(memchr::memmem::find(&bytes, wrapped), None, "{file}");
        }
    }
    // The keys before open nothing, neither does one of them beside a new one.
    for (file, key) in [(SECRETS, &before[0]), (PAYLOADS, &before[1])] {
        let path = world.folder.keys().join(file);
        std::fs::write(&path, key).unwrap();
        let secrets = Vault::open(&SecretsKey::Own, &world.folder, &world.store).await.map(drop);
        let payloads = Payloads::open(&world.folder, &world.store).await.map(drop);
        assert!(secrets.is_err() || payloads.is_err(), "{file}");
        std::fs::write(&path, if file == SECRETS { &after[0] } else { &after[1] }).unwrap();
    }
    // And once more.
    world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap().commit().await.unwrap();
    world.is_whole(&SecretsKey::Own).await;
}

#[tokio::test]
async fn a_crash_before_it_is_in_force_leaves_the_keys_before() {
    let world = world(&SecretsKey::Own).await;
    let before = world.keys().await;
    drop(world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap());
    assert_eq!(world.files().iter().filter(|name| name.ends_with(".next")).count(), 2);
    world.is_whole(&SecretsKey::Own).await;
    assert_eq!(world.keys().await, before);
    // A file that was not written whole is no key of anybody's.
    std::fs::write(next_of(&world.folder.keys().join(PAYLOADS)), b"half").unwrap();
    std::fs::set_permissions(
        next_of(&world.folder.keys().join(PAYLOADS)),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    world.is_whole(&SecretsKey::Own).await;
}

#[tokio::test]
async fn a_crash_after_it_is_in_force_is_finished_by_the_next_start() {
    // At each of the steps that follow: none, one, or both files in their place.
    for done in 0..=2 {
        let world = world(&SecretsKey::Own).await;
        let before = world.keys().await;
        world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap().commit_and_crash().await;
        for file in [PAYLOADS, SECRETS].into_iter().take(done) {
            let path = world.folder.keys().join(file);
            std::fs::rename(next_of(&path), &path).unwrap();
        }
        world.is_whole(&SecretsKey::Own).await;
        assert!(before.iter().zip(&world.keys().await).all(|(before, after)| before != after));
    }
}

#[tokio::test]
async fn a_crash_between_is_finished_by_another_rotation_too() {
    let world = world(&SecretsKey::Own).await;
    world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap().commit_and_crash().await;
    world.begin(&SecretsKey::Own, &SecretsKey::Own).await.unwrap().commit().await.unwrap();
    world.is_whole(&SecretsKey::Own).await;
}

#[tokio::test]
async fn a_key_can_move_out_of_the_folder_and_back() {
    let world = world(&SecretsKey::Own).await;
    let (one, two) = (world.elsewhere("one", 1), world.elsewhere("two", 2));
    world.begin(&SecretsKey::Own, &one).await.unwrap().commit().await.unwrap();
    assert!(!world.files().iter().any(|name| name == SECRETS), "it opens nothing any more");
    world.is_whole(&one).await;
    world.begin(&one, &two).await.unwrap().commit().await.unwrap();
    world.is_whole(&two).await;
    assert!(Vault::open(&one, &world.folder, &world.store).await.is_err());
    // Neither the same again, nor from one that is not in force.
    assert_eq!(world.begin(&two, &two).await.unwrap_err().code(), Code::InvalidRequest);
    assert_eq!(world.begin(&one, &two).await.unwrap_err().code(), Code::Unavailable);
    world.is_whole(&two).await;
    // Back, with a crash in between: a start with the key before is told so, one with the folder's own goes on.
    world.begin(&two, &SecretsKey::Own).await.unwrap().commit_and_crash().await;
    settle(&world.folder, &world.store, &two).await.unwrap();
    assert!(Vault::open(&two, &world.folder, &world.store).await.is_err());
    world.is_whole(&SecretsKey::Own).await;
    // And back, where it did not come into force.
    world.begin(&SecretsKey::Own, &one).await.unwrap().commit().await.unwrap();
    drop(world.begin(&one, &SecretsKey::Own).await.unwrap());
    world.is_whole(&one).await;
}
