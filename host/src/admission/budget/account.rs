//! One tenant's use, as plain data: of the tenant, of each key, of each package and of each pair of them, in the present
//! minute, hour and day. What policy bounds is looked up here and stands nowhere in it, so that another policy finds the
//! same use.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::hold::Counts;
use crate::amounts::{Amount, Amounts, Bound, Window};
use crate::id::{PackageRef, PrincipalId};
use crate::policy::{Budget, Whose};

/// Who calls what: what use is counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    /// The key; absent where the host called.
    pub principal: Option<PrincipalId>,
    /// The package.
    pub package: PackageRef,
}

/// Whose use a cell holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The tenant's.
    Tenant,
    /// A key's.
    Principal(PrincipalId),
    /// A package's.
    Tool(PackageRef),
    /// A key's, of a package.
    PrincipalAndTool(PrincipalId, PackageRef),
}

impl Scope {
    /// Whose use it is, in policy's words.
    pub const fn whose(&self) -> Whose {
        match self {
            Self::Tenant => Whose::Tenant,
            Self::Principal(_) => Whose::Principal,
            Self::Tool(_) => Whose::Tool,
            Self::PrincipalAndTool(..) => Whose::PrincipalAndTool,
        }
    }
}

impl Spender {
    /// The cell of this kind that its calls count in; none of a key where there is no key.
    pub fn scope(&self, whose: Whose) -> Option<Scope> {
        Some(match whose {
            Whose::Tenant => Scope::Tenant,
            Whose::Principal => Scope::Principal(self.principal?),
            Whose::Tool => Scope::Tool(self.package.clone()),
            Whose::PrincipalAndTool => Scope::PrincipalAndTool(self.principal?, self.package.clone()),
        })
    }
}

/// A tenant's use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account {
    #[serde(with = "super::super::pairs")]
    cells: BTreeMap<Scope, Cell>,
}

/// What one of them used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    minute: Counted,
    hour: Counted,
    day: Counted,
    /// When the next call would come if all had come at an even rate; of this process alone.
    #[serde(skip)]
    even: Option<SystemTime>,
}

/// Use in one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Which window, from 1970.
    index: u64,
    /// By calls that ended.
    pub(super) used: Amounts,
    /// For calls that have not; of this process alone.
    #[serde(skip)]
    pub(super) reserved: Amounts,
}

impl Counted {
    /// Goes on to the window `index`. One that is over is forgotten; from one that has begun there is no way back.
    fn roll(&mut self, index: u64) {
        if self.index < index {
            *self = Self { index, ..Self::default() };
        }
    }
}

impl Cell {
    fn window(&mut self, window: Window) -> &mut Counted {
        match window {
            Window::Minute => &mut self.minute,
            Window::Hour => &mut self.hour,
            Window::Day => &mut self.day,
        }
    }

    /// Changes the windows that hold `at`, as far as these are not over.
    fn each(&mut self, at: SystemTime, change: impl Fn(&mut Counted)) {
        for window in Window::ALL {
            let (counted, index) = (self.window(window), window.index(at));
            counted.roll(index);
            if counted.index == index {
                change(counted);
            }
        }
    }
}

/// A budget that has no room for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Full<'a> {
    pub(super) budget: &'a Budget,
    pub(super) counted: Counted,
    pub(super) needed: u64,
    /// When there may be room.
    pub(super) until: SystemTime,
}

