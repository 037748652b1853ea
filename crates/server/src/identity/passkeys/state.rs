//! What is kept between the start of a ceremony and its end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{MAX_STATE, PasskeyError};

/// How long somebody may look for the authenticator.
pub(super) const VALID: SignedDuration = SignedDuration::from_mins(5);

/// What a ceremony is for: a state of one does not open the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    Registration,
    Login,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State<C> {
    purpose: Purpose,
    user: String,
    until: Timestamp,
    ceremony: C,
}

impl<C> State<C> {
    pub(super) fn new(purpose: Purpose, user: &str, now: Timestamp, ceremony: C) -> Self {
        let until = now.checked_add(VALID).unwrap_or(now);
        Self { purpose, user: user.to_owned(), until, ceremony }
    }

    pub(super) fn write(&self) -> Result<String, PasskeyError>
    where
        C: Serialize,
    {
        let text = serde_json::to_string(self).map_err(|_| PasskeyError::State)?;
        if text.len() > MAX_STATE { Err(PasskeyError::State) } else { Ok(text) }
    }

    /// The ceremony that was started, when it was this one, for this user, and not too long ago.
    pub(super) fn read(text: &str, purpose: Purpose, user: &str, now: Timestamp) -> Result<C, PasskeyError>
    where
        C: for<'de> Deserialize<'de>,
    {
        if text.len() > MAX_STATE {
            return Err(PasskeyError::State);
        }
        // Purpose and user first: a ceremony of the other kind has another shape.
        let state: State<serde_json::Value> = serde_json::from_str(text).map_err(|_| PasskeyError::State)?;
        if state.purpose != purpose || state.user != user {
            return Err(PasskeyError::State);
        }
        if state.until <= now {
            return Err(PasskeyError::Expired);
        }
        serde_json::from_value(state.ceremony).map_err(|_| PasskeyError::State)
    }
}
