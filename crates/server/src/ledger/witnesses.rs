//! Witnesses of this ledger: servers of others that cosign what was signed here, if it goes on from what they cosigned before.

mod ask;
mod figures;
mod kept;
mod shown;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger::{Checkpoint, VerifierKey};
use rustls::ClientConfig;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{LedgerError, Stream, standing};
use crate::app::App;
use crate::causes::with_causes;
use crate::identity::oidc::http::Client;
use ask::{NotCosigned, TIME_LIMIT, ask};

pub(crate) use ask::Witness;
pub(crate) use figures::Figures;
pub(crate) use kept::{Stands, Trouble, shown};

/// How often it is looked whether a stream went on.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it is looked what is shown where nobody was asked: another process may have, and what waits grows older.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// How long a witness is left alone after it has cosigned a stream.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How long one that did not cosign is left alone at most; less at first.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The witnesses of this ledger.
#[derive(Debug, Default)]
pub(crate) struct Witnesses {
    all: Vec<Witness>,
    keys: Vec<VerifierKey>,
    client: Option<Client>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each may be asked again for each stream, and how often it did not cosign.
    tries: BTreeMap<(Stream, usize), (Instant, u32)>,
    /// Which of them saw another log, in words.
    alarm: Option<String>,
    /// When it was looked last what is shown.
    compared: Option<Instant>,
    /// Entries of what was handed out without cosignatures: nothing shorter is shown after it.
    plain: BTreeMap<Stream, u64>,
}

impl Witnesses {
    /// These witnesses, asked over TLS that `trust` believes.
    pub(crate) fn new(all: Vec<Witness>, trust: Arc<ClientConfig>) -> Self {
        let keys = all.iter().map(|witness| witness.key.clone()).collect();
        Self { all, keys, client: Some(Client::new(trust, TIME_LIMIT)), state: Mutex::default() }
    }

    /// Each of them.
    pub(crate) fn all(&self) -> &[Witness] {
        &self.all
    }

    /// What one of them says against this ledger; none: nothing.
    pub(crate) fn alarm(&self) -> Option<String> {
        self.state().alarm.clone()
    }

    /// Asks each witness once for each stream that went on since, as far as its time has come. Whether anything came of it.
    ///
    /// # Errors
    /// When the database does not answer; what a witness does is no error.
    async fn round(&self, app: &App) -> Result<bool, LedgerError> {
        let stands = kept::all(app.store()).await?;
        let mut asked = JoinSet::new();
        for stream in Stream::ALL {
            let Some(standing) = standing(app.store(), stream).await? else { continue };
            let head = Arc::new(standing.checkpoint.text());
            for (place, witness) in self.all.iter().enumerate() {
                let key = witness.key.to_string();
                let known = stands.iter().find(|known| known.stream == stream && known.witness == key);
                let is_done =
                    known.is_some_and(|known| known.size == standing.head.size && known.trouble.is_none());
                if is_done || !self.may_ask(stream, place) {
                    continue;
                }
                let (app, head, old) = (app.clone(), Arc::clone(&head), known.map_or(0, |known| known.size));
                let before = known.map(|known| (known.checkpoint.is_some(), trouble(known)));
                asked.spawn(async move {
                    let asked = app.witnesses.ask(&app, stream, place, &head, old).await;
                    (stream, place, before, asked)
                });
            }
        }
        let now = Instant::now();
        let is_time = self.state().compared.is_none_or(|last| now.duration_since(last) >= COMPARE_EVERY);
        if asked.is_empty() && !is_time {
            return Ok(false);
        }
        let mut failed = None;
        while let Some(done) = asked.join_next().await {
            // A task that was ended with the server has nothing to say.
            let Ok((stream, place, before, asked)) = done else { continue };
            // What is wrong with one stream shall not keep the others from being cosigned.
            failed = self.note(app, (stream, place), before, asked).await.err().or(failed);
        }
        self.promote(app).await?;
        self.state().compared = Some(now);
        failed.map_or(Ok(true), Err)
    }

    async fn ask(
        &self,
        app: &App,
        stream: Stream,
        place: usize,
        head: &[u8],
        old: u64,
    ) -> Result<Checkpoint, NotCosigned> {
        let (Some(witness), Some(client)) = (self.all.get(place), &self.client) else {
            return Err(NotCosigned::Moved);
        };
        ask(client, app.store(), stream, witness, head, old).await
    }

