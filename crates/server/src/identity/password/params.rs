//! What a hash costs: the parameters of Argon2id, and how they are found for a machine.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Version};

/// Bytes up to which the allocator may keep what was freed.
const KEPT_BY_ALLOCATOR: usize = 32 << 20;

/// The parameters of Argon2id.
///
/// Written as in a stored hash: `m=19456,t=2,p=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    memory_kib: u32,
    rounds: u32,
    lanes: u32,
}

/// Parameters that nothing is hashed with.
#[derive(Debug, thiserror::Error)]
pub enum ParamsError {
    /// Not the form.
    #[error("`{0}` is not of the form m=19456,t=2,p=1")]
    Form(String),
    /// Too cheap to guess.
    #[error("{0} is less than {min}, below which passwords are guessed too fast", min = Params::MINIMUM)]
    TooCheap(Params),
    /// Would take the machine's memory or time.
    #[error("{0} asks for more memory or time than any hash of this server does (at most {max})", max = Params::MAXIMUM)]
    Absurd(Params),
    /// The hash function knows them not.
    #[error("{0} is not a combination that Argon2 has")]
    Unknown(Params),
}

impl Params {
    /// The least that is taken (OWASP Password Storage Cheat Sheet): 19 MiB, two rounds.
    pub(crate) const MINIMUM: Self = Self { memory_kib: 19 * 1024, rounds: 2, lanes: 1 };
    /// The most that a stored hash may ask for. Whoever can write to the database must not be able to take the memory.
    pub(crate) const MAXIMUM: Self = Self { memory_kib: 256 * 1024, rounds: 16, lanes: 4 };

    /// Parameters so cheap that tests can afford them.
    #[cfg(test)]
    pub(crate) const fn for_tests(memory_kib: u32, rounds: u32) -> Self {
        Self { memory_kib, rounds, lanes: 1 }
    }

    /// Bytes that one hash takes.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests ask"))]
    pub(crate) fn memory(self) -> u64 {
        u64::from(self.memory_kib) * 1024
    }

    /// The parameters of a stored hash, refused when they are absurd.
    ///
    /// # Errors
    /// When they are out of bounds, before anything is allocated.
    pub(super) fn stored(params: &argon2::Params) -> Result<Self, ParamsError> {
        Self { memory_kib: params.m_cost(), rounds: params.t_cost(), lanes: params.p_cost() }.bounded()
    }

    fn bounded(self) -> Result<Self, ParamsError> {
        let most = Self::MAXIMUM;
        let fits = self.memory_kib <= most.memory_kib && self.rounds <= most.rounds && self.lanes <= most.lanes;
        if fits { Ok(self) } else { Err(ParamsError::Absurd(self)) }
    }

    /// Whether a hash with these is weaker than one with `wanted`.
    pub(super) fn is_weaker_than(self, wanted: Self) -> bool {
        self.memory_kib < wanted.memory_kib || self.rounds < wanted.rounds
    }

    pub(super) fn argon2(self, length: usize) -> Result<Argon2<'static>, ParamsError> {
        let params = argon2::Params::new(self.memory_kib, self.rounds, self.lanes, Some(length));
        params
            .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
            .map_err(|_| ParamsError::Unknown(self))
    }
}

/// The memory of one hash.
///
/// Reserved in one piece of more than 32 MiB, of which only what is used is touched: smaller pieces glibc keeps for the thread
/// when they are freed, larger ones go back to the system.
pub(super) fn memory(argon2: &Argon2<'_>) -> Vec<Block> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(KEPT_BY_ALLOCATOR / Block::SIZE + 1));
    memory.resize(blocks, Block::default());
    memory
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.rounds, self.lanes)
    }
}

impl FromStr for Params {
    type Err = ParamsError;

    /// Reads what [`calibrate`] gave and was kept. Nothing below the minimum.
    fn from_str(text: &str) -> Result<Self, ParamsError> {
        let form = || ParamsError::Form(text.chars().take(64).collect());
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let digits = parts.next().and_then(|part| part.strip_prefix(name)).ok_or_else(form)?;
            // The standard library would take a plus sign as well.
            if digits.starts_with('+') { Err(form()) } else { digits.parse::<u32>().map_err(|_| form()) }
        };
        let params = Self { memory_kib: part("m=")?, rounds: part("t=")?, lanes: part("p=")? };
        if parts.next().is_some() || params.lanes == 0 {
            return Err(form());
        }
        if params.is_weaker_than(Self::MINIMUM) {
            return Err(ParamsError::TooCheap(params));
        }
        params.bounded()
    }
}

/// Parameters with which a hash takes about `target` on this machine and at most `memory` bytes, and never less than the minimum.
///
/// Memory first, then rounds: memory is what an attacker with many cores pays for. Blocks for some times `target`; run when a server
/// is set up, and keep the text of the result.
///
/// # Errors
/// When Argon2 does not work at all.
pub(crate) fn calibrate(target: Duration, memory: u64) -> Result<Params, ParamsError> {
    let most_memory = u32::try_from(memory / 1024)
        .unwrap_or(u32::MAX)
        .clamp(Params::MINIMUM.memory_kib, Params::MAXIMUM.memory_kib);
    let least = time(Params::MINIMUM)?;
    // Time grows with memory times rounds. In units of what the minimum takes:
    let affordable = target.as_micros() / least.as_micros().max(1);
    let affordable = u32::try_from(affordable).unwrap_or(u32::MAX);
    let memory_kib = Params::MINIMUM.memory_kib.saturating_mul(affordable.max(1)).min(most_memory);
    let per_round = time(Params { memory_kib, ..Params::MINIMUM })?.as_micros().max(1) / 2;
    let rounds = u32::try_from(target.as_micros() / per_round.max(1)).unwrap_or(u32::MAX);
    let rounds = rounds.clamp(Params::MINIMUM.rounds, Params::MAXIMUM.rounds);
    Ok(Params { memory_kib, rounds, lanes: 1 })
}

/// The shortest of three: what disturbs only ever makes it longer.
fn time(params: Params) -> Result<Duration, ParamsError> {
    let argon2 = params.argon2(32)?;
    let mut shortest = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let mut out = [0; 32];
        argon2
            .hash_password_into_with_memory(
                b"how long does it take?",
                b"no salt: nothing",
                &mut out,
                &mut memory(&argon2),
            )
            .map_err(|_| ParamsError::Unknown(params))?;
        shortest = shortest.min(start.elapsed());
    }
    Ok(shortest)
}
