//! Who may be connected: so many clients in all, so many from one address, and a few more that are only told why not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::server::ServerSettings;
use crate::error::{Code, Error};

/// Connections that are answered with a refusal at the same time; further ones are closed without a word, since an
/// answer is work for whoever floods.
const REFUSALS_MAX: usize = 64;

/// Open connections, in all and by address.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    refused: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    /// Absent where the connection is only told that there is no room.
    address: Option<IpAddr>,
}

/// What becomes of a connection.
#[derive(Debug)]
pub(super) enum Entry {
    /// It is served.
    Served(Place),
    /// It is told why not.
    Refused(Place, Error),
    /// It is closed.
    Closed,
}

impl Places {
    pub(super) fn enter(this: &Arc<Self>, address: IpAddr, settings: &ServerSettings) -> Entry {
        let mut open = this.0.lock();
        let here = open.by_address.get(&address).copied().unwrap_or(0);
        let reason = if here >= settings.address_connections_max {
            full(Code::Throttled, "your address has", "address_connections", settings.address_connections_max)
        } else if open.all >= settings.connections_max {
            full(Code::Overloaded, "the host has", "connections", settings.connections_max)
        } else {
            open.all += 1;
            open.by_address.insert(address, here + 1);
            return Entry::Served(Place { places: Arc::clone(this), address: Some(address) });
        };
        if open.refused >= REFUSALS_MAX {
            return Entry::Closed;
        }
        open.refused += 1;
        Entry::Refused(Place { places: Arc::clone(this), address: None }, reason)
    }

    /// Connections that are served now.
    pub(super) fn open(&self) -> usize {
        self.0.lock().all
    }
}

fn full(code: Code, who: &str, limit: &str, maximum: usize) -> Error {
    Error::new(code, format!("{who} {maximum} connections open, as many as may be"))
        .next("close some, or send several requests over one; then try again")
        .fact("limit", limit)
        .fact("maximum", maximum)
        .fact("retry_after_ms", 1_000)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.lock();
        let Some(address) = self.address else {
            open.refused -= 1;
            return;
        };
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections_max: usize, address_connections_max: usize) -> (Arc<Places>, ServerSettings) {
        (Arc::default(), ServerSettings { connections_max, address_connections_max, ..ServerSettings::default() })
    }

    #[test]
    fn places_are_bounded_by_address_and_in_all_and_come_back() {
        let (places, settings) = places(3, 2);
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = Places::enter(&places, a, &settings);
        let second = Places::enter(&places, a, &settings);
        assert!(matches!((&first, &second), (Entry::Served(_), Entry::Served(_))));
        let Entry::Refused(_, error) = Places::enter(&places, a, &settings) else { panic!("a third of two") };
        assert_eq!(error.code(), Code::Throttled);
        let _third = Places::enter(&places, b, &settings);
        let Entry::Refused(_, error) = Places::enter(&places, b, &settings) else { panic!("a fourth of three") };
        assert_eq!(error.code(), Code::Overloaded);
        assert_eq!(places.open(), 3);
        drop(first);
        assert!(matches!(Places::enter(&places, b, &settings), Entry::Served(_)));
    }

    #[test]
    fn refusals_are_bounded_too() {
        let (places, settings) = places(0, 1);
        let address = [10, 0, 0, 1].into();
        let refused: Vec<_> = (0..REFUSALS_MAX).map(|_| Places::enter(&places, address, &settings)).collect();
        assert!(refused.iter().all(|entry| matches!(entry, Entry::Refused(..))));
        assert!(matches!(Places::enter(&places, address, &settings), Entry::Closed));
        drop(refused);
        assert!(matches!(Places::enter(&places, address, &settings), Entry::Refused(..)));
        assert_eq!(places.open(), 0);
    }
}
