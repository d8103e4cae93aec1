//! Buckets of keys and values, which outlive the call (`wasi:keyvalue`).
//!
//! A bucket belongs to the tenant; policy says which a tool may open, and whether it may change them. A key is text, a
//! value is bytes. [`Bucket::increment`] and [`Bucket::update`] are atomic over all calls; everything else is the
//! last writer's.
//!
//! ```
//! use cofferdam_sdk::{fakes, kv};
//!
//! fakes::kv::grant("visits");
//!
//! let visits = kv::open("visits")?;
//! assert_eq!(visits.increment("total", 1)?, 1);
//! visits.set("last", "Ada")?;
//! assert_eq!(visits.get("last")?.as_deref(), Some(&b"Ada"[..]));
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// How often [`Bucket::update`] tries.
const UPDATE_TRIES_MAX: usize = 50;

/// An open bucket.
#[derive(Debug)]
pub struct Bucket(host::Bucket);

/// A bucket's keys, in pages that are fetched as they are needed. See [`Bucket::keys`].
#[derive(Debug)]
pub struct Keys<'a> {
    bucket: &'a Bucket,
    page: std::vec::IntoIter<String>,
    /// Where the next page begins; absent behind the last.
    next: Option<Cursor>,
}

#[derive(Debug)]
enum Cursor {
    Start,
    Behind(u64),
}

/// Opens a bucket. One that has never been written to is open and empty.
///
/// # Errors
///
/// [`Error::denied`] where no grant names the bucket.
pub fn open(bucket: &str) -> Result<Bucket, Error> {
    host::open(bucket).map(Bucket)
}

