//! Who asks, for all that happens while a request is served: noted with every event of it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ledger::{Actor, ActorKind};

use super::Said;
use crate::clock::Clock;
use crate::identity::login::Caller;

tokio::task_local! {
    static ASKER: Asker;
}

/// Who asks, from where, in which request.
#[derive(Clone, Debug)]
pub(crate) struct Asker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    actor: Mutex<Actor>,
    from: Option<String>,
    correlation: Option<String>,
    clock: Clock,
    /// The name of the API token that was shown.
    token: Mutex<Option<String>>,
    /// What was tried to be let in.
    tried: Mutex<Option<Tried>>,
    has_noted: AtomicBool,
    has_noted_refusal: AtomicBool,
}

/// A credential that was shown at the gate.
#[derive(Clone, Debug)]
struct Tried {
    surface: &'static str,
    name: String,
    is_known: bool,
}

/// Notes for whom a credential is shown, for the event if it is refused: a user's name, or what stands for one that nobody has.
pub(crate) fn tries(surface: &'static str, name: String, is_known: bool) {
    if let Some(asker) = Asker::current() {
        *asker.0.tried.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tried { surface, name, is_known });
    }
}

impl Asker {
    /// Somebody who has not said who they are.
    pub(crate) fn new(from: Option<String>, correlation: Option<String>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            actor: Mutex::new(Actor::unnamed(ActorKind::Nobody)),
            from,
            correlation,
            clock,
            token: Mutex::default(),
            tried: Mutex::default(),
            has_noted: AtomicBool::new(false),
            has_noted_refusal: AtomicBool::new(false),
        }))
    }

    /// It is known who asks.
    pub(crate) fn is(&self, caller: &Caller) {
        let kind = if caller.session.is_some() { ActorKind::User } else { ActorKind::Token };
        let (id, name) = (Some(caller.user.id.clone()), Some(caller.user.name.clone()));
        *self.0.actor.lock().unwrap_or_else(PoisonError::into_inner) = Actor { kind, id, name };
        (*self.0.token.lock().unwrap_or_else(PoisonError::into_inner)).clone_from(&caller.token);
        // What was shown was right; what is refused from here on is something else.
        *self.0.tried.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What was refused, with whose credential was shown.
    pub(crate) fn tried(&self, said: Said) -> Said {
        let tried = self.0.tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Tried { surface, name, is_known }) = tried else { return said };
        said.with("surface", surface).with(if is_known { "user" } else { "unknown_user_hash" }, name)
    }

    /// Whether an event was noted: of a success, or of a refusal.
    pub(crate) fn has_noted(&self, is_refusal: bool) -> bool {
        let flag = if is_refusal { &self.0.has_noted_refusal } else { &self.0.has_noted };
        flag.load(Ordering::Relaxed)
    }

    pub(super) fn noted(&self, is_refusal: bool) {
        let flag = if is_refusal { &self.0.has_noted_refusal } else { &self.0.has_noted };
        flag.store(true, Ordering::Relaxed);
    }

    pub(super) fn actor(&self) -> Actor {
        self.0.actor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name of the API token that was shown.
    pub(super) fn token(&self) -> Option<String> {
        self.0.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn from(&self) -> Option<&str> {
        self.0.from.as_deref()
    }

    pub(super) fn correlation(&self) -> Option<&str> {
        self.0.correlation.as_deref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Who asks now; none: nobody does, the server acts by itself.
    pub(super) fn current() -> Option<Self> {
        ASKER.try_with(Clone::clone).ok()
    }
}

/// The same act for whoever asks now, wherever it is carried to.
pub(crate) fn carried<F: Future>(act: F) -> impl Future<Output = F::Output> {
    let asker = Asker::current();
    async move {
        match asker {
            Some(asker) => during(asker, act).await,
            None => act.await,
        }
    }
}

/// Does this for whoever asks.
pub(crate) async fn during<F: Future>(asker: Asker, act: F) -> F::Output {
    ASKER.scope(asker, act).await
}
