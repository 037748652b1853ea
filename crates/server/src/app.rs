//! What every request works with.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::Effective;
use crate::identity::login::Logins;
use crate::store::Store;

/// The server's state, shared by all requests.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// What is in it.
pub(crate) struct Inner {
    /// Users, credentials and sessions.
    pub(crate) logins: Logins,
    /// The time.
    pub(crate) clock: Clock,
    /// The address that browsers use, `https://host:port`: what links in mails begin with.
    pub(crate) origin: String,
    /// What is shown before a login.
    pub(crate) notice: String,
    /// What this system is called on its pages.
    pub(crate) system: String,
    /// The file that holds the set-up code.
    pub(crate) set_up_file: String,
    /// When the server started.
    pub(crate) started_at: Timestamp,
    /// When and why the latest audit did not come to an end; none when it did.
    pub(crate) audit_failed: Mutex<Option<(Timestamp, String)>>,
    /// The configuration with the source of every value.
    pub(crate) effective: Effective,
    /// The version of the product.
    pub(crate) version: &'static str,
}

impl App {
    /// Shares it.
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The database.
    pub(crate) fn store(&self) -> &Store {
        &self.logins.store
    }

    /// Notes how the latest audit went.
    pub(crate) fn audit_went(&self, failed: Option<(Timestamp, String)>) {
        *self.audit_failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// When and why the latest audit did not come to an end.
    pub(crate) fn audit_failed(&self) -> Option<(Timestamp, String)> {
        self.audit_failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("App").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
