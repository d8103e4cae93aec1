use super::*;

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn name(name: &str) -> SecretName {
    name.parse().unwrap()
}

struct World {
    _data: tempfile::TempDir,
    folder: DataFolder,
    store: Store,
    vault: Vault,
}

async fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(data.path()).unwrap();
    let store = Store::open(&folder.database()).await.unwrap();
    let vault = Vault::open(&SecretsKey::Own, &folder, &store).await.unwrap();
    World { _data: data, folder, store, vault }
}

fn sealed(vault: &Vault, tenant: &TenantId, of: &SecretName, version: u64, value: &str) -> SealedSecrets {
    let key = vault.new_key(tenant).unwrap();
    let value = SecretValue::new(value.as_bytes().to_vec());
    let sealed = vault.seal(tenant, &key, of, version, &value).unwrap().into();
    let secret = SealedSecret { version, since: SystemTime::UNIX_EPOCH, sealed };
    SealedSecrets { key: Some(key), secrets: [(of.clone(), secret)].into() }
}

#[tokio::test]
async fn a_value_opens_in_its_place_alone() {
    let world = world().await;
    let (acme, globex, github) = (tenant("acme"), tenant("globex"), name("github"));
    let secrets = sealed(&world.vault, &acme, &github, 3, "marrow-and-bone");
    let (version, value) = world.vault.open_secret(&acme, &secrets, &github).unwrap().unwrap();
    assert_eq!((version, value.expose()), (3, &b"marrow-and-bone"[..]));
    assert!(world.vault.open_secret(&acme, &secrets, &name("gitlab")).unwrap().is_none());
    // Another tenant's, another name, another version, another key: none of them opens.
    world.vault.open_secret(&globex, &secrets, &github).unwrap_err();
    let mut moved = secrets.clone();
    let secret = moved.secrets.remove(&github).unwrap();
    moved.secrets.insert(name("gitlab"), secret);
    world.vault.open_secret(&acme, &moved, &name("gitlab")).unwrap_err();
    let mut older = secrets.clone();
    older.secrets.get_mut(&github).unwrap().version = 2;
    world.vault.open_secret(&acme, &older, &github).unwrap_err();
    let rekeyed = SealedSecrets { key: Some(world.vault.new_key(&acme).unwrap()), ..secrets.clone() };
    world.vault.open_secret(&acme, &rekeyed, &github).unwrap_err();
    let mut altered = secrets.clone();
    let secret = altered.secrets.get_mut(&github).unwrap();
    let mut bytes = secret.sealed.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    secret.sealed = bytes.into();
    world.vault.open_secret(&acme, &altered, &github).unwrap_err();
}

#[tokio::test]
async fn nothing_shows_a_value() {
    let world = world().await;
    let (acme, github) = (tenant("acme"), name("github"));
    let secrets = sealed(&world.vault, &acme, &github, 1, "marrow-and-bone");
    let (_, value) = world.vault.open_secret(&acme, &secrets, &github).unwrap().unwrap();
    let shown = format!("{value:?} {secrets:?} {:?} {:?}", world.vault, world.store);
    assert!(!shown.contains("marrow"), "{shown}");
    let in_memory = &secrets.secrets[&github].sealed;
    assert!(!in_memory.windows(6).any(|window| window == b"marrow"));
}

#[tokio::test]
async fn another_key_is_found_at_the_start() {
    let world = world().await;
    Vault::open(&SecretsKey::Own, &world.folder, &world.store).await.unwrap();
    let other = SecretsKey::Command(format!("printf {}", "07".repeat(32)));
    let error = Vault::open(&other, &world.folder, &world.store).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("is not the one"), "{error:?}");
    std::fs::write(world.folder.keys().join("secrets.key"), [1; 31]).unwrap();
    let error = Vault::open(&SecretsKey::Own, &world.folder, &world.store).await.unwrap_err();
    assert!(error.message().contains("length"), "{error:?}");
}
