//! What requests may hold of the host before anything is known of them but their tenant: how many there are, and how
//! many bytes of bodies they have sent.
//!
//! A parsed body takes up to some twenty times its bytes in memory, so the bytes in flight are what is dealt out. One
//! tenant gets a part of it only, however many connections it opens.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// How much room there is.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// Requests of one tenant at once, calls that wait for their turn included.
    pub tenant_requests_max: u32,
    /// Bodies of one tenant's requests together, in bytes.
    pub tenant_bodies_bytes_max: u64,
    /// Bodies of all requests together, in bytes.
    pub bodies_bytes_max: u64,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { tenant_requests_max: 2_048, tenant_bodies_bytes_max: 32 << 20, bodies_bytes_max: 128 << 20 }
    }
}

/// Deals out room for requests.
#[derive(Debug)]
pub(super) struct Rooms {
    settings: RoomSettings,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    tenants: HashMap<TenantId, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    requests: u32,
    bytes: u64,
}

/// One request's room, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    rooms: Arc<Rooms>,
    tenant: TenantId,
    bytes: Mutex<u64>,
}

impl Rooms {
    pub(super) fn new(settings: RoomSettings) -> Self {
        Self { settings, held: Mutex::default() }
    }

    /// Lets a request of `tenant` in.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] when the tenant has as many as it may.
    pub(super) fn enter(this: &Arc<Self>, tenant: &TenantId) -> Result<Arc<Room>> {
        let mut held = this.held.lock();
        let share = held.tenants.entry(tenant.clone()).or_default();
        if share.requests >= this.settings.tenant_requests_max {
            let maximum = this.settings.tenant_requests_max;
            return Err(Error::new(
                Code::Throttled,
                format!("{maximum} requests of this tenant are open, as many as may"),
            )
            .next("wait for some to end, or send fewer at once")
            .fact("limit", "tenant_requests")
            .fact("maximum", maximum)
            .fact("retry_after_ms", 1_000));
        }
        share.requests += 1;
        Ok(Arc::new(Room { rooms: Arc::clone(this), tenant: tenant.clone(), bytes: Mutex::new(0) }))
    }
}

impl Room {
    /// Takes in `bytes` more of the request's body.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] when the tenant's share is full, [`Code::Overloaded`] when the host's is.
    pub(super) fn take(&self, bytes: usize) -> Result<()> {
        let bytes = bytes as u64;
        let settings = &self.rooms.settings;
        let mut held = self.rooms.held.lock();
        let of_tenant = held.tenants.get(&self.tenant).map_or(0, |share| share.bytes);
        if of_tenant.saturating_add(bytes) > settings.tenant_bodies_bytes_max {
            return Err(full(
                Code::Throttled,
                "the requests of this tenant that are open hold as much as they may",
                "tenant_bodies_bytes",
                settings.tenant_bodies_bytes_max,
            ));
        }
        if held.bytes.saturating_add(bytes) > settings.bodies_bytes_max {
            return Err(full(
                Code::Overloaded,
                "the host has no room for the body of another request",
                "bodies_bytes",
                settings.bodies_bytes_max,
            ));
        }
        held.bytes += bytes;
        if let Some(share) = held.tenants.get_mut(&self.tenant) {
            share.bytes += bytes;
        }
        *self.bytes.lock() += bytes;
        Ok(())
    }
}

fn full(code: Code, what: &str, limit: &str, maximum: u64) -> Error {
    Error::new(code, what)
        .next("send fewer large requests at once")
        .fact("limit", limit)
        .fact("maximum", maximum)
        .fact("retry_after_ms", 1_000)
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        let mut held = self.rooms.held.lock();
        held.bytes -= bytes;
        if let Some(share) = held.tenants.get_mut(&self.tenant) {
            share.requests -= 1;
            share.bytes -= bytes;
            if share.requests == 0 {
                held.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms() -> Arc<Rooms> {
        Arc::new(Rooms::new(RoomSettings {
            tenant_requests_max: 2,
            tenant_bodies_bytes_max: 100,
            bodies_bytes_max: 150,
        }))
    }

    #[test]
    fn requests_are_bounded_for_each_tenant() {
        let rooms = rooms();
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let first = Rooms::enter(&rooms, &a).unwrap();
        let _second = Rooms::enter(&rooms, &a).unwrap();
        assert_eq!(Rooms::enter(&rooms, &a).unwrap_err().code(), Code::Throttled);
        assert!(Rooms::enter(&rooms, &b).is_ok());
        drop(first);
        assert!(Rooms::enter(&rooms, &a).is_ok());
    }

    #[test]
    fn bodies_are_bounded_for_each_tenant_and_in_all_and_nothing_is_left_behind() {
        let rooms = rooms();
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (first, second, other) =
            (Rooms::enter(&rooms, &a).unwrap(), Rooms::enter(&rooms, &a).unwrap(), Rooms::enter(&rooms, &b).unwrap());
        first.take(60).unwrap();
        second.take(40).unwrap();
        assert_eq!(second.take(1).unwrap_err().code(), Code::Throttled);
        other.take(50).unwrap();
        assert_eq!(other.take(1).unwrap_err().code(), Code::Overloaded);
        drop(first);
        other.take(50).unwrap();
        drop((second, other));
        let held = rooms.held.lock();
        assert!(held.tenants.is_empty() && held.bytes == 0);
    }
}
