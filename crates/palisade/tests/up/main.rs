//! The Management System as it is started: from `palisade up` to a browser, through crashes, on both databases.
#![allow(clippy::disallowed_methods, reason = "starts the program and looks at its files")]

mod browser;
mod crash;
mod running;
mod story;
