//! `tools!`: from functions to the component's export.

#[cfg(target_family = "wasm")]
mod bind;

use crate::error::Error;
use crate::output::Output;
use crate::tool::{Definition, Tool};

/// Exports tools: `tools!(count, diff);`, once in a component, with the names of functions that have `#[tool]`. Those of
/// other modules are named by their path: `tools!(text::count)`. "Expected type, found function" means that the function
/// has no `#[tool]`.
#[macro_export]
macro_rules! tools {
    () => { ::std::compile_error!("tools! needs the names of functions with #[tool]: tools!(word_count);"); };
    ($($tool:ty),+ $(,)?) => {
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct CofferdamTools;

        impl $crate::__private::Tools for CofferdamTools {
            const ENTRIES: &'static [$crate::__private::Entry] = &[$($crate::__private::Entry::of::<$tool>()),+];
        }

        $(
            const _: () = ::std::assert!(
                $crate::__private::is_only(
                    <$tool as $crate::Tool>::NAME,
                    <CofferdamTools as $crate::__private::Tools>::ENTRIES,
                ),
                ::std::concat!(
                    "two tools have the name of `",
                    ::std::stringify!($tool),
                    "`: give one of them another with #[tool(name = \"…\")]"
                )
            );
        )+

        $crate::__export!(CofferdamTools);
    };
}

/// One tool of a component.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// [`Tool::definition`]
    pub definition: fn() -> Definition,
    /// [`Tool::call`]
    pub call: fn(&str) -> Result<Output, Error>,
}

impl Entry {
    /// The entry of a tool.
    pub const fn of<T: Tool>() -> Self {
        Self { name: T::NAME, definition: T::definition, call: T::call }
    }
}

/// A component's tools.
pub trait Tools {
    /// All of them.
    const ENTRIES: &'static [Entry];
}

/// Whether one tool of `entries` has this name, and no other.
pub const fn is_only(name: &str, entries: &[Entry]) -> bool {
    let mut found = 0;
    let mut index = 0;
    while index < entries.len() {
        if same(name.as_bytes(), entries[index].name.as_bytes()) {
            found += 1;
        }
        index += 1;
    }
    found == 1
}

/// `==` of bytes, which is not for constants.
const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Outside of WebAssembly there is nothing to export to.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($tools:ident) => {};
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($tools:ident) => {
        $crate::__private::bindings::export!($tools with_types_in $crate::__private::bindings);
    };
}
