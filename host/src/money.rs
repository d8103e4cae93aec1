//! Money: whole numbers of the billionth part of a US dollar, so that sums are exact and the price of one token is one.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The unit in which the platform states prices.
const UNIT: &str = "USD";
const PARTS: u64 = 1_000_000_000;
/// Digits behind the point.
const DIGITS: usize = 9;

/// An amount of money; in JSON the number of billionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Money(u64);

impl Money {
    /// None.
    pub const ZERO: Self = Self(0);

    /// So many billionths of a dollar.
    pub const fn billionths(count: u64) -> Self {
        Self(count)
    }

    /// So many dollars.
    pub const fn dollars(count: u64) -> Self {
        Self(count.saturating_mul(PARTS))
    }

    /// How many billionths of a dollar it is.
    pub const fn as_billionths(self) -> u64 {
        self.0
    }

    /// What `count` of something cost of which a million cost this. Rounded up: nothing that costs something is free.
    #[must_use]
    pub fn of_millions(self, count: u64) -> Self {
        let cost = (u128::from(self.0) * u128::from(count)).div_ceil(1_000_000);
        Self(u64::try_from(cost).unwrap_or(u64::MAX))
    }

    /// Both together; what is past all bounds stays at the bound.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it without `other`; nothing where that is more.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Money {
    /// With two digits at least behind the point, and all that there are: `0.25 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / PARTS, format!("{:0DIGITS$}", self.0 % PARTS));
        let digits = part.trim_end_matches('0').len().max(2);
        write!(f, "{whole}.{} {UNIT}", part.get(..digits).unwrap_or(&part))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount of money is written as \"0.25 USD\", with nine digits at most behind the point")]
pub struct InvalidMoney;

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let number = text.strip_suffix(UNIT).ok_or(InvalidMoney)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > DIGITS {
            return Err(InvalidMoney);
        }
        let whole: u64 = whole.parse().map_err(|_| InvalidMoney)?;
        let part: u64 = format!("{part:0<DIGITS$}").parse().map_err(|_| InvalidMoney)?;
        whole.checked_mul(PARTS).and_then(|billionths| billionths.checked_add(part)).map(Self).ok_or(InvalidMoney)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_and_told_exactly() {
        for (text, billionths, told) in [
            ("25 USD", 25_000_000_000, "25.00 USD"),
            ("0.15 USD", 150_000_000, "0.15 USD"),
            ("0.0000001USD", 100, "0.0000001 USD"),
            ("1.5 USD", 1_500_000_000, "1.50 USD"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!((money, money.to_string().as_str()), (Money(billionths), told));
            assert_eq!(told.parse(), Ok(money));
        }
        for text in ["", "USD", "25", "25 EUR", "-1 USD", "1.0000000001 USD", "1e3 USD", ". USD", "99999999999999 USD"]
        {
            assert_eq!(text.parse::<Money>(), Err(InvalidMoney), "{text}");
        }
    }

    #[test]
    fn what_costs_something_is_never_free() {
        let price: Money = "0.15 USD".parse().unwrap();
        assert_eq!(price.of_millions(1_000_000), price);
        assert_eq!(price.of_millions(0), Money::ZERO);
        assert_eq!(Money(1).of_millions(1), Money(1));
        assert_eq!(Money(u64::MAX).of_millions(u64::MAX), Money(u64::MAX));
    }
}
