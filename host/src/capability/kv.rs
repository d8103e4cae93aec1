//! Buckets for guests: which a call may open, what it may do there, and how often.

mod bind;
mod bind2;
#[cfg(test)]
mod tests;

pub use self::bind::{KvView, add_to_linker};

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::StorageQuotas;
use super::effects::{Against, DeniedUse, Effects, Stop};
use crate::id::TenantId;
use crate::limits::CallLimits;
use crate::policy::{Access, Grants};
use crate::storage::kv::{Bucket, KeyPage, KvError, KvStore};
use crate::uses::{CapabilityUse, Touch};

/// A bucket's name in the record, in characters: policy's own are shorter.
const RECORDED_NAME_CHARS_MAX: usize = 64;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum KvFault {
    /// Policy does not allow it. The same for a bucket that there is and for one that there is not.
    #[error("access denied")]
    Denied,
    /// A limit, a quota, or the store; the text is for the tool's author.
    #[error("{0}")]
    Failed(String),
    /// The call ends here.
    #[serde(skip)]
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The guest used a handle that it has not.
    #[serde(skip)]
    #[error(transparent)]
    Handle(#[from] wasmtime::component::ResourceTableError),
}

impl From<KvError> for KvFault {
    fn from(error: KvError) -> Self {
        if let KvError::Store(cause) = &error {
            tracing::error!(detail = cause.operator_detail(), "the key-value store failed");
        }
        Self::Failed(error.to_string())
    }
}

/// A bucket that a call has open.
#[derive(Debug, Clone)]
pub struct OpenBucket {
    bucket: Bucket,
    access: Access,
}

/// A key that a call has looked at, to replace its value unless somebody else changes it first.
#[derive(Debug, Clone)]
pub struct Watched {
    bucket: OpenBucket,
    key: String,
    /// Of the value that was there; absent where there was none.
    version: Option<u64>,
}

impl OpenBucket {
    fn name(&self) -> &str {
        &self.bucket.name
    }
}

/// One call's buckets. Nothing is touched before the first operation.
#[derive(Debug)]
pub struct KvCall {
    /// The store, where the host has one and the call a grant.
    store: Option<KvStore>,
    quotas: Arc<StorageQuotas>,
    grants: Arc<Grants>,
    tenant: TenantId,
    effects: Arc<Effects>,
    operations_max: u64,
    operations_left: u64,
    key_bytes_max: u64,
    value_bytes_max: u64,
    answer_bytes_max: u64,
}

impl KvCall {
    /// The buckets of `tenant` that `grants` name.
    pub fn new(
        store: Option<&KvStore>,
        quotas: &Arc<StorageQuotas>,
        grants: &Arc<Grants>,
        limits: &CallLimits,
        tenant: &TenantId,
        effects: Arc<Effects>,
    ) -> Self {
        Self {
            store: store.filter(|_| !grants.kv.is_empty()).cloned(),
            quotas: Arc::clone(quotas),
            grants: Arc::clone(grants),
            tenant: tenant.clone(),
            effects,
            operations_max: limits.kv_operations,
            operations_left: limits.kv_operations,
            key_bytes_max: limits.kv_key_bytes,
            value_bytes_max: limits.kv_value_bytes,
            answer_bytes_max: limits.hostcall_bytes,
        }
    }

    /// Opens a bucket. Touches nothing: whether there is anything in it shows at the first operation.
    ///
    /// # Errors
    ///
    /// [`KvFault::Denied`] without a grant for it.
    pub fn open(&self, name: &str) -> Result<OpenBucket, KvFault> {
        let Some(grant) = self.grants.kv.iter().find(|grant| grant.bucket == name) else {
            let shown: String = name.chars().take(RECORDED_NAME_CHARS_MAX).collect();
            self.deny(format!("open {shown:?}"), "no kv grant for the bucket".to_owned());
            return Err(KvFault::Denied);
        };
        let bucket = Bucket {
            tenant: self.tenant.clone(),
            name: grant.bucket.clone(),
            bytes_max: grant.bytes_max,
            keys_max: grant.keys_max,
            // Reading has none; a change has the present one.
            tenant_bytes_max: 0,
        };
        // Nothing is looked at yet, but without the grant the guest would have been refused here.
        self.used(&bucket.name, Touch::Read);
        Ok(OpenBucket { bucket, access: grant.access })
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// As for every operation: past a limit, when the store fails, or when the record cannot be written.
    pub async fn get(&mut self, bucket: &OpenBucket, key: &str) -> Result<Option<Vec<u8>>, KvFault> {
        self.check_key(key)?;
        Ok(self.begin(bucket, Touch::Read, 1).await?.get(&bucket.bucket, key).await?)
    }

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    ///
    /// Also when they are more than may cross to the guest at once: then none is given.
    pub async fn get_many(
        &mut self,
        bucket: &OpenBucket,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, KvFault> {
        for key in &keys {
            self.check_key(key)?;
        }
        let bytes_max = self.answer_bytes_max;
        let store = self.begin(bucket, Touch::Read, keys.len()).await?;
        let mut bytes = 0;
        let mut found = Vec::new();
        // One by one: the store would hold all of them before anyone could say that it is too much.
        for key in keys {
            let value = store.get(&bucket.bucket, &key).await?;
            bytes += value.as_ref().map_or(0, |value| (key.len() + value.len()) as u64);
            if bytes > bytes_max {
                return Err(over("hostcall_bytes", bytes_max, "ask for fewer keys at once"));
            }
            found.push(value.map(|value| (key, value)));
        }
        Ok(found)
    }

    /// Whether there is such a key.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::get`].
    pub async fn exists(&mut self, bucket: &OpenBucket, key: &str) -> Result<bool, KvFault> {
        self.check_key(key)?;
        Ok(self.begin(bucket, Touch::Read, 1).await?.exists(&bucket.bucket, key).await?)
    }

    /// A page of keys behind `cursor`.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::get`].
    pub async fn list(&mut self, bucket: &OpenBucket, cursor: Option<u64>) -> Result<KeyPage, KvFault> {
        Ok(self.begin(bucket, Touch::Read, 1).await?.list(&bucket.bucket, cursor).await?)
    }

    /// Sets every pair, in their order, or none; a pair is an operation.
    ///
    /// # Errors
    ///
    /// [`KvFault::Denied`] on a bucket that is read-only; past a limit or a quota.
    pub async fn set_many(&mut self, bucket: &OpenBucket, pairs: Vec<(String, Vec<u8>)>) -> Result<(), KvFault> {
        self.check_access(bucket, "set")?;
        for (key, value) in &pairs {
            self.check_key(key)?;
            if value.len() as u64 > self.value_bytes_max {
                return Err(over("kv_value_bytes", self.value_bytes_max, "store less under one key"));
            }
        }
        Ok(self.begin(bucket, Touch::Write, pairs.len()).await?.set_many(&self.changed(bucket), pairs).await?)
    }

    /// Deletes those of `keys` that are there, all or none; a key is an operation.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::set_many`].
    pub async fn delete_many(&mut self, bucket: &OpenBucket, keys: Vec<String>) -> Result<(), KvFault> {
        self.check_access(bucket, "delete")?;
        for key in &keys {
            self.check_key(key)?;
        }
        Ok(self.begin(bucket, Touch::Write, keys.len()).await?.delete_many(&self.changed(bucket), keys).await?)
    }

    /// Adds `delta` to the counter at `key` and gives what it is then.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::set_many`]; also where the value is not a counter or would overflow.
    pub async fn increment(&mut self, bucket: &OpenBucket, key: String, delta: u64) -> Result<u64, KvFault> {
        self.check_access(bucket, "increment")?;
        self.check_key(&key)?;
        Ok(self.begin(bucket, Touch::Write, 1).await?.increment(&self.changed(bucket), key, delta).await?)
    }

    /// Adds `delta`, which can be negative, to the counter at `key` and gives what it is then.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::increment`].
    pub async fn add(&mut self, bucket: &OpenBucket, key: String, delta: i64) -> Result<i64, KvFault> {
        self.check_access(bucket, "increment")?;
        self.check_key(&key)?;
        Ok(self.begin(bucket, Touch::Write, 1).await?.add(&self.changed(bucket), key, delta).await?)
    }

    /// The version of the value of `key`; nothing where there is none.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::get`].
    pub async fn version(&mut self, bucket: &OpenBucket, key: &str) -> Result<Option<u64>, KvFault> {
        self.check_key(key)?;
        Ok(self.begin(bucket, Touch::Read, 1).await?.version(&bucket.bucket, key).await?)
    }

    /// The value of `key`, and its version.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::get`].
    pub async fn get_versioned(&mut self, bucket: &OpenBucket, key: &str) -> Result<Option<(Vec<u8>, u64)>, KvFault> {
        self.check_key(key)?;
        let found = self.begin(bucket, Touch::Read, 1).await?.get_versioned(&bucket.bucket, key).await?;
        Ok(found.map(|found| (found.value, found.version)))
    }

    /// Replaces the value of what was watched, and gives whether it was still that. No version comes twice, so that a
    /// value that went and came back is another one.
    ///
    /// # Errors
    ///
    /// As for [`KvCall::set_many`].
    pub async fn swap(&mut self, watched: &Watched, value: Vec<u8>) -> Result<bool, KvFault> {
        let Watched { bucket, key, version } = watched;
        self.check_access(bucket, "set")?;
        if value.len() as u64 > self.value_bytes_max {
            return Err(over("kv_value_bytes", self.value_bytes_max, "store less under one key"));
        }
        let store = self.begin(bucket, Touch::Write, 1).await?;
        match store.swap(&self.changed(bucket), key.clone(), *version, value).await {
            Ok(()) => Ok(true),
            Err(KvError::Changed) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Counts `operations` against the call's, waits for the decision, notes the use, and gives the store.
    async fn begin(&mut self, bucket: &OpenBucket, access: Touch, operations: usize) -> Result<KvStore, KvFault> {
        // An empty batch asks the store too.
        let operations = (operations as u64).max(1);
        let left = self.operations_left.checked_sub(operations);
        let Some(left) = left else {
            return Err(over("kv_operations", self.operations_max, "use fewer operations in one call"));
        };
        self.operations_left = left;
        let store = self.store.clone().ok_or_else(|| KvFault::Failed("this host has no key-value store".to_owned()))?;
        self.effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
        self.pass(&bucket.bucket.name, access)?;
        self.effects.add_kv_operations(operations);
        self.used(&bucket.bucket.name, access);
        Ok(store)
    }

    /// That the rules of flow let a bucket be used.
    fn pass(&self, name: &str, access: Touch) -> Result<(), KvFault> {
        let used = || CapabilityUse::Kv { access, bucket: name.to_owned() };
        self.effects.pass(used).map_err(|Against| KvFault::Denied)
    }

    /// Notes a use of a bucket.
    fn used(&self, name: &str, access: Touch) {
        let same = |used: &CapabilityUse| match used {
            CapabilityUse::Kv { access: known, bucket } => *known == access && bucket == name,
            _ => false,
        };
        self.effects.used(same, || CapabilityUse::Kv { access, bucket: name.to_owned() });
    }

    /// The bucket as a change has to have it: with the tenant's quota as it is now, not as it was when it was opened.
    fn changed(&self, open: &OpenBucket) -> Bucket {
        Bucket { tenant_bytes_max: self.quotas.buckets_bytes_max.load(Ordering::Relaxed), ..open.bucket.clone() }
    }

    fn check_access(&self, bucket: &OpenBucket, action: &str) -> Result<(), KvFault> {
        match bucket.access {
            Access::ReadWrite => Ok(()),
            // No bucket is a call's own.
            Access::ReadOnly | Access::Scratch => {
                self.deny(format!("{action} in {:?}", bucket.bucket.name), "the kv grant is read-only".to_owned());
                Err(KvFault::Denied)
            }
        }
    }

    fn check_key(&self, key: &str) -> Result<(), KvFault> {
        if key.len() as u64 > self.key_bytes_max {
            return Err(over("kv_key_bytes", self.key_bytes_max, "use a shorter key"));
        }
        Ok(())
    }

    fn deny(&self, action: String, rule: String) {
        self.effects.deny(DeniedUse { capability: "kv", action, rule, nearest: None });
    }
}

fn over(limit: &str, maximum: u64, next: &str) -> KvFault {
    KvFault::Failed(format!("limits.{limit} is {maximum}: {next}, or raise it in the policy"))
}
