//! Hashes of passwords, so many at once and no more.
//!
//! A hash takes tens of milliseconds and megabytes on purpose. Whoever floods the login therefore gets a queue with an end, and
//! everybody else keeps cores and memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{Encoding, Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{ARGON2ID_IDENT, Block, Version};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::sync::{Semaphore, oneshot};

use super::known_bad::KnownBad;
use super::params::{Params, ParamsError, memory};
use super::workers::Workers;
use super::{Policy, Reason, Refusal, normal};
use crate::identity::gate::Attempt;
use crate::random::{self, RandomError};

/// Hashes passwords and checks them against hashes.
#[derive(Debug)]
pub(crate) struct Hasher {
    params: Params,
    /// What unknown users are checked against: a hash that no password has.
    nobody: Stored,
    /// Those who compute and those who wait.
    places: Arc<Semaphore>,
    workers: Workers,
    /// Memory of hashes that were just computed, for the next: to have the system clear it anew takes a tenth of the time.
    spare: Arc<Mutex<Vec<Vec<Block>>>>,
    meter: Arc<Meter>,
}

/// What a check came to.
#[must_use = "a password that was checked and not looked at lets everybody in"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verified {
    /// It is the one.
    Right {
        /// The hash is cheaper than those of today: hash the password anew and keep that.
        needs_rehash: bool,
    },
    /// It is not, or there is no such user.
    Wrong,
}

/// How much is being hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Hashes computed since the start.
    pub(crate) done: u64,
    /// Hashes being computed.
    pub(crate) running: usize,
    /// The most that were ever computed at once.
    pub(crate) most_at_once: usize,
    /// Hashes computed or waited for at most.
    pub(crate) places: usize,
}

