//! What the tour happens on: a host in a folder of its own, a page to fetch, and a client for everyone who acts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

use super::page;
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::serve::running::{Doors, Running};
use crate::cli::signals::Asked;
use crate::cli::{Failure, Result};
use crate::error::Error;
use crate::host::HostSettings;
use crate::http::wire::{self, Secret};
use crate::id::CallTarget;
use crate::storage::DataFolder;

/// The host, and everyone who acts.
#[derive(Debug)]
pub(super) struct Stage {
    runtime: Runtime,
    running: Running,
    /// Where the page is.
    pub(super) page: SocketAddr,
    /// Keys by who they are of: `platform`, `acme/agent`, ….
    keys: BTreeMap<String, Secret>,
    clients: BTreeMap<String, Client>,
    /// Calls that later steps come back to, by what they are called.
    pub(super) calls: BTreeMap<&'static str, crate::id::CallId>,
    /// The component that acme uploaded, and the package that runs it.
    pub(super) uploaded: Option<crate::id::Digest>,
    pub(super) package: Option<crate::id::PackageName>,
    data: PathBuf,
    _folder: Option<TempDir>,
}

impl Stage {
    /// Starts the host on an empty folder, with a ceiling that lets requests go to the page on this machine.
    pub(super) fn open(data: Option<&Path>) -> Result<Self> {
        let folder = match data {
            Some(_) => None,
            None => Some(TempDir::with_prefix("cofferdam-demo-").map_err(Error::internal)?),
        };
        let data =
            data.map_or_else(|| folder.as_ref().map_or_else(PathBuf::new, |f| f.path().join("data")), Path::to_owned);
        let data_folder = DataFolder::open(&data)?;
        if data_folder.database().exists() {
            return Err(Failure::usage(
                format!("{} is a host's data folder already", data.display()),
                "give --data a folder that is not there yet",
            ));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(Error::internal)?;
        let (page, running, first_key) = runtime.block_on(async {
            let page = page::serve().await?;
            let ceiling = data_folder.ceiling();
            tokio::fs::write(&ceiling, ceiling_text(page)).await.map_err(Error::internal)?;
            let (running, first_key) = Running::start(HostSettings::new(&data), Doors::default()).await?;
            let first_key = first_key.ok_or_else(|| Error::internal("a new folder without a first key"))?;
            let text = Secret::new(first_key.expose());
            first_key.shown().await?;
            Ok::<_, Failure>((page, running, text))
        })?;
        let mut stage = Self {
            runtime,
            running,
            page,
            keys: BTreeMap::new(),
            clients: BTreeMap::new(),
            calls: BTreeMap::new(),
            uploaded: None,
            package: None,
            data,
            _folder: folder,
        };
        stage.enter("platform", first_key)?;
        Ok(stage)
    }

    /// Lets somebody act, with this key.
    pub(super) fn enter(&mut self, who: &str, key: Secret) -> Result<()> {
        let client = Client::new(&Connection::to(self.url(), key.clone()))?;
        self.keys.insert(who.to_owned(), key);
        self.clients.insert(who.to_owned(), client);
        Ok(())
    }

    /// The client of somebody who has entered.
    pub(super) fn of(&self, who: &str) -> Result<&Client> {
        self.clients
            .get(who)
            .ok_or_else(|| Failure::failed("step-failed", format!("{who} has no key: an earlier step failed")))
    }

    /// Their key.
    pub(super) fn key(&self, who: &str) -> Option<&Secret> {
        self.keys.get(who)
    }

    /// Makes a call.
    pub(super) fn call(&self, who: &str, tool: &str, arguments: Value) -> Result<wire::CallResult> {
        let arguments = match arguments {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let tool: CallTarget = tool.parse().map_err(Error::from)?;
        self.of(who)?.post(&["v1", "calls"], &wire::CallRequest::new(tool, arguments))
    }

    /// Where the host listens.
    pub(super) fn url(&self) -> Url {
        let mut url = Url::parse("http://127.0.0.1").unwrap_or_else(|_| unreachable!("it is a URL"));
        let _ = url.set_port(Some(self.running.listen.port()));
        url
    }

    /// Where its health is asked.
    pub(super) fn health(&self) -> SocketAddr {
        self.running.health
    }

    /// Its data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Waits until it is asked to end.
    pub(super) fn wait_for_end(&self) -> Result<()> {
        self.runtime.block_on(async {
            Asked::new()?.wait().await;
            Ok(())
        })
    }

    /// Drains and closes the host; its folder goes when it was made for the tour.
    pub(super) fn close(self) -> Result<()> {
        // Connections that are kept alive would hold the drain up.
        drop(self.clients);
        self.runtime.block_on(self.running.stop())
    }
}

/// What a host gives at most, with this machine's page beside what HTTPS reaches.
fn ceiling_text(page: SocketAddr) -> String {
    format!(
        "# The ceiling of the demo: as without a file, and requests may go to the demo's own page on this machine.\n\
         [[grant]]\n\
         tools = [\"*\", \"catalogue/*\"]\n\
         kv = true\nfiles = true\nclock = true\nrandom = true\nlog = true\nconfig = true\n\
         http = [{{ host = \"*\" }}, {{ scheme = \"http\", host = \"127.0.0.1\", port = {} }}]\n\n\
         [egress]\nprivate_addresses = [\"127.0.0.1/32\"]\n",
        page.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Ceiling;

    #[test]
    fn the_ceiling_of_the_demo_is_valid() {
        let ceiling = Ceiling::parse(&ceiling_text("127.0.0.1:8080".parse().unwrap())).unwrap();
        assert_eq!(ceiling.private_addresses().len(), 1);
    }
}
