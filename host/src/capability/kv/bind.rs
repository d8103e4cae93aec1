//! `wasi:keyvalue` 0.2.0-draft: store, atomics, batch.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::{KvCall, KvFault, OpenBucket};
use crate::capability::bindings::wasi::keyvalue::{atomics, batch, store};

/// The call's share of the host as `wasi:keyvalue` wants it.
#[derive(Debug)]
pub struct KvView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's buckets.
    pub call: &'a mut KvCall,
}

struct HasKv;

impl HasData for HasKv {
    type Data<'a> = KvView<'a>;
}

/// Links the three interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> KvView<'_>) -> wasmtime::Result<()> {
    store::add_to_linker::<T, HasKv>(linker, get)?;
    atomics::add_to_linker::<T, HasKv>(linker, get)?;
    batch::add_to_linker::<T, HasKv>(linker, get)
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
        self.call.get(self.table.get(&bucket)?, &key).await
    }

    async fn set(&mut self, bucket: Resource<OpenBucket>, key: String, value: Vec<u8>) -> Result<(), KvFault> {
        self.call.set_many(self.table.get(&bucket)?, vec![(key, value)]).await
    }

    async fn delete(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<(), KvFault> {
        self.call.delete_many(self.table.get(&bucket)?, vec![key]).await
    }

    async fn exists(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<bool, KvFault> {
        self.call.exists(self.table.get(&bucket)?, &key).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<OpenBucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, KvFault> {
        let page = self.call.list(self.table.get(&bucket)?, cursor).await?;
        Ok(store::KeyResponse { keys: page.keys, cursor: page.cursor })
    }

    fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KvView<'_> {
    async fn increment(&mut self, bucket: Resource<OpenBucket>, key: String, delta: u64) -> Result<u64, KvFault> {
        self.call.increment(self.table.get(&bucket)?, key, delta).await
    }
}

impl batch::Host for KvView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, KvFault> {
        self.call.get_many(self.table.get(&bucket)?, keys).await
    }

    async fn set_many(&mut self, bucket: Resource<OpenBucket>, pairs: Vec<(String, Vec<u8>)>) -> Result<(), KvFault> {
        self.call.set_many(self.table.get(&bucket)?, pairs).await
    }

    async fn delete_many(&mut self, bucket: Resource<OpenBucket>, keys: Vec<String>) -> Result<(), KvFault> {
        self.call.delete_many(self.table.get(&bucket)?, keys).await
    }
}
