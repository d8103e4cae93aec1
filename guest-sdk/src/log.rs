//! Log lines (`wasi:logging`), kept from the level on that policy grants, and shown to the agent that waits for the call.
//!
//! The macros take what [`format!`] takes, and say which module a line comes from. Without a grant a line goes nowhere;
//! its text is made all the same.
//!
//! ```
//! use cofferdam_sdk::{fakes, log};
//!
//! let pages = 3;
//! log::info!("read {pages} pages");
//! log::warn!("one of them is empty");
//!
//! let lines = fakes::log::lines();
//! assert_eq!(lines[0].message, "read 3 pages");
//! assert_eq!(lines[1].level, log::Level::Warn);
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

#[doc(inline)]
pub use crate::{
    __log_critical as critical, __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};

/// How much a line matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a defect.
    Debug,
    /// What a reader of the log wants to know.
    Info,
    /// It went on, but something is not as it should be.
    Warn,
    /// Something failed.
    Error,
    /// Nothing works.
    Critical,
}

/// Writes a line. `context` says where it comes from; the macros give the module's path.
pub fn log(level: Level, context: &str, message: &str) {
    host::log(level, context, message);
}

/// Logs at [`Level::Trace`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Trace, ::std::module_path!(), &::std::format!($($text)+))
    };
}

/// Logs at [`Level::Debug`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Debug, ::std::module_path!(), &::std::format!($($text)+))
    };
}

/// Logs at [`Level::Info`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Info, ::std::module_path!(), &::std::format!($($text)+))
    };
}

/// Logs at [`Level::Warn`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Warn, ::std::module_path!(), &::std::format!($($text)+))
    };
}

/// Logs at [`Level::Error`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Error, ::std::module_path!(), &::std::format!($($text)+))
    };
}

/// Logs at [`Level::Critical`]; takes what [`format!`] takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_critical {
    ($($text:tt)+) => {
        $crate::log::log($crate::log::Level::Critical, ::std::module_path!(), &::std::format!($($text)+))
    };
}

#[cfg(test)]
mod tests {
    use crate::{fakes, log};

    #[test]
    fn each_macro_logs_at_its_level_with_its_module() {
        log::trace!("a");
        log::debug!("b");
        log::info!("c");
        log::warn!("d");
        log::error!("e");
        log::critical!("{}", "f");
        let lines = fakes::log::lines();
        let levels: Vec<_> = lines.iter().map(|line| (line.level, line.message.as_str())).collect();
        use log::Level::{Critical, Debug, Error, Info, Trace, Warn};
        assert_eq!(levels, [(Trace, "a"), (Debug, "b"), (Info, "c"), (Warn, "d"), (Error, "e"), (Critical, "f")]);
        assert!(lines.iter().all(|line| line.context == "cofferdam_sdk::log::tests"));
    }
}
