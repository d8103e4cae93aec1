//! Buckets in memory, for tests, with the host's rules of who may open what.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::Error;

/// Keys in one page, as on the host.
pub(crate) const PAGE: usize = 1_000;

thread_local! {
    static BUCKETS: RefCell<BTreeMap<String, Rc<RefCell<Content>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A bucket that a test granted.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) values: BTreeMap<String, Vec<u8>>,
    pub(crate) read_only: bool,
    /// What another call sets before the next values are replaced, the first one first.
    pub(crate) rivals: std::collections::VecDeque<(String, Vec<u8>)>,
}

/// A key that was looked at.
#[derive(Debug)]
pub(crate) struct Watched {
    key: String,
    value: Option<Vec<u8>>,
}

/// A bucket that a tool opened.
#[derive(Debug)]
pub(crate) struct Bucket {
    name: String,
    content: Rc<RefCell<Content>>,
}

pub(crate) fn granted(bucket: &str) -> Option<Rc<RefCell<Content>>> {
    BUCKETS.with_borrow(|buckets| buckets.get(bucket).cloned())
}

pub(crate) fn grant(bucket: &str) -> Rc<RefCell<Content>> {
    BUCKETS.with_borrow_mut(|buckets| buckets.entry(bucket.to_owned()).or_default().clone())
}

pub(crate) fn deny(bucket: &str) {
    BUCKETS.with_borrow_mut(|buckets| buckets.remove(bucket));
}

pub(crate) fn reset() {
    BUCKETS.take();
}

pub(crate) fn open(bucket: &str) -> Result<Bucket, Error> {
    let content = granted(bucket).ok_or_else(|| super::denied(bucket))?;
    Ok(Bucket { name: bucket.to_owned(), content })
}

impl Bucket {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.content.borrow().values.get(key).cloned())
    }

    pub(crate) fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let content = self.content.borrow();
        Ok(keys.iter().map(|key| content.values.get(key).cloned()).collect())
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.change(|values| values.insert(key.to_owned(), value.to_vec())).map(drop)
    }

    pub(crate) fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.change(|values| values.extend(pairs))
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        self.change(|values| values.remove(key)).map(drop)
    }

    pub(crate) fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        self.change(|values| keys.iter().for_each(|key| drop(values.remove(key))))
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.content.borrow().values.contains_key(key))
    }

    pub(crate) fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        self.change(|values| {
            let count = match values.get(key) {
                None => 0,
                Some(value) => {
                    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or_else(|| {
                        Error::failed("the value is not a counter: a counter is the text of an unsigned 64-bit number")
                    })?
                }
            };
            let count: u64 =
                u64::checked_add(count, delta).ok_or_else(|| Error::failed("the counter would overflow"))?;
            values.insert(key.to_owned(), count.to_string().into_bytes());
            Ok(count)
        })?
    }

    pub(crate) fn list(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), Error> {
        let content = self.content.borrow();
        let behind = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        let keys: Vec<String> = content.values.keys().skip(behind).take(PAGE).cloned().collect();
        let next = behind + keys.len();
        Ok((keys, (next < content.values.len()).then_some(next as u64)))
    }

    pub(crate) fn watch(&self, key: &str) -> Result<Watched, Error> {
        Ok(Watched { key: key.to_owned(), value: self.get(key)? })
    }

    pub(crate) fn current(&self, watched: &Watched) -> Result<Option<Vec<u8>>, Error> {
        Ok(watched.value.clone())
    }

    pub(crate) fn swap(&self, watched: Watched, value: &[u8]) -> Result<Option<Watched>, Error> {
        let rival = self.content.borrow_mut().rivals.pop_front();
        let Watched { key, value: seen } = watched;
        let swapped = self.change(|values| {
            if let Some((key, value)) = rival {
                values.insert(key, value);
            }
            let unchanged = values.get(&key) == seen.as_ref();
            if unchanged {
                values.insert(key.clone(), value.to_vec());
            }
            unchanged
        })?;
        if swapped { Ok(None) } else { self.watch(&key).map(Some) }
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> Result<T, Error> {
        let mut content = self.content.borrow_mut();
        if content.read_only { Err(super::denied(&self.name)) } else { Ok(change(&mut content.values)) }
    }
}
