//! Passkeys (WebAuthn).
//!
//! The authenticator always verifies its user (PIN, finger, face): a passkey is two factors by itself. Today it stands beside the
//! password, where a challenge is given to those only who knew the password, so that nobody learns who exists. Because it was
//! verified and is kept on the authenticator where that has room, the same passkeys can replace the password later.
//!
//! What is between start and finish is kept by the caller, on the server, and taken away by whoever reads it: a state opens once.

mod makers;
mod state;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use webauthn_rs::prelude::{
    AuthenticationResult, Credential, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::gate::Attempt;
use state::{Purpose, State};

/// Makes and checks passkeys for one address.
#[derive(Debug)]
pub(crate) struct Passkeys {
    webauthn: Webauthn,
    /// The name that passkeys are bound to.
    rp_id: String,
    /// What the data that an authenticator signs begins with.
    rp_id_hash: [u8; 32],
}

/// What the browser gets, and what is kept until it answers.
#[derive(Debug)]
pub(crate) struct Ceremony {
    /// JSON for `navigator.credentials`, in base64url where that takes bytes.
    pub(crate) challenge: String,
    /// Kept on the server, at most [`MAX_STATE`] bytes; taken away when it is read.
    pub(crate) state: String,
}

/// A passkey that was made.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Its identifier, in base64url. No two users may have the same: the table refuses that.
    pub(crate) id: String,
    /// The credential, to be kept as it is.
    pub(crate) credential: String,
    /// What is told of it.
    pub(crate) facts: PasskeyFacts,
}

/// What a passkey says of itself. Nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyFacts {
    /// The kind of authenticator; none when it does not say.
    pub(crate) aaguid: Option<String>,
    /// Its name, where it is one of the common ones.
    pub(crate) maker: Option<&'static str>,
    /// Whether it may be copied to other devices of its owner.
    pub(crate) can_sync: bool,
    /// Whether it was, when it was last used.
    pub(crate) is_synced: bool,
}

/// A passkey that opened.
#[must_use = "the changed credential must be kept, or a copy of the key goes unnoticed"]
#[derive(Debug)]
pub(crate) struct Passed {
    /// Which one.
    pub(crate) id: String,
    /// The credential with its counter of today, to be kept in the place of the old one; none when nothing changed.
    pub(crate) changed: Option<String>,
    /// What it says of itself today.
    pub(crate) facts: PasskeyFacts,
}

/// Why a passkey was not made or does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyError {
    /// Browsers know passkeys for names over HTTPS only.
    #[error("there are no passkeys for {origin}: {reason}")]
    Address {
        /// The configured address.
        origin: String,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// A user with passkeys for the whole town.
    #[error("there are {MAX_PASSKEYS} passkeys already; remove one that is not used any more")]
    TooMany,
    /// Nothing to log in with.
    #[error("there is no passkey to ask for; use another second factor")]
    None,
    /// Later than five minutes.
    #[error("this took longer than five minutes; start again")]
    Expired,
    /// Of another user or another purpose, or not ours.
    #[error("this does not belong to what was started; start again")]
    State,
    /// Not what a browser sends.
    #[error("the browser's answer cannot be read; try another browser")]
    Answer,
    /// From another address than ours: somebody stands between.
    #[error(
        "the answer was made for another address than this server's; check the address that the browser shows"
    )]
    Origin,
    /// Of another ceremony: replayed, or a second window.
    #[error("the answer belongs to another request; start again")]
    Challenge,
    /// Neither PIN nor finger nor face.
    #[error(
        "the authenticator did not verify who holds it; set a PIN, a fingerprint or the like on it and try again"
    )]
    NotVerified,
    /// Not one of this user's.
    #[error("this passkey is not one of this user's")]
    NotTheirs,
    /// The counter went back: there is a second authenticator with the same key. Tell the administrators.
    #[error(
        "this passkey was used elsewhere since: there seems to be a copy of it; remove it and register another"
    )]
    Copied {
        /// The passkey's identifier.
        id: String,
    },
    /// A stored credential that cannot be read.
    #[error("a stored passkey cannot be read; remove it and register it anew")]
    Stored,
    /// Anything else that the standard asks for.
    #[error("the passkey is refused")]
    Refused(#[source] WebauthnError),
}

