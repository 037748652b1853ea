//! Listeners: TLS, limits on connections, headers and bodies, and the end in good order.

mod client;

pub(crate) use client::ClientAddress;
