//! What every request works with.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use model::Report;

use crate::clock::Clock;
use crate::config::Effective;
use crate::identity::login::Logins;
use crate::identity::roles::Uses;
use crate::ledger::exporters::Exporters;
use crate::ledger::witnesses::Witnesses;
use crate::ledger::{Cosigning, Happened, Ledger, LedgerError, Retention, Said};
use crate::posture::audits::{Audits, NotNow};
use crate::posture::reports::{Entry, ReportError};
use crate::posture::shelf::Shelf;
use crate::state;
use crate::store::Store;

/// The server's state, shared by all requests.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// What is in it.
pub(crate) struct Inner {
    /// Users, credentials and sessions.
    pub(crate) logins: Logins,
    /// What happens is noted there.
    pub(crate) ledger: Ledger,
    /// The witnesses of what is noted.
    pub(crate) witnesses: Witnesses,
    /// This server as a witness of others.
    pub(crate) cosigning: Cosigning,
    /// How long what was noted is kept.
    pub(crate) retention: Retention,
    /// Where it is handed on to.
    pub(crate) exporters: Exporters,
    /// The time.
    pub(crate) clock: Clock,
    /// The address that browsers use, `https://host:port`: what links in mails begin with.
    pub(crate) origin: String,
    /// What is shown before a login.
    pub(crate) notice: String,
    /// What this system is called on its pages.
    pub(crate) system: String,
    /// The file that holds the set-up code.
    pub(crate) set_up_file: PathBuf,
    /// When the server started.
    pub(crate) started_at: Timestamp,
    /// Which permissions were used today.
    pub(crate) uses: Uses,
    /// Reports that were looked at lately.
    pub(crate) shelf: Shelf,
    /// What is known of audits of this machine.
    pub(crate) audits: Audits,
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

    /// Removes the file with the set-up code, which opens nothing any more.
    pub(crate) async fn forget_set_up_code(&self) {
        let file = self.set_up_file.clone();
        // Upkeep tries again.
        let _gone = tokio::task::spawn_blocking(move || state::remove(&file)).await;
    }

    /// A whole report.
    ///
    /// # Errors
    /// [`ReportError::Unknown`], or it was damaged.
    pub(crate) async fn report(&self, id: &str) -> Result<Arc<(Entry, Report)>, ReportError> {
        self.shelf.load(self.store(), id).await
    }

    /// Has an audit of this machine made, and notes who wanted it; why none is made now.
    ///
    /// # Errors
    /// When that cannot be noted.
    pub(crate) async fn ask_for_audit(&self, now: Timestamp) -> Result<Result<(), NotNow>, LedgerError> {
        let asked = self.audits.ask(now);
        if asked.is_ok() {
            self.ledger.tell(Said::done(Happened::AuditWanted)).await?;
        }
        Ok(asked)
    }

    /// The name that passkeys are bound to; none where there are no passkeys.
    pub(crate) fn passkey_name(&self) -> Option<&str> {
        self.logins.passkeys.as_ref().map(|passkeys| passkeys.name())
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