    /// Keeps what came of asking. `before`: whether it had cosigned ever, and what was in the way the last time.
    async fn note(
        &self,
        app: &App,
        (stream, place): (Stream, usize),
        before: Option<(bool, Option<Trouble>)>,
        asked: Result<Checkpoint, NotCosigned>,
    ) -> Result<(), LedgerError> {
        let Some(witness) = self.all.get(place) else { return Ok(()) };
        let (had_cosigned, was) = before.unwrap_or_default();
        let (store, now) = (app.store(), app.now());
        self.asked(stream, place, asked.is_ok());
        let error = match asked {
            Ok(checkpoint) => {
                let is_news = !had_cosigned || matches!(was, Some(Trouble::Refused | Trouble::Contradicted));
                if was.is_some() {
                    tracing::info!(
                        witness = witness.key.name(),
                        stream = stream.as_str(),
                        "a witness cosigns again"
                    );
                }
                kept::cosigned(store, stream, &witness.key, &checkpoint, is_news, now).await?;
                if is_news {
                    app.ledger.wake();
                }
                return Ok(());
            }
            Err(NotCosigned::Ledger(error)) => return Err(error),
            Err(error) => error,
        };
        let Some(trouble) = error.trouble() else { return Ok(()) };
        let is_news = was != Some(trouble) && was != Some(Trouble::Contradicted);
        let (name, said) = (witness.key.name(), error.to_string());
        match trouble {
            Trouble::Contradicted if is_news => {
                tracing::error!(witness = name, stream = stream.as_str(), error = %with_causes(&error), "a witness speaks against this ledger");
            }
            _ if is_news => {
                tracing::warn!(witness = name, stream = stream.as_str(), error = %with_causes(&error), "a witness does not cosign; it is asked again");
            }
            _ => {}
        }
        kept::troubled(store, stream, &witness.key, (trouble, &said), is_news, now).await?;
        if is_news && trouble == Trouble::Contradicted {
            app.ledger.wake();
        }
        Ok(())
    }

    /// Shows what is better than what is shown, and sees whether somebody speaks against this ledger.
    async fn promote(&self, app: &App) -> Result<(), LedgerError> {
        let stands = self.stands(app).await?;
        for stream in Stream::ALL {
            let cosigned: Vec<&Checkpoint> = stands
                .iter()
                .filter(|stands| stands.stream == stream)
                .filter_map(|stands| stands.checkpoint.as_ref())
                .collect();
            if cosigned.is_empty() {
                continue;
            }
            let mut connection = app.store().reader().acquire().await?;
            let shown = shown(&mut connection, stream).await?;
            drop(connection);
            let is_stale = match &shown {
                Some(shown) => shown::lags(app, stream, shown.head().size).await?,
                None => true,
            };
            if let Some(better) = kept::better(&cosigned, shown.as_ref(), is_stale, &self.keys) {
                kept::show(app.store(), stream, shown.as_ref(), &better).await?;
            }
        }
        let alarm = stands.iter().find_map(|stands| match &stands.trouble {
            Some((Trouble::Contradicted, said)) => {
                let name = stands.witness.split('+').next().unwrap_or_default();
                Some(format!("the witness {name} of the stream {}: {said}", stands.stream.as_str()))
            }
            _ => None,
        });
        self.state().alarm = alarm;
        Ok(())
    }

    /// What is known of the witnesses that are configured.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn stands(&self, app: &App) -> Result<Vec<Stands>, LedgerError> {
        if self.all.is_empty() {
            return Ok(Vec::new());
        }
        let mut stands = kept::all(app.store()).await?;
        stands.retain(|stands| self.keys.iter().any(|key| key.to_string() == stands.witness));
        Ok(stands)
    }

    fn may_ask(&self, stream: Stream, place: usize) -> bool {
        self.state().tries.get(&(stream, place)).is_none_or(|(from, _)| *from <= Instant::now())
    }

    fn asked(&self, stream: Stream, place: usize, has_cosigned: bool) {
        let mut state = self.state();
        let failures = state.tries.get(&(stream, place)).map_or(0, |(_, failures)| *failures);
        let failures = if has_cosigned { 0 } else { failures.saturating_add(1) };
        let pause = if has_cosigned { ASK_EVERY } else { jittered(pause(failures)) };
        state.tries.insert((stream, place), (Instant::now() + pause, failures));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trouble(stands: &Stands) -> Option<Trouble> {
    stands.trouble.as_ref().map(|(trouble, _)| *trouble)
}

/// How long to wait after so many times in a row: twice as long each time.
fn pause(failures: u32) -> Duration {
    ASK_EVERY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// Half of it to the whole: servers that were stopped together do not ask together for ever.
fn jittered(pause: Duration) -> Duration {
    // Without randomness the time is as good.
    let share = getrandom::u32().unwrap_or(u32::MAX) % 1024;
    pause / 2 + pause * share / 2048
}

/// Asks witnesses whenever the ledger went on, until the server stops. Every process may: what a witness cosigned is kept for all.
pub(crate) async fn keep(app: App, figures: Option<Figures>, ended: CancellationToken) {
    if app.witnesses.all.is_empty() {
        return;
    }
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let round = tokio::select! {
            // What a witness was asked is kept by the witness, and learnt anew.
            () = ended.cancelled() => return,
            round = app.witnesses.round(&app) => round,
        };
        let has_news = round.unwrap_or_else(|error| {
            tracing::warn!(error = %with_causes(&error), "what witnesses say could not be kept; they are asked again");
            false
        });
        if has_news
            && let Some(figures) = &figures
            && let Err(error) = figures.show(&app).await
        {
            tracing::debug!(error = %with_causes(&error), "figures of witnesses are those of before");
        }
    }
}

#[cfg(test)]
mod tests;
