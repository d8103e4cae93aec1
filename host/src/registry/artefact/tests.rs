use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

struct Fixture {
    data: tempfile::TempDir,
    artefacts: Artefacts,
    acme: TenantId,
    globex: TenantId,
    digest: Digest,
}

impl Fixture {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let artefacts = Artefacts::open(data.path()).unwrap();
        Self {
            data,
            artefacts,
            acme: "acme".parse().unwrap(),
            globex: "globex".parse().unwrap(),
            digest: Digest::of(b"component"),
        }
    }

    fn made<'a>(&'a self, tenant: &'a TenantId) -> Made<'a> {
        Made { tenant, digest: &self.digest, class: Class::Small, compatibility: "0123456789abcdef" }
    }

    fn keep(&self, tenant: &TenantId, bytes: &[u8]) -> PathBuf {
        let mut file = self.artefacts.begin(tenant).unwrap();
        file.write_all(bytes).unwrap();
        self.artefacts.keep(&self.made(tenant), file).unwrap();
        self.data.path().join("artefacts").join(tenant.as_str()).join(self.made(tenant).file_name())
    }

    fn is_forged(&self, tenant: &TenantId) -> bool {
        matches!(self.artefacts.find(&self.made(tenant)), Found::Forged(_))
    }
}

#[test]
fn what_was_kept_is_found_by_its_own_tenant_alone() {
    let fixture = Fixture::new();
    fixture.keep(&fixture.acme, b"machine code");
    let Found::Trusted(mut file, 12) = fixture.artefacts.find(&fixture.made(&fixture.acme)) else {
        panic!("not trusted")
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"machine code");
    assert!(matches!(fixture.artefacts.find(&fixture.made(&fixture.globex)), Found::Absent));
    let other = Made { compatibility: "fedcba9876543210", ..fixture.made(&fixture.acme) };
    assert!(matches!(fixture.artefacts.find(&other), Found::Absent));
}

#[test]
fn a_restart_keeps_the_key_and_another_host_has_another() {
    let fixture = Fixture::new();
    fixture.keep(&fixture.acme, b"machine code");
    let again = Artefacts::open(fixture.data.path()).unwrap();
    assert!(matches!(again.find(&fixture.made(&fixture.acme)), Found::Trusted(..)));
    std::fs::remove_file(fixture.data.path().join("keys/artefact.key")).unwrap();
    let other = Artefacts::open(fixture.data.path()).unwrap();
    assert!(matches!(other.find(&fixture.made(&fixture.acme)), Found::Forged(_)));
}

#[test]
fn replaced_bytes_are_not_trusted() {
    let fixture = Fixture::new();
    let path = fixture.keep(&fixture.acme, b"machine code");
    for forged in [&b"machine cod3"[..], b"machine code and more", b"machine", b""] {
        std::fs::write(&path, forged).unwrap();
        assert!(fixture.is_forged(&fixture.acme), "{forged:?}");
    }
}

#[test]
fn a_tag_that_is_wrong_cut_or_missing_is_not_trusted() {
    let fixture = Fixture::new();
    let tag = tag_path(&fixture.keep(&fixture.acme, b"machine code"));
    let right = std::fs::read_to_string(&tag).unwrap();
    for wrong in ["0".repeat(64), right[..63].to_owned(), format!("{right}0"), right.to_uppercase(), String::new()] {
        std::fs::write(&tag, wrong).unwrap();
        assert!(fixture.is_forged(&fixture.acme));
    }
    std::fs::write(&tag, &right).unwrap();
    assert!(!fixture.is_forged(&fixture.acme));
    std::fs::remove_file(&tag).unwrap();
    assert!(matches!(fixture.artefacts.find(&fixture.made(&fixture.acme)), Found::Absent));
}

#[test]
fn an_artefact_of_another_tenant_class_or_component_does_not_authenticate() {
    let fixture = Fixture::new();
    let path = fixture.keep(&fixture.acme, b"machine code");
    let place = |made: &Made<'_>| {
        let folder = fixture.data.path().join("artefacts").join(made.tenant.as_str());
        own_folder(&folder).unwrap();
        let to = folder.join(made.file_name());
        std::fs::copy(&path, &to).unwrap();
        std::fs::copy(tag_path(&path), tag_path(&to)).unwrap();
        assert!(matches!(fixture.artefacts.find(made), Found::Forged(_)), "{made:?}");
    };
    place(&fixture.made(&fixture.globex));
    place(&Made { class: Class::Large, ..fixture.made(&fixture.acme) });
    place(&Made { digest: &Digest::of(b"another"), ..fixture.made(&fixture.acme) });
    place(&Made { compatibility: "fedcba9876543210", ..fixture.made(&fixture.acme) });
}

#[test]
fn links_are_not_followed() {
    let fixture = Fixture::new();
    let path = fixture.keep(&fixture.acme, b"machine code");
    let elsewhere = fixture.data.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(fixture.is_forged(&fixture.acme));
    // A folder that is a link is none either.
    let folder = path.parent().unwrap();
    std::fs::rename(folder, fixture.data.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(fixture.data.path().join("moved"), folder).unwrap();
    assert!(fixture.is_forged(&fixture.acme));
    assert!(fixture.artefacts.begin(&fixture.acme).is_err());
}

#[test]
fn folders_and_key_are_the_hosts_alone() {
    let fixture = Fixture::new();
    fixture.keep(&fixture.acme, b"machine code");
    for (path, mode) in [("artefacts", 0o700), ("artefacts/acme", 0o700), ("keys", 0o700), ("keys/artefact.key", 0o600)]
    {
        let facts = std::fs::metadata(fixture.data.path().join(path)).unwrap();
        assert_eq!(facts.mode() & 0o777, mode, "{path}");
    }
    let key = fixture.data.path().join("keys/artefact.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert!(Artefacts::open(fixture.data.path()).unwrap_err().to_string().contains("mode 0600"));
}

#[test]
fn nothing_is_left_of_what_was_not_kept() {
    let fixture = Fixture::new();
    let left = || std::fs::read_dir(fixture.data.path().join("artefacts/acme")).unwrap().count();
    drop(fixture.artefacts.begin(&fixture.acme).unwrap());
    assert_eq!(left(), 0);
    // A process that is killed drops nothing; the next one does.
    fixture.artefacts.begin(&fixture.acme).unwrap().keep().unwrap();
    fixture.keep(&fixture.acme, b"machine code");
    assert_eq!(left(), 3);
    let again = Artefacts::open(fixture.data.path()).unwrap();
    assert_eq!(left(), 2);
    assert!(matches!(again.find(&fixture.made(&fixture.acme)), Found::Trusted(..)));
}