/// Passkeys of one user: more than anybody has, few enough for a state.
pub(crate) const MAX_PASSKEYS: usize = 20;
/// How long somebody may look for the authenticator.
pub(crate) const CEREMONY: jiff::SignedDuration = state::VALID;
/// Bytes of a state: twenty credentials and a challenge.
pub(crate) const MAX_STATE: usize = 256 * 1024;
/// Bytes of an answer: keys have a few hundred, certificates of their makers a few thousand.
pub(crate) const MAX_ANSWER: usize = 16 * 1024;
/// Bytes of a credential as it is kept. Nothing a browser makes here is longer: certificates are not asked for.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// What is kept of a passkey.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    passkey: Passkey,
    aaguid: Option<String>,
}

impl Passkeys {
    /// Passkeys for the site `name` at `origin` (`https://palisade.example.org:8443`), bound to `rp_id`: the host of that, or a
    /// domain above it. Whoever changes `rp_id` later makes all passkeys worthless.
    ///
    /// # Errors
    /// When browsers know no passkeys for such an address.
    pub(crate) fn new(rp_id: &str, origin: &str, name: &str) -> Result<Self, PasskeyError> {
        let wrong = |reason| PasskeyError::Address { origin: origin.to_owned(), reason };
        let url = Url::parse(origin).map_err(|_| wrong("it is not an address; write https://NAME:PORT"))?;
        if url.scheme() != "https" {
            return Err(wrong("browsers allow them over HTTPS only; write https://NAME:PORT"));
        }
        if url.domain().is_none() {
            return Err(wrong("browsers allow them for names, not for IP addresses; give the server a name"));
        }
        let other = "its name does not belong to the domain that passkeys are bound to; make both the same";
        let webauthn = WebauthnBuilder::new(rp_id, &url)
            .and_then(|builder| builder.rp_name(name).timeout(state::VALID.unsigned_abs()).build())
            .map_err(|_| wrong(other))?;
        Ok(Self { webauthn, rp_id: rp_id.to_owned(), rp_id_hash: Sha256::digest(rp_id).into() })
    }

    /// Passkeys for the site `name` at `origin`, bound to its host.
    ///
    /// # Errors
    /// When browsers know no passkeys for such an address.
    pub(crate) fn at(origin: &str, name: &str) -> Result<Self, PasskeyError> {
        let host = Url::parse(origin).ok().and_then(|url| url.domain().map(str::to_owned));
        Self::new(host.as_deref().unwrap_or_default(), origin, name)
    }

    /// The name that passkeys are bound to.
    pub(crate) fn name(&self) -> &str {
        &self.rp_id
    }

    /// Begins to make a passkey for the user with this identifier (a UUID), beside those that are there.
    ///
    /// # Errors
    /// When there are too many, or a stored one cannot be read.
    pub(crate) fn start_registration(
        &self,
        user: &str,
        user_name: &str,
        display_name: &str,
        stored: &[String],
        now: jiff::Timestamp,
    ) -> Result<Ceremony, PasskeyError> {
        if stored.len() >= MAX_PASSKEYS {
            return Err(PasskeyError::TooMany);
        }
        let kept = stored.iter().map(|text| Kept::read(text)).collect::<Result<Vec<_>, _>>()?;
        let there = kept.iter().map(|kept| kept.passkey.cred_id().clone()).collect();
        let id = Uuid::parse_str(user).map_err(|_| PasskeyError::State)?;
        let (challenge, ceremony) = self
            .webauthn
            .start_passkey_registration(id, user_name, display_name, Some(there))
            .map_err(PasskeyError::Refused)?;
        let mut challenge = serde_json::to_value(challenge).map_err(|_| PasskeyError::State)?;
        // Kept on the authenticator where it has room: without that, a passkey could never replace the user's name as well.
        if let Some(residence) = challenge.pointer_mut("/publicKey/authenticatorSelection/residentKey") {
            *residence = "preferred".into();
        }
        let state = State::new(Purpose::Registration, user, now, ceremony).write()?;
        Ok(Ceremony { challenge: challenge.to_string(), state })
    }

