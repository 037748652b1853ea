//! Whole reports that were looked at lately: unpacked once, not for every page that shows a part of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use model::Report;
use tokio::sync::Semaphore;

use super::reports::{self, Entry, ReportError};
use crate::store::Store;
use crate::web::posture::dashboard::Posture;

#[cfg(test)]
mod tests;

/// What the kept ones may come to, in bytes of their JSON. A host's report has one to three million.
const ROOM: usize = 12 * 1024 * 1024;

/// Reports of the last minutes.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// The one used last stands last.
    kept: Mutex<VecDeque<Kept>>,
    /// The overview of the newest report, drawn for everybody from the same numbers.
    overview: Mutex<Option<(String, Arc<Posture>)>>,
    /// Who unpacks: one at a time, so that many large reports at once take neither all cores nor all memory.
    turn: Semaphore,
}

#[derive(Clone, Debug)]
struct Kept {
    whole: Arc<(Entry, Report)>,
    bytes: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { kept: Mutex::default(), overview: Mutex::default(), turn: Semaphore::new(1) }
    }
}

impl Shelf {
    /// A whole report.
    ///
    /// # Errors
    /// [`ReportError::Unknown`], or it was damaged.
    pub(crate) async fn load(&self, store: &Store, id: &str) -> Result<Arc<(Entry, Report)>, ReportError> {
        if let Some(whole) = self.take(id) {
            return Ok(whole);
        }
        let _turn = self.turn.acquire().await;
        // Somebody who waited for the same report finds it here.
        if let Some(whole) = self.take(id) {
            return Ok(whole);
        }
        let (entry, report, bytes) = reports::load(store, id).await?;
        let whole = Arc::new((entry, report));
        self.put(Kept { whole: Arc::clone(&whole), bytes });
        Ok(whole)
    }

    /// What the overview shows of this report, when that was asked for before.
    pub(crate) fn overview(&self, id: &str) -> Option<Arc<Posture>> {
        let kept = self.overview.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| of == id).map(|(_, posture)| Arc::clone(posture))
    }

    /// Keeps what the overview shows of this report.
    pub(crate) fn keep_overview(&self, id: &str, posture: &Arc<Posture>) {
        let kept = Some((id.to_owned(), Arc::clone(posture)));
        *self.overview.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// Keeps none, so that what nobody looks at takes no memory and what the database forgot is not shown for long.
    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.overview.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn take(&self, id: &str) -> Option<Arc<(Entry, Report)>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|one| one.whole.0.id == id)?;
        let found = kept.remove(place)?;
        let whole = Arc::clone(&found.whole);
        kept.push_back(found);
        Some(whole)
    }

    fn put(&self, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(new);
        while kept.iter().map(|one| one.bytes).sum::<usize>() > ROOM {
            kept.pop_front();
        }
    }
}
