//! What is kept for one call until it ends, counter by counter. Plain data, for the meter as for the fold.
//!
//! The fuel of a call below another is a part of what is kept for that one: so it is kept once, in each counter with the
//! call furthest above that counts there, and counts in the windows of that call. Of everything else a call below reserves
//! what it may use itself.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::amounts::{Amount, Amounts};
use crate::audit::entry::Reserved;
use crate::id::PackageRef;
use crate::policy::Whose;

/// What is kept for one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    reserved: Reserved,
    /// The counters in which its fuel is kept with a call above it, and when that one was let in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    within: BTreeMap<Whose, SystemTime>,
    /// Fuel that was kept for it and that calls below it have used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    below: BTreeMap<Whose, u64>,
}

/// So much in one counter, in the windows of a moment.
pub(super) type Counts = (Whose, SystemTime, Amounts);

impl Hold {
    /// Of a call that a key made.
    pub const fn new(reserved: Reserved) -> Self {
        Self { reserved, within: BTreeMap::new(), below: BTreeMap::new() }
    }

    /// Of a call of `package` that the first of the calls `above` made, that one the next one, and so on: those of one key.
    pub fn below<'a>(
        package: &PackageRef,
        reserved: Reserved,
        above: &(impl Iterator<Item = (&'a PackageRef, &'a Self)> + Clone),
    ) -> Self {
        let keeper = |whose: &Whose| above.clone().find(|(theirs, hold)| hold.keeps(*whose, package, theirs));
        let within = Whose::ALL.into_iter().filter_map(|whose| Some((whose, keeper(&whose)?.1.reserved.at)));
        Self { within: within.collect(), ..Self::new(reserved) }
    }

    /// What was reserved.
    pub const fn reserved(&self) -> Reserved {
        self.reserved
    }

    /// Whether the fuel of a call of `package` below this one, which is of `own`, is kept with this one.
    fn keeps(&self, whose: Whose, package: &PackageRef, own: &PackageRef) -> bool {
        let is_shared = match whose {
            Whose::Tenant | Whose::Principal => true,
            Whose::Tool | Whose::PrincipalAndTool => package == own,
        };
        is_shared && !self.within.contains_key(&whose)
    }

    /// What is kept for it still: also what it is charged where nobody knows how far it came.
    pub fn kept(&self) -> impl Iterator<Item = Counts> {
        Whose::ALL.into_iter().map(|whose| {
            let mut kept = self.reserved.amounts;
            let gone = self.below.get(&whose).copied().unwrap_or(0);
            kept[Amount::Fuel] =
                if self.within.contains_key(&whose) { 0 } else { kept[Amount::Fuel].saturating_sub(gone) };
            (whose, self.reserved.at, kept)
        })
    }

    /// What is counted where it used so much.
    pub fn charges(&self, used: &Amounts) -> impl Iterator<Item = Counts> {
        let rest = Amounts::of(|amount| if amount == Amount::Fuel { 0 } else { used[amount] });
        let own = Whose::ALL.into_iter().map(move |whose| {
            let all = if self.within.contains_key(&whose) { rest } else { *used };
            (whose, self.reserved.at, all)
        });
        own.chain(self.with_above(used[Amount::Fuel]))
    }

    /// So much fuel in those counters in which it is kept with a call above.
    pub fn with_above(&self, fuel: u64) -> impl Iterator<Item = Counts> {
        let fuel = Amounts::of(|amount| if amount == Amount::Fuel { fuel } else { 0 });
        self.within.iter().map(move |(whose, at)| (*whose, *at, fuel))
    }

    /// The call of `package` that `child` is kept for, below this one of `own`, has used so much fuel.
    pub fn used_below(&mut self, own: &PackageRef, (package, child): (&PackageRef, &Self), fuel: u64) {
        for whose in child.within.keys() {
            if self.keeps(*whose, package, own) {
                let gone = self.below.entry(*whose).or_default();
                *gone = gone.saturating_add(fuel);
            }
        }
    }
}
