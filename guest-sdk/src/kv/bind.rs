//! `wasi:keyvalue` 0.2.0-draft, and of its second draft the versions of values.

use std::cell::OnceCell;
use std::fmt;

use crate::bindings::draft2::wasi::keyvalue::{atomics as versions, store as versioned};
use crate::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::error::Error;

/// A bucket of the host's.
pub(crate) struct Bucket {
    name: String,
    bucket: store::Bucket,
    /// The same bucket, once a value is replaced by its version.
    versioned: OnceCell<versioned::Bucket>,
}

/// A key that was looked at.
pub(crate) struct Watched(versions::Cas);

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.name).finish()
    }
}

pub(crate) fn open(bucket: &str) -> Result<Bucket, Error> {
    let name = bucket.to_owned();
    let bucket = store::open(bucket).map_err(|error| fault(bucket, error))?;
    Ok(Bucket { name, bucket, versioned: OnceCell::new() })
}

impl Bucket {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.bucket.get(key).map_err(|error| self.fault(error))
    }

    pub(crate) fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let found = batch::get_many(&self.bucket, keys).map_err(|error| self.fault(error))?;
        Ok(found.into_iter().map(|pair| pair.map(|(_, value)| value)).collect())
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.bucket.set(key, value).map_err(|error| self.fault(error))
    }

    pub(crate) fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        batch::set_many(&self.bucket, &pairs).map_err(|error| self.fault(error))
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        self.bucket.delete(key).map_err(|error| self.fault(error))
    }

    pub(crate) fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        batch::delete_many(&self.bucket, keys).map_err(|error| self.fault(error))
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
        self.bucket.exists(key).map_err(|error| self.fault(error))
    }

    pub(crate) fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        atomics::increment(&self.bucket, key, delta).map_err(|error| self.fault(error))
    }

    pub(crate) fn list(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), Error> {
        let page = self.bucket.list_keys(cursor).map_err(|error| self.fault(error))?;
        Ok((page.keys, page.cursor))
    }

    /// Looks at a key; [`Bucket::swap`] replaces what was there then.
    pub(crate) fn watch(&self, key: &str) -> Result<Watched, Error> {
        let bucket = match self.versioned.get() {
            Some(bucket) => bucket,
            None => {
                let bucket = versioned::open(&self.name).map_err(|error| self.other_fault(error))?;
                self.versioned.get_or_init(|| bucket)
            }
        };
        versions::Cas::new(bucket, key).map(Watched).map_err(|error| self.other_fault(error))
    }

    /// The value of what is watched, which is looked at again.
    pub(crate) fn current(&self, watched: &Watched) -> Result<Option<Vec<u8>>, Error> {
        watched.0.current().map_err(|error| self.other_fault(error))
    }

    /// Replaces it, unless somebody else did; then it is looked at again.
    pub(crate) fn swap(&self, watched: Watched, value: &[u8]) -> Result<Option<Watched>, Error> {
        match versions::swap(watched.0, value) {
            Ok(()) => Ok(None),
            Err(versions::CasError::CasFailed(again)) => Ok(Some(Watched(again))),
            Err(versions::CasError::StoreError(error)) => Err(self.other_fault(error)),
        }
    }

    fn other_fault(&self, error: versioned::Error) -> Error {
        self.fault(match error {
            versioned::Error::AccessDenied => store::Error::AccessDenied,
            versioned::Error::NoSuchStore => store::Error::NoSuchStore,
            versioned::Error::Other(text) => store::Error::Other(text),
        })
    }

    fn fault(&self, error: store::Error) -> Error {
        fault(&self.name, error)
    }
}

fn fault(bucket: &str, error: store::Error) -> Error {
    match error {
        store::Error::AccessDenied | store::Error::NoSuchStore => super::denied(bucket),
        store::Error::Other(text) => Error::failed(text).about(format_args!("bucket {bucket:?}")),
    }
}
