//! The signed record of a review: an in-toto statement in a DSSE envelope, and how anybody checks one without the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::snapshot::{Person, RoleState, Subject};
use super::{Decision, ReviewError};
use crate::random;
use crate::seal::Sealer;
use crate::store::Store;

/// Where the sealed seed of the key is kept.
const KEY: &str = "review_key";

/// What the seed is sealed as.
const KEY_CONTEXT: &str = "key that signs access reviews";

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "urn:palisade:access-review:v1";

/// A record of a hundred thousand users is smaller.
const LONGEST: usize = 256 * 1024 * 1024;

/// What comes before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What was found, decided and done in one review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The review's identifier.
    pub(crate) review: String,
    /// When it began; RFC 3339.
    pub(crate) started_at: String,
    /// Who began it.
    pub(crate) started_by: Person,
    /// When it was signed; RFC 3339.
    pub(crate) signed_at: String,
    /// Who signed it.
    pub(crate) signed_by: Person,
    /// When the next one is due; RFC 3339.
    pub(crate) next_due: String,
    /// Who could decide at that time.
    pub(crate) reviewers: Vec<Person>,
    /// Every user and every role of one's own.
    pub(crate) items: Vec<RecordItem>,
    /// The roles that came with the product as they were: not changed, and reviewed by who holds them.
    pub(crate) built_in_roles: Vec<RoleState>,
    /// What a reader must know to judge it.
    pub(crate) remarks: Vec<String>,
}

/// One user or role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordItem {
    /// The item's identifier.
    pub(crate) item: String,
    /// How it was.
    pub(crate) before: Subject,
    /// What was decided.
    pub(crate) decision: Decision,
    /// Why.
    pub(crate) note: String,
    /// By whom.
    pub(crate) decided_by: Person,
    /// When; RFC 3339.
    pub(crate) decided_at: String,
    /// Whether it concerns who decided.
    pub(crate) own_decision: bool,
    /// How it is since; none: a role that was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Subject>,
}

/// A DSSE envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    /// Base64 of the statement.
    payload: String,
    /// What the payload is.
    payload_type: String,
    /// The signatures: one.
    signatures: Vec<Signature>,
}

/// A signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The fingerprint of the key.
    keyid: String,
    /// Base64 of the Ed25519 signature.
    sig: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Artifact>,
    predicate_type: String,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    name: String,
    digest: Digests,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    sha256: String,
}

/// Why a record is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The key.
    #[error("the public key is no Ed25519 key in PEM; take it from `/api/v1/reviews/key`")]
    Key,
    /// The envelope.
    #[error("this is no DSSE envelope with one signature: {0}")]
    Envelope(String),
    /// Another key signed it.
    #[error("it was signed with the key {0}, not with this one")]
    OtherKey(String),
    /// The signature.
    #[error("the signature does not fit: the record was altered, or another key signed it")]
    Signature,
    /// What was signed is no record of a review.
    #[error("what was signed is no record of a review: {0}")]
    Statement(String),
}

/// The key that signs.
pub(crate) struct Key(Ed25519KeyPair);

impl Key {
    /// The server's key, made when there is none.
    ///
    /// # Errors
    /// When it cannot be made, kept or opened.
    pub(crate) async fn of(store: &Store, sealer: &Sealer) -> Result<Self, ReviewError> {
        if store.setting(KEY).await?.is_none() {
            let seed: Zeroizing<[u8; 32]> = random::bytes()?;
            let sealed = sealer.seal(KEY_CONTEXT, seed.as_slice())?;
            // Of two at once the first one's is kept, and read by both.
            store.set_setting(KEY, &sealed).await?;
        }
        let sealed = store.setting(KEY).await?.ok_or(ReviewError::Key)?;
        let seed = sealer.open(KEY_CONTEXT, &sealed)?;
        Ed25519KeyPair::from_seed_unchecked(seed.expose_secret()).map(Self).map_err(|_| ReviewError::Key)
    }

    /// A key of a test.
    #[cfg(test)]
    pub(super) fn of_seed(seed: &[u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed).unwrap())
    }

    /// The public key, as PEM.
    pub(crate) fn public_pem(&self) -> String {
        let text = STANDARD.encode([&SPKI, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// SHA-256 of the public key's `SubjectPublicKeyInfo`, in hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(self.0.public_key().as_ref())
    }

    /// Signs a record.
    ///
    /// # Errors
    /// When it is no JSON, which cannot be.
    pub(super) fn sign(&self, record: &Record) -> Result<Envelope, serde_json::Error> {
        let name = format!("access-review/{}", record.review);
        self.sign_as(&name, PREDICATE_TYPE, serde_json::to_value(record)?)
    }

    /// Signs what is called `name` and is of this type.
    ///
    /// # Errors
    /// When it is no JSON, which cannot be.
    pub(crate) fn sign_as(
        &self,
        name: &str,
        predicate_type: &str,
        predicate: Value,
    ) -> Result<Envelope, serde_json::Error> {
        let statement = Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![artifact(name, &predicate)],
            predicate_type: predicate_type.to_owned(),
            predicate,
        };
        let payload = canonical(&serde_json::to_value(&statement)?);
        let sig = self.0.sign(&pre_authentication(PAYLOAD_TYPE, payload.as_bytes()));
        Ok(Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature { keyid: self.fingerprint(), sig: STANDARD.encode(sig.as_ref()) }],
        })
    }
}