    /// Takes the passkey that the browser made.
    ///
    /// # Errors
    /// When the answer does not fit what was started, or the authenticator did not verify its user.
    pub(crate) fn finish_registration(
        &self,
        user: &str,
        state: &str,
        answer: &str,
        now: jiff::Timestamp,
    ) -> Result<Registered, PasskeyError> {
        let ceremony: PasskeyRegistration = State::read(state, Purpose::Registration, user, now)?;
        let answer: RegisterPublicKeyCredential = read_answer(answer)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &ceremony).map_err(refused)?;
        let kept = Kept { passkey, aaguid: aaguid(&self.rp_id_hash, &answer.response.attestation_object) };
        let credential = kept.write()?;
        Ok(Registered { id: kept.id(), facts: kept.facts(), credential })
    }

    /// Begins to ask for one of the user's passkeys.
    ///
    /// # Errors
    /// When there is none, or a stored one cannot be read.
    pub(crate) fn start_login(
        &self,
        user: &str,
        stored: &[String],
        now: jiff::Timestamp,
    ) -> Result<Ceremony, PasskeyError> {
        let kept = stored.iter().take(MAX_PASSKEYS).map(|text| Kept::read(text).map(|kept| kept.passkey));
        let passkeys = kept.collect::<Result<Vec<_>, _>>()?;
        if passkeys.is_empty() {
            return Err(PasskeyError::None);
        }
        let (challenge, ceremony) =
            self.webauthn.start_passkey_authentication(&passkeys).map_err(PasskeyError::Refused)?;
        let challenge = serde_json::to_string(&challenge).map_err(|_| PasskeyError::State)?;
        Ok(Ceremony { challenge, state: State::new(Purpose::Login, user, now, ceremony).write()? })
    }

    /// Checks the browser's answer against the passkeys that the user has now.
    ///
    /// # Errors
    /// When the answer does not fit what was started, or its passkey is not one of those; [`PasskeyError::Copied`] when the passkey
    /// counts less than it did: that one is worth an entry in the audit log.
    pub(crate) fn finish_login(
        &self,
        _attempt: &Attempt,
        user: &str,
        state: &str,
        stored: &[String],
        answer: &str,
        now: jiff::Timestamp,
    ) -> Result<Passed, PasskeyError> {
        let ceremony: PasskeyAuthentication = State::read(state, Purpose::Login, user, now)?;
        let answer: PublicKeyCredential = read_answer(answer)?;
        // An authenticator that keeps the user's identifier tells it; it must be this one's.
        let told = answer.get_user_unique_id().filter(|handle| !handle.is_empty());
        let own = Uuid::parse_str(user).map_err(|_| PasskeyError::State)?;
        if told.is_some_and(|handle| handle != own.as_bytes().as_slice()) {
            return Err(PasskeyError::NotTheirs);
        }
        // Those of now, not those of the start: one may have been removed, or used, since.
        let mut theirs = stored.iter().filter_map(|text| Kept::read(text).ok());
        let mut kept = theirs
            .find(|kept| kept.passkey.cred_id().as_slice() == answer.get_credential_id())
            .ok_or(PasskeyError::NotTheirs)?;
        let result =
            self.webauthn.finish_passkey_authentication(&answer, &ceremony).map_err(|error| match error {
                WebauthnError::CredentialPossibleCompromise => PasskeyError::Copied { id: kept.id() },
                other => refused(other),
            })?;
        if counts_back(&kept, &result) {
            return Err(PasskeyError::Copied { id: kept.id() });
        }
        let changed = kept.passkey.update_credential(&result) == Some(true);
        let changed = if changed { Some(kept.write()?) } else { None };
        Ok(Passed { id: kept.id(), facts: kept.facts(), changed })
    }
}