impl Account {
    /// Reserves for a call by `spender` at `now` what it needs in each counter, all of it or nothing; the moment that it
    /// counts in.
    pub(super) fn reserve<'a>(
        &mut self,
        spender: &Spender,
        budgets: &'a [Budget],
        needs: impl Fn(Whose) -> Amounts,
        now: SystemTime,
    ) -> Result<SystemTime, Box<Full<'a>>> {
        let at = self.not_before(now);
        self.has_room(spender, budgets, &needs, now)?;
        // A rate is only used up by a call that every budget has room for.
        for budget in budgets.iter().filter(|budget| budget.bound == Bound::CallsPerSecond) {
            if needs(budget.whose)[Amount::Calls] > 0
                && let Some(cell) = spender.scope(budget.whose).and_then(|scope| self.cells.get_mut(&scope))
                && let Ok(even) = cell.rate(budget.maximum, now)
            {
                cell.even = Some(even);
            }
        }
        for whose in Whose::ALL {
            let needs = needs(whose);
            self.change(spender, (whose, at), |counted| counted.reserved.add(&needs));
        }
        Ok(at)
    }

    /// That a call by `spender` which needs so much would find room at `now`.
    pub(super) fn has_room<'a>(
        &mut self,
        spender: &Spender,
        budgets: &'a [Budget],
        needs: impl Fn(Whose) -> Amounts,
        now: SystemTime,
    ) -> Result<(), Box<Full<'a>>> {
        let at = self.not_before(now);
        for budget in budgets {
            let Some(scope) = spender.scope(budget.whose) else { continue };
            let cell = self.cells.entry(scope).or_default();
            match budget.bound {
                Bound::Per(amount, window) => {
                    let counted = cell.window(window);
                    counted.roll(window.index(at));
                    let needed = needs(budget.whose)[amount];
                    let taken = counted.used[amount].saturating_add(counted.reserved[amount]);
                    if needed > 0 && taken.saturating_add(needed) > budget.maximum {
                        let until = window.end(counted.index);
                        return Err(Box::new(Full { budget, counted: *counted, needed, until }));
                    }
                }
                // What a call makes is no call of this kind.
                Bound::CallsPerSecond if needs(budget.whose)[Amount::Calls] == 0 => {}
                Bound::CallsPerSecond => {
                    if let Err(until) = cell.rate(budget.maximum, now) {
                        return Err(Box::new(Full { budget, counted: Counted::default(), needed: 1, until }));
                    }
                }
            }
        }
        Ok(())
    }

    /// `now`, or the present minute's begin where the clock was set back: nobody gets a window for nothing by that.
    fn not_before(&self, now: SystemTime) -> SystemTime {
        self.cells.get(&Scope::Tenant).map_or(now, |cell| now.max(Window::Minute.begin(cell.minute.index)))
    }

    /// Gives back what was reserved.
    pub(super) fn release(&mut self, spender: &Spender, reserved: impl Iterator<Item = Counts>) {
        for (whose, at, reserved) in reserved {
            self.change(spender, (whose, at), |counted| counted.reserved.take(&reserved));
        }
    }

    /// Counts what a call used for which room was reserved.
    pub fn charge(&mut self, spender: &Spender, used: impl Iterator<Item = Counts>) {
        for (whose, at, used) in used {
            self.change(spender, (whose, at), |counted| counted.used.add(&used));
        }
    }

    fn change(&mut self, spender: &Spender, (whose, at): (Whose, SystemTime), change: impl Fn(&mut Counted)) {
        if let Some(scope) = spender.scope(whose) {
            self.cells.entry(scope).or_default().each(at, change);
        }
    }

    /// Use of `scope` in the window that holds `now`, and when that is over.
    pub(super) fn counted(&self, scope: &Scope, window: Window, now: SystemTime) -> (Counted, SystemTime) {
        let mut counted = self.cells.get(scope).copied().map(|mut cell| *cell.window(window)).unwrap_or_default();
        counted.roll(window.index(now));
        (counted, window.end(counted.index))
    }

    /// Whose use there is.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.cells.keys()
    }

    /// Forgets what no window of the present is about; whether anything is left.
    pub(in crate::admission) fn prune(&mut self, now: SystemTime) -> bool {
        let present = |cell: &mut Cell| {
            Window::ALL.into_iter().any(|window| cell.window(window).index >= window.index(now))
                || cell.even.is_some_and(|even| even > now)
        };
        self.cells.retain(|_, cell| present(cell));
        !self.cells.is_empty()
    }
}

impl Cell {
    /// When the next call would come at an even rate, if one comes now; or when one may. A second's worth may come at once.
    fn rate(&self, per_second: u64, now: SystemTime) -> Result<SystemTime, SystemTime> {
        const BURST: Duration = Duration::from_secs(1);
        let Some(apart) = 1_000_000_000_u64.checked_div(per_second) else { return Err(now + BURST) };
        let apart = Duration::from_nanos(apart.max(1));
        // No call comes earlier than a burst allows, but for one that saw the time just before another and came behind it:
        // what lies well ahead of that is of a clock that was set back since.
        let even = self.even.filter(|even| *even <= now + 2 * BURST);
        let even = even.unwrap_or(UNIX_EPOCH).max(now) + apart;
        match even.duration_since(now + BURST) {
            Ok(early) if early > Duration::ZERO => Err(now + early),
            _ => Ok(even),
        }
    }
}