/// An envelope of any payload, well signed, and its public key.
#[cfg(feature = "fuzzing")]
pub(crate) fn signed(payload: &[u8]) -> Option<(String, String)> {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map(Key).ok()?;
    let sig = key.0.sign(&pre_authentication(PAYLOAD_TYPE, payload));
    let envelope = Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signature { keyid: key.fingerprint(), sig: STANDARD.encode(sig.as_ref()) }],
    };
    Some((serde_json::to_string(&envelope).ok()?, key.public_pem()))
}

/// Checks an envelope with a public key, without the server; gives the record when nothing was altered.
///
/// # Errors
/// What is wrong with it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn verify(envelope: &str, public_key: &str) -> Result<Record, VerifyError> {
    let predicate = opened(envelope, public_key, &[ACCESS])?;
    Record::deserialize(&predicate).map_err(|error| VerifyError::Statement(error.to_string()))
}

/// The same for the record of any review, of everybody's access or of the ledger; gives what it says.
///
/// # Errors
/// What is wrong with it.
pub fn verify_any(envelope: &str, public_key: &str) -> Result<Value, VerifyError> {
    opened(envelope, public_key, &[ACCESS, LEDGER])
}

/// What a record is, as its envelope says, and what it is called before its review's identifier.
type Type = (&'static str, &'static str);
const ACCESS: Type = (PREDICATE_TYPE, "access-review");
const LEDGER: Type = (crate::ledger::review::PREDICATE_TYPE, "ledger-review");

/// What an envelope holds whose signature fits, when it is of one of these types and is what it is called.
fn opened(envelope: &str, public_key: &str, types: &[Type]) -> Result<Value, VerifyError> {
    let key = read_pem(public_key).ok_or(VerifyError::Key)?;
    if envelope.len() > LONGEST {
        return Err(VerifyError::Envelope("it is too long".to_owned()));
    }
    let wrong = |error: &dyn std::fmt::Display| VerifyError::Envelope(error.to_string());
    let envelope: Envelope = serde_json::from_str(envelope).map_err(|error| wrong(&error))?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(wrong(&format!("it has {} signatures", envelope.signatures.len())));
    };
    let payload = STANDARD.decode(&envelope.payload).map_err(|error| wrong(&error))?;
    let sig = STANDARD.decode(&signature.sig).map_err(|error| wrong(&error))?;
    if signature.keyid != fingerprint(&key) {
        return Err(VerifyError::OtherKey(signature.keyid.clone()));
    }
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&pre_authentication(&envelope.payload_type, &payload), &sig)
        .map_err(|_| VerifyError::Signature)?;
    // Only what was signed is read from here on.
    let wrong = |error: &dyn std::fmt::Display| VerifyError::Statement(error.to_string());
    let statement: Statement = serde_json::from_slice(&payload).map_err(|error| wrong(&error))?;
    for (is, should) in [(&envelope.payload_type, PAYLOAD_TYPE), (&statement.kind, STATEMENT_TYPE)] {
        if is != should {
            return Err(wrong(&format!("it says `{is}` where `{should}` belongs")));
        }
    }
    let Some((_, name)) = types.iter().find(|(name, _)| *name == statement.predicate_type) else {
        let names: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
        return Err(wrong(&format!(
            "it says `{}` where {} belongs",
            statement.predicate_type,
            names.join(" or ")
        )));
    };
    let whole = serde_json::to_value(&statement).map_err(|error| wrong(&error))?;
    if canonical(&whole).as_bytes() != payload {
        return Err(wrong(&"it is not in canonical form"));
    }
    let review = statement.predicate.get("review").and_then(Value::as_str).unwrap_or_default();
    let should = artifact(&format!("{name}/{review}"), &statement.predicate);
    match statement.subject.as_slice() {
        [is] if is.name == should.name && is.digest.sha256 == should.digest.sha256 => Ok(statement.predicate),
        _ => Err(wrong(&"its digest is of something else")),
    }
}

fn artifact(name: &str, predicate: &Value) -> Artifact {
    let sha256 = hex::encode(Sha256::digest(canonical(predicate)));
    Artifact { name: name.to_owned(), digest: Digests { sha256 } }
}

/// What is signed of an envelope (DSSE, "PAE").
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// One text for one value: keys in order, no spaces. What is written here has no fractions (RFC 8785 says no more then).
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let text: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", text.join(","))
        }
        Value::Array(items) => {
            let text: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", text.join(","))
        }
        plain => plain.to_string(),
    }
}

fn read_pem(text: &str) -> Option<[u8; 32]> {
    let body = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let body = body.strip_suffix("-----END PUBLIC KEY-----")?.trim();
    let der = STANDARD.decode(body).ok()?;
    der.strip_prefix(&SPKI)?.try_into().ok()
}

fn fingerprint(key: &[u8]) -> String {
    hex::encode(Sha256::digest([&SPKI, key].concat()))
}

/// When the next review is due after one that was signed at `signed`.
pub(crate) fn next_due(signed: Timestamp) -> Timestamp {
    let day = signed.to_zoned(jiff::tz::TimeZone::UTC);
    let due = day.checked_add(jiff::Span::new().months(super::PERIOD_MONTHS));
    due.map_or(signed, |due| due.timestamp())
}