/// What a stored credential says of itself.
///
/// # Errors
/// When it cannot be read.
#[cfg_attr(not(test), expect(dead_code, reason = "facts are kept beside the credential"))]
pub(crate) fn facts(credential: &str) -> Result<PasskeyFacts, PasskeyError> {
    Kept::read(credential).map(|kept| kept.facts())
}

/// The name that a user gave to a passkey, or one for those who gave none. At most 64 characters, none that hides.
pub(crate) fn label(given: &str, facts: &PasskeyFacts) -> String {
    let given: String = given.trim().chars().filter(|character| !character.is_control()).take(64).collect();
    match (given.is_empty(), facts.maker) {
        (false, _) => given,
        (true, Some(maker)) => maker.to_owned(),
        (true, None) => "Passkey".to_owned(),
    }
}

impl Kept {
    fn read(text: &str) -> Result<Self, PasskeyError> {
        if text.len() > MAX_CREDENTIAL {
            return Err(PasskeyError::Stored);
        }
        serde_json::from_str(text).map_err(|_| PasskeyError::Stored)
    }

    fn write(&self) -> Result<String, PasskeyError> {
        let text = serde_json::to_string(self).map_err(|_| PasskeyError::Stored)?;
        if text.len() > MAX_CREDENTIAL { Err(PasskeyError::Answer) } else { Ok(text) }
    }

    fn id(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.passkey.cred_id())
    }

    fn credential(&self) -> Credential {
        self.passkey.clone().into()
    }

    fn facts(&self) -> PasskeyFacts {
        let credential = self.credential();
        PasskeyFacts {
            aaguid: self.aaguid.clone(),
            maker: self.aaguid.as_deref().and_then(makers::name),
            can_sync: credential.backup_eligible,
            is_synced: credential.backup_state,
        }
    }
}

/// Whether the authenticator counted less than or as much as when it was last seen (WebAuthn, section 7.2, step 22). Those that
/// copy their keys on purpose do not count at all: theirs is always zero.
fn counts_back(kept: &Kept, result: &AuthenticationResult) -> bool {
    let last = kept.credential().counter;
    (result.counter() > 0 || last > 0) && result.counter() <= last
}

fn read_answer<T: for<'de> Deserialize<'de>>(answer: &str) -> Result<T, PasskeyError> {
    if answer.len() > MAX_ANSWER {
        return Err(PasskeyError::Answer);
    }
    serde_json::from_str(answer).map_err(|_| PasskeyError::Answer)
}

fn refused(error: WebauthnError) -> PasskeyError {
    match error {
        WebauthnError::InvalidRPOrigin
        | WebauthnError::InvalidRPIDHash
        | WebauthnError::CredentialCrossOrigin => PasskeyError::Origin,
        WebauthnError::MismatchedChallenge | WebauthnError::InvalidClientDataType => PasskeyError::Challenge,
        WebauthnError::UserNotVerified | WebauthnError::UserNotPresent => PasskeyError::NotVerified,
        WebauthnError::CredentialNotFound => PasskeyError::NotTheirs,
        other => PasskeyError::Refused(other),
    }
}

/// The kind of authenticator: sixteen bytes behind the hash of the address, flags and counter (WebAuthn, section 6.1). All zeros say
/// nothing.
fn aaguid(rp_id_hash: &[u8; 32], attestation: &[u8]) -> Option<String> {
    let at = attestation.windows(rp_id_hash.len()).position(|window| window == rp_id_hash)?;
    let bytes = attestation.get(at + 37..)?.first_chunk::<16>()?;
    let aaguid = Uuid::from_bytes(*bytes);
    (!aaguid.is_nil()).then(|| aaguid.hyphenated().to_string())
}

#[cfg(test)]
pub(crate) mod tests;
