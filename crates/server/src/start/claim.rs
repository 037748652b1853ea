//! What only root may do for a server: give it its state directory, and ports below 1024. Nothing after this needs root.

use std::path::Path;

use super::StartError;
use crate::config::Config;
use crate::serve::{BindError, Listener};
use crate::state::{Ground, Owner};

/// Ports that are bound before root is given up.
#[derive(Debug)]
pub struct Claim {
    pub(super) listener: Result<Listener, BindError>,
    pub(super) observed: Result<Option<Listener>, BindError>,
}

impl Claim {
    /// Binds the ports; that one of them is taken is told by [`super::Server::open`], after a server that uses the same directory.
    pub fn take(config: &Config) -> Self {
        Self {
            listener: Listener::bind(config.server.listen),
            observed: config.server.metrics_listen.get().map(Listener::bind_loopback).transpose(),
        }
    }

    /// As root, for a server that will run as `owner`: the state directory too, made for that user or handed over where it is root's.
    ///
    /// # Errors
    /// When the directory cannot be made or handed over, or is none of a server's.
    pub fn take_for(config: &Config, ground: &Ground, owner: Owner) -> Result<Self, StartError> {
        ground.prepare(owner)?;
        Ok(Self::take(config))
    }
}

/// Looks as root at the place of a state directory.
///
/// # Errors
/// Others than root could put something else in its place, or it is no directory.
pub fn ground(state_dir: &Path) -> Result<Ground, StartError> {
    Ok(Ground::look(state_dir)?)
}