/// Every operation counts against the call's limit `kv_operations`, every key of a batch as one. All of them fail with
/// [`Error::failed`] past a limit of the call (`kv_operations`, `kv_key_bytes`, `kv_value_bytes`) or of the bucket (its
/// bytes and keys), and those that change something with [`Error::denied`] where the grant is read-only.
impl Bucket {
    /// The value of `key`, absent where it has none.
    ///
    /// # Errors
    ///
    /// Past a limit.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key)
    }

    /// The value of `key`, read as the JSON that [`Bucket::set_json`] wrote.
    ///
    /// # Errors
    ///
    /// Past a limit; [`Error::internal`] where the value is not JSON of this type.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.get(key)?.map(|value| from_json(key, &value)).transpose()
    }

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    ///
    /// Past a limit; also where the values together are more than may cross to a tool at once (`hostcall_bytes`).
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.0.get_many(keys)
    }

    /// Sets the value of `key`, whatever it was.
    ///
    /// # Errors
    ///
    /// Past a limit; denied where the grant is read-only.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.0.set(key, value.as_ref())
    }

    /// Sets the value of `key` to the JSON of `value`.
    ///
    /// # Errors
    ///
    /// As for [`Bucket::set`]; [`Error::internal`] where `value` has no JSON form.
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_vec(value)
            .map_err(|error| Error::internal(format!("the value of {key:?} has no JSON form: {error}")))?;
        self.set(key, json)
    }

    /// Sets every pair, in their order, or none of them.
    ///
    /// # Errors
    ///
    /// As for [`Bucket::set`].
    pub fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        if pairs.is_empty() {
            return Ok(());
        }
        self.0.set_many(pairs)
    }

    /// Deletes `key`, or does nothing where it is not there.
    ///
    /// # Errors
    ///
    /// Past a limit; denied where the grant is read-only.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key)
    }

    /// Deletes those of `keys` that are there, all or none of them.
    ///
    /// # Errors
    ///
    /// As for [`Bucket::delete`].
    pub fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        self.0.delete_many(keys)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    ///
    /// Past a limit.
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key)
    }

    /// Adds `delta` to the counter at `key`, which begins at 0, and gives what it is then: no two calls get the same.
    ///
    /// # Errors
    ///
    /// As for [`Bucket::set`]; also where the value is not a counter's, or would pass `u64::MAX`.
    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        self.0.increment(key, delta)
    }

    /// Replaces the value of `key` by what `change` makes of it, and gives that. Where another call changed the value
    /// meanwhile nothing is lost: `change` is asked again, with the value that is there now.
    ///
    /// # Errors
    ///
    /// What `change` says; as for [`Bucket::set`]; [`Error::unavailable`] where others are always quicker.
    pub fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<Vec<u8>>) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let mut watched = self.0.watch(key)?;
        for _ in 0..UPDATE_TRIES_MAX {
            let value = change(self.0.current(&watched)?)?;
            match self.0.swap(watched, &value)? {
                None => return Ok(value),
                Some(again) => watched = again,
            }
        }
        Err(Error::unavailable(format!(
            "the value of {key:?} changed {UPDATE_TRIES_MAX} times while it was to be replaced"
        )))
    }

    /// All keys, in no stated order. A page of them is an operation.
    pub fn keys(&self) -> Keys<'_> {
        Keys { bucket: self, page: Vec::new().into_iter(), next: Some(Cursor::Start) }
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let cursor = match self.next.take()? {
                Cursor::Start => None,
                Cursor::Behind(cursor) => Some(cursor),
            };
            match self.bucket.0.list(cursor) {
                Ok((keys, next)) => {
                    self.page = keys.into_iter();
                    self.next = next.map(Cursor::Behind);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The same for a bucket that is not granted and for one that is not granted for writing: the host tells neither apart.
fn denied(bucket: &str) -> Error {
    Error::denied(format!("the policy's kv grants do not allow this in the bucket {bucket:?}"))
}

fn from_json<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value)
        .map_err(|error| Error::internal(format!("the value of {key:?} is not what was expected: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, fakes};

    #[test]
    fn without_a_grant_nothing_opens() {
        let error = open("notes").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.text().contains("notes"), "{error}");
    }

    #[test]
    fn what_is_set_is_there_until_it_is_deleted() {
        fakes::kv::grant("notes").with("a", "1");
        let bucket = open("notes").unwrap();
        assert_eq!(bucket.get("a").unwrap().unwrap(), b"1");
        bucket.set_json("b", &[2, 3]).unwrap();
        assert_eq!(bucket.get_json::<Vec<u8>>("b").unwrap(), Some(vec![2, 3]));
        assert_eq!(bucket.get_json::<String>("b").unwrap_err().kind(), ErrorKind::Internal);
        bucket.delete("b").unwrap();
        bucket.delete("b").unwrap();
        assert!(!bucket.exists("b").unwrap());
        assert_eq!(fakes::kv::content("notes"), [("a".to_owned(), b"1".to_vec())].into());
    }

    #[test]
    fn keys_come_page_by_page() {
        fakes::kv::grant("notes");
        let bucket = open("notes").unwrap();
        let names: Vec<String> = (0..fake::PAGE * 2 + 1).map(|n| format!("{n:05}")).collect();
        bucket.set_many(names.iter().map(|name| (name.clone(), name.clone().into_bytes())).collect()).unwrap();
        let keys: Vec<String> = bucket.keys().collect::<Result<_, _>>().unwrap();
        assert_eq!(keys, names);
        let values = bucket.get_many(&[names[3].clone(), "none".to_owned()]).unwrap();
        assert_eq!(values, [Some(b"00003".to_vec()), None]);
        bucket.delete_many(&keys).unwrap();
        assert_eq!(bucket.keys().count(), 0);
    }

    #[test]
    fn a_counter_counts_and_nothing_else_does() {
        fakes::kv::grant("notes").with("text", "many");
        let bucket = open("notes").unwrap();
        assert_eq!(bucket.increment("n", 2).unwrap(), 2);
        assert_eq!(bucket.increment("n", 3).unwrap(), 5);
        assert_eq!(bucket.increment("text", 1).unwrap_err().kind(), ErrorKind::Failed);
        assert_eq!(bucket.increment("n", u64::MAX).unwrap_err().kind(), ErrorKind::Failed);
    }

    #[test]
    fn an_update_that_somebody_overtakes_is_made_again() {
        fakes::kv::grant("notes").with("n", "1").rival("n", "10").rival("n", "100");
        let bucket = open("notes").unwrap();
        let mut seen = Vec::new();
        let value = bucket.update("n", |value| {
            let number: u64 = String::from_utf8(value.unwrap()).unwrap().parse().unwrap();
            seen.push(number);
            Ok((number + 1).to_string().into_bytes())
        });
        assert_eq!((value.unwrap(), seen), (b"101".to_vec(), vec![1, 10, 100]));
        assert_eq!(bucket.update("new", |value| Ok(vec![u8::from(value.is_some())])).unwrap(), [0]);
        let refused = bucket.update("n", |_| Err(Error::failed("no"))).unwrap_err();
        assert_eq!((refused.kind(), bucket.get("n").unwrap()), (ErrorKind::Failed, Some(b"101".to_vec())));
        fakes::kv::grant("notes").read_only();
        assert_eq!(bucket.update("n", |_| Ok(vec![])).unwrap_err().kind(), ErrorKind::Denied);
    }

    #[test]
    fn a_read_only_bucket_can_be_read_only() {
        fakes::kv::grant("notes").with("a", "1").read_only();
        let bucket = open("notes").unwrap();
        assert!(bucket.exists("a").unwrap());
        for denied in [bucket.set("a", "2"), bucket.delete("a"), bucket.increment("a", 1).map(drop)] {
            assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
        }
    }
}
