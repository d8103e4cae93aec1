//! What budgets count: one row for each amount. Policy names it so, the record spells it so, the meter holds it.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::money::Money;

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Of something.
    Count,
    /// Bytes.
    Bytes,
    /// Billionths of a US dollar.
    Money,
}

macro_rules! amounts {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $unit:ident;)*) => {
        /// Something that calls use and budgets bound.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Amount { $($(#[doc = $doc])* $variant),* }

        impl Amount {
            /// Every amount, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as the record has it; with a window it is a key of the policy.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it is counted in.
            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit),* }
            }

            /// What it is, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii()),* }
            }
        }

        /// How many of each.
        const COUNT: usize = [$($name),*].len();

        /// Every budget that a policy can state.
        pub static BUDGETS: &[BudgetKey] = &[
            $(
                BudgetKey { name: concat!($name, "_per_minute"), bound: Bound::Per(Amount::$variant, Window::Minute) },
                BudgetKey { name: concat!($name, "_per_hour"), bound: Bound::Per(Amount::$variant, Window::Hour) },
                BudgetKey { name: concat!($name, "_per_day"), bound: Bound::Per(Amount::$variant, Window::Day) },
            )*
            BudgetKey { name: "calls_per_second", bound: Bound::CallsPerSecond },
        ];
    };
}

amounts! {
    /// Calls that are let in; those that tools make are not among them.
    Calls = "calls", Count;
    /// Units of fuel.
    Fuel = "fuel", Count;
    /// Bodies of requests and of responses together.
    HttpBytes = "http_bytes", Bytes;
    /// What is written to volumes.
    FilesBytes = "files_bytes", Bytes;
    /// Calls that tools make of other tools, those that are not let in not among them.
    ChildCalls = "child_calls", Count;
    /// Tokens that models read and wrote.
    ModelTokens = "model_tokens", Count;
    /// What models cost.
    ModelCost = "model_cost", Money;
}

/// A key of `[budget]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetKey {
    /// As the policy writes it.
    pub name: &'static str,
    /// What it bounds.
    pub bound: Bound,
}

/// What a budget bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// An amount, in a window of time.
    Per(Amount, Window),
    /// Calls, as a rate: a second's worth may come at once.
    CallsPerSecond,
}

impl Bound {
    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Per(amount, _) => amount.unit(),
            Self::CallsPerSecond => Unit::Count,
        }
    }

    /// The key that states it.
    pub fn key(self) -> &'static str {
        BUDGETS.iter().find(|key| key.bound == self).map_or("", |key| key.name)
    }
}

/// A stretch of time that use is counted in: those of the clock, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// From one full minute to the next.
    Minute,
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Window {
    /// Every window, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    const fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Which of its kind holds `time`, counted from 1970.
    pub fn index(self, time: SystemTime) -> u64 {
        time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / self.seconds())
    }

    /// When the window of this index begins.
    pub fn begin(self, index: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(index.saturating_mul(self.seconds()))
    }

    /// When the window of this index is over.
    pub fn end(self, index: u64) -> SystemTime {
        self.begin(index + 1)
    }
}

/// So much of each amount.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Amounts([u64; COUNT]);

impl Amounts {
    /// Nothing of anything.
    pub const NONE: Self = Self([0; COUNT]);

    /// Of each what `of` says.
    pub fn of(of: impl Fn(Amount) -> u64) -> Self {
        let mut amounts = Self::NONE;
        for amount in Amount::ALL {
            amounts[*amount] = of(*amount);
        }
        amounts
    }

    /// Those that are not nothing.
    pub fn iter(&self) -> impl Iterator<Item = (Amount, u64)> {
        Amount::ALL.iter().map(|amount| (*amount, self[*amount])).filter(|(_, value)| *value > 0)
    }

    /// Adds of each what `other` has.
    pub fn add(&mut self, other: &Self) {
        for (amount, more) in other.iter() {
            self[amount] = self[amount].saturating_add(more);
        }
    }

    /// Takes of each what `other` has.
    pub fn take(&mut self, other: &Self) {
        for (amount, less) in other.iter() {
            self[amount] = self[amount].saturating_sub(less);
        }
    }
}

impl Index<Amount> for Amounts {
    type Output = u64;

    fn index(&self, amount: Amount) -> &u64 {
        &self.0[amount as usize]
    }
}

impl IndexMut<Amount> for Amounts {
    fn index_mut(&mut self, amount: Amount) -> &mut u64 {
        &mut self.0[amount as usize]
    }
}

impl fmt::Debug for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(amount, value)| (amount.as_str(), value))).finish()
    }
}

/// An object of those that are not nothing, its members in alphabetical order.
impl Serialize for Amounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<_> = self.iter().map(|(amount, value)| (amount.as_str(), value)).collect();
        members.sort_unstable();
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

/// What a later host counts and this one does not know is left out.
impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(Self::of(|amount| members.get(amount.as_str()).copied().unwrap_or(0)))
    }
}

impl JsonSchema for Amounts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amounts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let count = |amount: &Amount| {
            let schema = serde_json::json!({"type": "integer", "minimum": 0, "description": amount.meaning()});
            (amount.as_str().to_owned(), schema)
        };
        let properties: serde_json::Map<_, _> = Amount::ALL.iter().map(count).collect();
        json_schema!({
            "type": "object",
            "description": "So much of each amount; absent ones are nothing. Money is in billionths of a US dollar.",
            "properties": properties,
        })
    }
}

impl Unit {
    /// `value`, in words.
    pub fn words(self, value: u64) -> String {
        match self {
            Self::Count => count(value),
            Self::Bytes => size(value),
            Self::Money => Money::billionths(value).to_string(),
        }
    }
}

/// A number with its thousands set apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes. Only what is exact is shortened: a limit is told as it is.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, bits)| bytes > 0 && bytes.trailing_zeros() >= *bits) {
        Some((unit, bits)) => format!("{} {unit}", bytes >> bits),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spelt_by_name_and_read_back() {
        let amounts = Amounts::of(|amount| if amount == Amount::Calls { 0 } else { amount as u64 * 10 });
        let text = serde_json::to_string(&amounts).unwrap();
        assert_eq!(
            text,
            r#"{"child_calls":40,"files_bytes":30,"fuel":10,"http_bytes":20,"model_cost":60,"model_tokens":50}"#
        );
        assert_eq!(serde_json::from_str::<Amounts>(&text).unwrap(), amounts);
        assert_eq!(serde_json::from_str::<Amounts>(r#"{"of_tomorrow":1}"#).unwrap(), Amounts::NONE);
    }

    #[test]
    fn every_budget_has_a_key_of_its_own() {
        let mut names: Vec<_> = BUDGETS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Amount::ALL.len() * 3 + 1);
        assert!(BUDGETS.iter().all(|key| key.bound.key() == key.name));
    }

    #[test]
    fn windows_are_those_of_the_clock() {
        let time = UNIX_EPOCH + Duration::from_secs(2 * 86_400 + 3_599);
        assert_eq!(Window::ALL.map(|window| window.index(time)), [2 * 1_440 + 59, 48, 2]);
        assert_eq!(Window::Hour.end(48), UNIX_EPOCH + Duration::from_secs(49 * 3_600));
    }
}
