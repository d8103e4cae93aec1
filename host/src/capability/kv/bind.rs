//! `wasi:keyvalue` 0.2.0-draft: store, atomics, batch.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::{KvCall, KvFault, OpenBucket};
use crate::capability::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::capability::tape::{Line, ask, question};

/// The call's share of the host as `wasi:keyvalue` wants it.
#[derive(Debug)]
pub struct KvView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's buckets.
    pub call: &'a mut KvCall,
    /// The call's tape, where it has one.
    pub line: Option<&'a Line>,
}

struct HasKv;

impl HasData for HasKv {
    type Data<'a> = KvView<'a>;
}

/// Links the three interfaces, of both drafts.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> KvView<'_>) -> wasmtime::Result<()> {
    store::add_to_linker::<T, HasKv>(linker, get)?;
    atomics::add_to_linker::<T, HasKv>(linker, get)?;
    batch::add_to_linker::<T, HasKv>(linker, get)?;
    super::bind2::add_to_linker(linker, get)
}

impl store::Host for KvView<'_> {
    fn open(&mut self, identifier: String) -> Result<Resource<OpenBucket>, KvFault> {
        let bucket = self.call.open(&identifier)?;
        Ok(self.table.push(bucket)?)
    }

    fn convert_error(&mut self, fault: KvFault) -> wasmtime::Result<store::Error> {
        match fault {
            KvFault::Denied => Ok(store::Error::AccessDenied),
            KvFault::Failed(text) => Ok(store::Error::Other(text)),
            KvFault::Stop(stop) => Err(stop.into()),
            KvFault::Handle(error) => Err(error.into()),
        }
    }
}

impl store::HostBucket for KvView<'_> {
    async fn get(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<Option<Vec<u8>>, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.get", &(bucket.name(), &key));
        ask(question, self.call.get(bucket, &key)).await
    }

    async fn set(&mut self, bucket: Resource<OpenBucket>, key: String, value: Vec<u8>) -> Result<(), KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.set", &(bucket.name(), &key, &value));
        ask(question, self.call.set_many(bucket, vec![(key, value)])).await
    }

    async fn delete(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<(), KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.delete", &(bucket.name(), &key));
        ask(question, self.call.delete_many(bucket, vec![key])).await
    }

    async fn exists(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<bool, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.exists", &(bucket.name(), &key));
        ask(question, self.call.exists(bucket, &key)).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<OpenBucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.list-keys", &(bucket.name(), cursor));
        let page = ask(question, self.call.list(bucket, cursor)).await?;
        Ok(store::KeyResponse { keys: page.keys, cursor: page.cursor })
    }

    fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KvView<'_> {
    async fn increment(&mut self, bucket: Resource<OpenBucket>, key: String, delta: u64) -> Result<u64, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.increment", &(bucket.name(), &key, delta));
        ask(question, self.call.increment(bucket, key, delta)).await
    }
}

impl batch::Host for KvView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.get-many", &(bucket.name(), &keys));
        ask(question, self.call.get_many(bucket, keys)).await
    }

    async fn set_many(&mut self, bucket: Resource<OpenBucket>, pairs: Vec<(String, Vec<u8>)>) -> Result<(), KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.set-many", &(bucket.name(), &pairs));
        ask(question, self.call.set_many(bucket, pairs)).await
    }

    async fn delete_many(&mut self, bucket: Resource<OpenBucket>, keys: Vec<String>) -> Result<(), KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.delete-many", &(bucket.name(), &keys));
        ask(question, self.call.delete_many(bucket, keys)).await
    }
}