/// Why nothing was hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full: 503 with `Retry-After`.
    #[error("too many logins at once; try again in some seconds")]
    Busy,
    /// Longer than any password may be. The policy refuses it before.
    #[error("the password is longer than any may be")]
    TooLong,
    /// Written by nobody here.
    #[error("a stored password hash cannot be used: {reason}; reset the password of its user")]
    Stored {
        /// What is wrong with it. Never the hash.
        reason: String,
    },
    /// No salt.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Not these parameters.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The hash function refuses.
    #[error("the password cannot be hashed")]
    Argon2(#[source] argon2::Error),
    /// No threads to hash on.
    #[error("no thread can be started to hash passwords on")]
    Threads(#[source] std::io::Error),
    /// The server is going down.
    #[error("the server stops; try again when it is back")]
    Stopped,
}

/// Bytes of a hash and of its salt.
const LENGTH: usize = 32;
const SALT: usize = 16;
/// A stored hash has about 100 characters.
const MAX_STORED: usize = 256;

impl Hasher {
    /// Hashes with `params`, so many at once (none: half of the cores); `queue` more may wait.
    ///
    /// # Errors
    /// When the system's generator does not answer, or there can be no more threads.
    pub(crate) fn new(params: Params, at_once: Option<NonZeroUsize>, queue: usize) -> Result<Self, HashError> {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let at_once =
            at_once.map_or_else(|| (cores() / 2).max(1), NonZeroUsize::get).min(Semaphore::MAX_PERMITS / 2);
        let places = at_once + queue.min(Semaphore::MAX_PERMITS / 2);
        Ok(Self {
            params,
            nobody: Stored { params, salt: salt()?.to_vec(), hash: random_hash()? },
            places: Arc::new(Semaphore::new(places)),
            workers: Workers::start(at_once).map_err(HashError::Threads)?,
            spare: Arc::default(),
            meter: Arc::new(Meter { places, ..Meter::default() }),
        })
    }

    /// The hash of a new password, to be kept as it is.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait already; others when the server cannot hash at all.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let text = normal::form(&password).ok_or(HashError::TooLong)?;
        let salt = salt()?;
        let hash = self.compute(text, self.params, salt.to_vec()).await?;
        phc(self.params, salt.as_slice(), hash)
    }

    /// Whether this is the password of the stored hash. `None` stands for a user that there is not: the same work, and never right.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait already; [`HashError::Stored`] before any work when the hash cannot be one of ours.
    pub(crate) async fn verify(
        &self,
        _attempt: &Attempt,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<Verified, HashError> {
        let known = stored.map(Stored::read).transpose()?;
        // Too long for anybody: nothing is told by not doing the work.
        let Some(text) = normal::form(&password) else { return Ok(Verified::Wrong) };
        let right = self.matches(text, known.as_ref().unwrap_or(&self.nobody)).await?;
        Ok(match known {
            Some(known) if right => Verified::Right { needs_rehash: known.params.is_weaker_than(self.params) },
            _ => Verified::Wrong,
        })
    }

    /// Everything that is wrong with a new password, its history included; `former` are stored hashes, newest first.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait already; [`HashError::Stored`] when a former hash cannot be one of ours.
    pub(crate) async fn judge(
        &self,
        _attempt: &Attempt,
        policy: &Policy,
        known_bad: &Arc<KnownBad>,
        password: &SecretString,
        own: &[String],
        former: &[String],
    ) -> Result<Result<(), Refusal>, HashError> {
        let work = (policy.clone(), Arc::clone(known_bad), password.clone(), own.to_vec());
        let judged = tokio::task::spawn_blocking(move || {
            let (policy, known_bad, password, own) = work;
            policy.reasons(&known_bad, &password, &own)
        });
        let mut reasons = judged.await.map_err(|_| HashError::Stopped)?;
        for hash in former.iter().take(policy.history) {
            let Some(text) = normal::form(password) else { break };
            if self.matches(text, &Stored::read(hash)?).await? {
                reasons.push(Reason::UsedBefore { last: policy.history });
                break;
            }
        }
        Ok(if reasons.is_empty() { Ok(()) } else { Err(Refusal { reasons }) })
    }

    /// Gives the memory of hashes back when none is being computed.
    pub(crate) fn rest(&self) {
        if self.load().running == 0 {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// How much is being hashed now, for the metrics.
    pub(crate) fn load(&self) -> Load {
        let meter = &self.meter;
        Load {
            done: meter.done.load(Ordering::Relaxed),
            running: meter.running.load(Ordering::Relaxed),
            most_at_once: meter.most_at_once.load(Ordering::Relaxed),
            places: meter.places,
        }
    }

    async fn matches(&self, text: Zeroizing<String>, stored: &Stored) -> Result<bool, HashError> {
        // `Output` compares in constant time.
        Ok(self.compute(text, stored.params, stored.salt.clone()).await? == stored.hash)
    }

    async fn compute(
        &self,
        text: Zeroizing<String>,
        params: Params,
        salt: Vec<u8>,
    ) -> Result<Output, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| HashError::Busy)?;
        let (meter, spare) = (Arc::clone(&self.meter), Arc::clone(&self.spare));
        let hash = move || {
            let _measured = meter.begin();
            let mut hash = Zeroizing::new([0; LENGTH]);
            let argon2 = params.argon2(LENGTH)?;
            let blocks = argon2.params().block_count();
            let kept = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = kept.filter(|kept| kept.len() == blocks).unwrap_or_else(|| memory(&argon2));
            argon2
                .hash_password_into_with_memory(text.as_bytes(), &salt, hash.as_mut_slice(), &mut memory)
                .map_err(HashError::Argon2)?;
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            output(hash.as_slice())
        };
        let (tell, told) = oneshot::channel();
        self.workers.give(Box::new(move || {
            // Held until the work is done, also when the one who asked hangs up meanwhile. Who hung up before is not served.
            let _held = place;
            if !tell.is_closed() {
                // Nobody is there any more to be told.
                drop(tell.send(hash()));
            }
        }));
        told.await.map_err(|_| HashError::Stopped)?
    }
}

/// What a stored hash holds, checked.
#[derive(Debug)]
pub(crate) struct Stored {
    params: Params,
    salt: Vec<u8>,
    hash: Output,
}

impl Stored {
    pub(crate) fn read(text: &str) -> Result<Self, HashError> {
        let because = |reason: &str| HashError::Stored { reason: reason.to_owned() };
        if text.len() > MAX_STORED {
            return Err(because("it is longer than any"));
        }
        let hash = PasswordHash::parse(text, Encoding::B64).map_err(|_| because("it has another form"))?;
        if hash.algorithm != ARGON2ID_IDENT || hash.version != Some(Version::V0x13.into()) {
            return Err(because("it is not of Argon2id, version 19"));
        }
        // The library multiplies the lanes before it looks how many they are.
        let too_many = |lanes: u32| lanes > argon2::Params::MAX_P_COST;
        if hash.params.iter().any(|(name, value)| name.as_str() == "p" && value.decimal().is_ok_and(too_many)) {
            return Err(because("its parameters are none of Argon2id"));
        }
        let params =
            argon2::Params::try_from(&hash).map_err(|_| because("its parameters are none of Argon2id"))?;
        let params = Params::stored(&params).map_err(|error| because(&error.to_string()))?;
        let mut bytes = [0; Salt::MAX_LENGTH];
        let salt = hash.salt.ok_or_else(|| because("it has no salt"))?;
        let salt = salt.decode_b64(&mut bytes).map_err(|_| because("its salt has another form"))?;
        match hash.hash {
            Some(hash) if hash.len() == LENGTH && salt.len() >= 8 => {
                Ok(Self { params, salt: salt.to_vec(), hash })
            }
            _ => Err(because("hash or salt has another length")),
        }
    }
}

/// A hash in the text form of the Password Hashing Competition.
fn phc(params: Params, salt: &[u8], hash: Output) -> Result<String, HashError> {
    let broken = |_| HashError::Stored { reason: "it cannot be written".to_owned() };
    let salt = SaltString::encode_b64(salt).map_err(broken)?;
    let written = ParamsString::try_from(params.argon2(LENGTH)?.params()).map_err(broken)?;
    let version = Some(Version::V0x13.into());
    let (algorithm, salt, hash) = (ARGON2ID_IDENT, Some(salt.as_salt()), Some(hash));
    Ok(PasswordHash { algorithm, version, params: written, salt, hash }.to_string())
}

fn salt() -> Result<Zeroizing<[u8; SALT]>, RandomError> {
    random::bytes()
}

fn random_hash() -> Result<Output, RandomError> {
    let bytes: Zeroizing<[u8; LENGTH]> = random::bytes()?;
    // 32 bytes always fit.
    output(bytes.as_slice()).map_err(|_| RandomError::Empty)
}

fn output(bytes: &[u8]) -> Result<Output, HashError> {
    Output::new(bytes).map_err(|_| HashError::Stored { reason: "it has another length".to_owned() })
}

#[derive(Debug, Default)]
struct Meter {
    done: AtomicU64,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
    places: usize,
}

/// Counts one hash while it is computed, also when it panics.
struct Measured<'a>(&'a Meter);

impl Meter {
    fn begin(&self) -> Measured<'_> {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(running, Ordering::Relaxed);
        Measured(self)
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
