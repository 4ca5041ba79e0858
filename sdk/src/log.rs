//! Lines for people, kept with the run.
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! let masked = 2;
//! log::info!("{masked} fields masked");
//! log::emit(log::Level::Warn, "no such field", &[("field", "sender.email")]);
//! # assert_eq!(sluicebox_sdk::testing::take_log()[0].message, "2 fields masked");
//! ```
//!
//! The host cuts a line at 1 KiB, drops those past the hundredth of a call, and removes control characters.

use crate::host;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Steps on the way.
    Trace,
    /// For whoever mends the plugin.
    Debug,
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes one line, with facts beside it.
pub fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    host::log(level, message, fields);
}

macro_rules! macros {
    ($($exported:ident as $name:ident: $level:ident, $doc:literal;)+) => { macros! { ($) $($exported as $name: $level, $doc;)+ } };
    (($d:tt) $($exported:ident as $name:ident: $level:ident, $doc:literal;)+) => { $(
        #[doc = $doc]
        #[macro_export]
        #[doc(hidden)]
        macro_rules! $exported {
            ($d($d arg:tt)+) => { $crate::log::emit($crate::log::Level::$level, &::std::format!($d($d arg)+), &[]) };
        }
        #[doc(inline)]
        pub use $exported as $name;
    )+ };
}

macros! {
    __log_trace as trace: Trace, "Writes a line at [`Level::Trace`], formatted as by `format!`.";
    __log_debug as debug: Debug, "Writes a line at [`Level::Debug`], formatted as by `format!`.";
    __log_info as info: Info, "Writes a line at [`Level::Info`], formatted as by `format!`.";
    __log_warn as warn: Warn, "Writes a line at [`Level::Warn`], formatted as by `format!`.";
    __log_error as error: Error, "Writes a line at [`Level::Error`], formatted as by `format!`.";
}
