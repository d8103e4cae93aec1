//! `wasi:keyvalue` 0.2.0-draft2: the same buckets, with versions of values (compare-and-swap) and signed counters.

use wasmtime::component::{HasData, Linker, Resource};

use super::{KvFault, KvView, OpenBucket, Watched};
use crate::capability::bindings::draft2::wasi::keyvalue::{atomics, batch, store};
use crate::capability::tape::{ask, question};

struct HasKv;

impl HasData for HasKv {
    type Data<'a> = KvView<'a>;
}

/// Links the three interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> KvView<'_>,
) -> wasmtime::Result<()> {
    store::add_to_linker::<T, HasKv>(linker, get)?;
    atomics::add_to_linker::<T, HasKv>(linker, get)?;
    batch::add_to_linker::<T, HasKv>(linker, get)
}

/// The interface's error, or why the call ends.
fn error(fault: KvFault) -> wasmtime::Result<store::Error> {
    match fault {
        KvFault::Denied => Ok(store::Error::AccessDenied),
        KvFault::Failed(text) => Ok(store::Error::Other(text)),
        KvFault::Stop(stop) => Err(stop.into()),
        KvFault::Handle(error) => Err(error.into()),
    }
}

impl store::Host for KvView<'_> {
    fn open(&mut self, identifier: String) -> Result<Resource<OpenBucket>, KvFault> {
        let bucket = self.call.open(&identifier)?;
        Ok(self.table.push(bucket)?)
    }

    fn convert_error(&mut self, fault: KvFault) -> wasmtime::Result<store::Error> {
        error(fault)
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
        cursor: Option<String>,
    ) -> Result<store::KeyResponse, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let number = |text: String| {
            text.parse::<u64>().map_err(|_| KvFault::Failed("the cursor is none that a listing gave".to_owned()))
        };
        let cursor = cursor.map(number).transpose()?;
        let question = question(self.line, "kv.list-keys", &(bucket.name(), cursor));
        let page = ask(question, self.call.list(bucket, cursor)).await?;
        Ok(store::KeyResponse { keys: page.keys, cursor: page.cursor.map(|place| place.to_string()) })
    }

    fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KvView<'_> {
    async fn increment(&mut self, bucket: Resource<OpenBucket>, key: String, delta: i64) -> Result<i64, KvFault> {
        let bucket = self.table.get(&bucket)?;
        let question = question(self.line, "kv.add", &(bucket.name(), &key, delta));
        ask(question, self.call.add(bucket, key, delta)).await
    }

    async fn swap(
        &mut self,
        cas: Resource<Watched>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        // The handle goes with the attempt, however that ends.
        let watched = self.table.delete(cas)?;
        let question = question(self.line, "kv.swap", &(watched.bucket.name(), &watched.key, watched.version, &value));
        match ask(question, self.call.swap(&watched, value)).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => match self.watch(watched.bucket, watched.key).await {
                Ok(again) => Ok(Err(atomics::CasError::CasFailed(again))),
                Err(fault) => Ok(Err(atomics::CasError::StoreError(error(fault)?))),
            },
            Err(fault) => Ok(Err(atomics::CasError::StoreError(error(fault)?))),
        }
    }
}

impl atomics::HostCas for KvView<'_> {
    async fn new(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<Resource<Watched>, KvFault> {
        let bucket = self.table.get(&bucket)?.clone();
        self.watch(bucket, key).await
    }

    async fn current(&mut self, cas: Resource<Watched>) -> Result<Option<Vec<u8>>, KvFault> {
        let Watched { bucket, key, .. } = self.table.get(&cas)?.clone();
        let question = question(self.line, "kv.current", &(bucket.name(), &key));
        let found = ask(question, self.call.get_versioned(&bucket, &key)).await?;
        let (value, version) = found.map_or((None, None), |(value, version)| (Some(value), Some(version)));
        self.table.get_mut(&cas)?.version = version;
        Ok(value)
    }

    fn drop(&mut self, cas: Resource<Watched>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl KvView<'_> {
    /// A handle that has looked at `key` now.
    async fn watch(&mut self, bucket: OpenBucket, key: String) -> Result<Resource<Watched>, KvFault> {
        let question = question(self.line, "kv.version", &(bucket.name(), &key));
        let version = ask(question, self.call.version(&bucket, &key)).await?;
        Ok(self.table.push(Watched { bucket, key, version })?)
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
