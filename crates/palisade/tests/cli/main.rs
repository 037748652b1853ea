//! The command line as its users meet it: arguments in, text and exit code out.
#![allow(clippy::disallowed_methods, reason = "tests run the program and read its files")]

mod content;
mod hosts;
mod inputs;
mod lists;
mod support;
