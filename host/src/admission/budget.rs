//! What calls may use together: reserved before a call, settled with what it used, counted in windows of time.
//!
//! The meter is in memory, one short lock for each tenant. It is never the truth: that is the record, whose fold
//! ([`super::Ledger`]) the meter starts from. Both count by the same rules, those of `account`.

mod account;
mod hold;
mod meter;
mod used;

#[cfg(test)]
mod tests;

pub use self::account::{Account, Scope, Spender};
pub use self::hold::Hold;
pub use self::meter::{Clock, Line, Meter, Reservation};
pub use self::used::used;
