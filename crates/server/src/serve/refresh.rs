//! Certificates are looked after while the server runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::causes::with_causes;
use crate::pki::{Pki, Refreshed};

/// How often one looks whether a certificate is due or a file changed.
const EVERY: Duration = Duration::from_secs(60);

/// Renews certificates and takes up changed files, once a minute until `shutdown`; `changed` is called when the server shows another
/// certificate.
pub(crate) async fn keep_fresh<C: Future<Output = ()>>(
    pki: Arc<Pki>,
    now: impl Fn() -> Timestamp,
    changed: impl Fn() -> C,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let (ours, at) = (Arc::clone(&pki), now());
        // Files are read and synced.
        let Ok(refreshed) = tokio::task::spawn_blocking(move || ours.refresh(at)).await else {
            continue;
        };
        if matches!(refreshed, Ok(Refreshed::Renewed { .. } | Refreshed::NewAuthority { .. })) {
            changed().await;
        }
        match refreshed {
            Ok(Refreshed::Unchanged) => {}
            Ok(Refreshed::Renewed { until }) => info!(%until, "the server shows a new certificate"),
            Ok(Refreshed::NewAuthority { fingerprint }) => {
                warn!(%fingerprint, "the certificate authority had run out; tell every client to trust the new one");
            }
            Err(error) => {
                error!(error = %with_causes(&error), until = %pki.until(), "the certificate was not renewed; the old one stays in use");
            }
        }
    }
}
