//! A host within the test process, without its front door: for what no setting of the command reaches, and for calls
//! by the thousand.

use std::time::Duration;

use bytes::Bytes;
use cofferdam::host::{Host, HostSettings};
use cofferdam::id::{CallTarget, Digest, PackageName};
use cofferdam::router::{CallRequest, Failed, Reply};
use cofferdam::snapshot::Caller;
use serde_json::Value;
use tempfile::TempDir;

use crate::work::{name, program};

/// A host in a data folder that goes with it.
#[derive(Debug)]
pub struct Inside {
    /// The host.
    pub host: Host,
    /// The platform's first key, with every scope.
    platform: String,
    _folder: TempDir,
}

impl Inside {
    /// Opens one, set up as `change` leaves the defaults: few calls at once, because tests run side by side.
    ///
    /// # Panics
    ///
    /// When it cannot be opened.
    pub async fn open(change: impl FnOnce(&mut HostSettings)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = HostSettings::new(folder.path());
        settings.engine.live_calls_max = 8;
        settings.registry.compiling.program = Some(program());
        change(&mut settings);
        let (host, key) = Host::open(settings).await.unwrap();
        let platform = key.unwrap().expose().to_owned();
        Self { host, platform, _folder: folder }
    }

    /// The platform's own caller.
    ///
    /// # Panics
    ///
    /// When the key is not valid.
    pub fn platform(&self) -> Caller {
        self.host.router.authenticate(&self.platform).unwrap()
    }

    /// A new tenant with one key of every scope; gives the key.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub async fn tenant(&self, stem: &str) -> String {
        let control = &self.host.control;
        let id = name(stem).parse().unwrap();
        let (_, operator) = control.create_tenant(&self.platform(), id).await.unwrap();
        let operator = self.caller(operator.text.expose());
        let scopes = cofferdam::identity::Scope::ALL.into_iter().collect();
        control.create_key(&operator, "all", scopes).await.unwrap().text.expose().to_owned()
    }

    /// Who presents `key`, as things are now.
    ///
    /// # Panics
    ///
    /// When the key is not valid.
    pub fn caller(&self, key: &str) -> Caller {
        self.host.router.authenticate(key).unwrap()
    }

    /// Uploads a component.
    ///
    /// # Errors
    ///
    /// Why it was not admitted.
    pub async fn upload(&self, key: &str, component: Bytes) -> cofferdam::Result<Digest> {
        let body = futures::stream::iter([Ok(component)]);
        let uploaded = self.host.control.upload(&self.caller(key), body).await?;
        Ok(uploaded.component.admission.digest)
    }

    /// Uploads a component and publishes it as version 1.0.0 of `package`.
    ///
    /// # Panics
    ///
    /// When it is not admitted.
    pub async fn push(&self, key: &str, package: &str, component: Bytes) -> Digest {
        let digest = self.upload(key, component).await.unwrap();
        let package: PackageName = package.parse().unwrap();
        let publication = cofferdam::control::Publication {
            version: "1.0.0".parse().unwrap(),
            component: digest,
            needs: None,
            limits: Default::default(),
            promote: true,
            signature: None,
        };
        self.host.control.publish(&self.caller(key), package, publication).await.unwrap();
        digest
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// Why it gave no output.
    ///
    /// # Panics
    ///
    /// When `tool` is no tool's name.
    pub async fn call(&self, key: &str, tool: &str, arguments: &Value) -> Result<Reply, Failed> {
        let request = CallRequest::new(tool.parse::<CallTarget>().unwrap(), arguments.to_string());
        self.host.router.call(&self.caller(key), request, None).await
    }

    /// Closes it.
    ///
    /// # Panics
    ///
    /// When its record failed.
    pub async fn close(self) {
        self.host.close(Duration::from_secs(30)).await.unwrap();
    }
}
