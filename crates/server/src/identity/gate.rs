//! One gate before every credential: reserve an attempt, then verify.
//!
//! An attempt is counted before anything is checked, in the row of the address and the row of surface, address and
//! user name, in one transaction of two atomic statements; a success gives it back. So a thousand attempts at once are
//! let in exactly as often as a thousand in a row, on one server process or on several with one database, and what dies
//! on the way stays counted.
//!
//! The rule is that of the Nerve guide: attempts are counted in a sliding window, the one that reaches the maximum
//! starts the block, a success clears the counter of the pair but not that of the address. When a block ends, counting
//! begins anew. What is refused is not counted: nothing was tried.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ledger::{self, Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order};
use crate::random::{self, RandomError};
use crate::seal::Sealer;
use crate::serve::ClientAddress;
use crate::store::{Store, StoreError, milliseconds, time};

#[cfg(test)]
mod tests;

/// Characters of an entry in `failures`: 13 digits of milliseconds, then the attempt.
const ENTRY: usize = 24;

/// Where a credential is shown. Each is counted for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Surface {
    /// The Management System's login; set-up codes and links as well.
    Login,
    /// A login on a node.
    NodeUsers,
    /// A dashboard's login.
    DashboardUsers,
    /// An API token.
    ValidateToken,
    /// A log agent that proves who it is.
    VerifyLogAgent,
    /// A tunnel over a web socket.
    WsTunnel,
    /// A second factor.
    MfaValidation,
}

impl Surface {
    /// All of them, in the order of the guide.
    pub(crate) const ALL: [Self; 7] = [
        Self::Login,
        Self::NodeUsers,
        Self::DashboardUsers,
        Self::ValidateToken,
        Self::VerifyLogAgent,
        Self::WsTunnel,
        Self::MfaValidation,
    ];

    /// Its name, as the guide's parameters end.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::NodeUsers => "node_users",
            Self::DashboardUsers => "dashboard_users",
            Self::ValidateToken => "validate_token",
            Self::VerifyLogAgent => "verify_log_agent",
            Self::WsTunnel => "ws_tunnel",
            Self::MfaValidation => "mfa_validation",
        }
    }
}

/// How many attempts, in how long, and how long a block lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The attempt that starts the block, counted from 1.
    pub(crate) attempts: u32,
    /// Older ones do not count.
    pub(crate) window: Duration,
    /// How long nothing is let in.
    pub(crate) block: Duration,
}

/// The limits of all surfaces and of an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of surface, address and user name, in the order of [`Surface::ALL`].
    pub(crate) pair: [Limit; 7],
    /// Of an address, over all surfaces.
    pub(crate) address: Limit,
}

impl Limits {
    fn of(&self, surface: Surface) -> Limit {
        let [login, node, dashboard, token, agent, tunnel, mfa] = self.pair;
        match surface {
            Surface::Login => login,
            Surface::NodeUsers => node,
            Surface::DashboardUsers => dashboard,
            Surface::ValidateToken => token,
            Surface::VerifyLogAgent => agent,
            Surface::WsTunnel => tunnel,
            Surface::MfaValidation => mfa,
        }
    }
}

/// The permission to check one credential once. Dropped without [`Attempt::succeeded`], it has failed.
#[must_use = "an attempt that is dropped counts as failed"]
#[derive(Debug)]
pub(crate) struct Attempt {
    pair_key: String,
    address_key: String,
    entry: String,
    /// Held until it is known how it ended.
    _turn: Option<OwnedSemaphorePermit>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Attempt {
    /// One that the gate knows nothing of.
    pub(crate) fn of_nobody() -> Self {
        Self { pair_key: String::new(), address_key: String::new(), entry: String::new(), _turn: None }
    }
}

/// Why nothing was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// When to come again.
    pub(crate) until: Timestamp,
    /// Whole seconds to wait, at least one.
    pub(crate) seconds: u64,
    /// Whether the address is blocked for everybody, not only for this user name.
    pub(crate) whole_address: bool,
}

/// What the gate cannot do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateError {
    /// Too many attempts.
    #[error("too many failed attempts")]
    Blocked(Blocked),
    /// It could not be counted, so it was not let in.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be named, so it was not let in.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<sqlx::Error> for GateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The columns of the list of blocks.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("until", "blocked_until"),
    falls: true,
    others: &[
        order::text("address", "address"),
        order::text("user", "lower(coalesce(user_name, ''))"),
        order::number("failures", "length(failures)"),
    ],
};

/// Which blocks are listed.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// With this in the address or the user name.
    pub(crate) text: &'a str,
    pub(crate) order: Order,
    pub(crate) after: Option<After>,
}

/// One block, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What [`Gate::lift`] takes.
    pub(crate) key: String,
    /// Which surface; none: the whole address.
    pub(crate) surface: Option<String>,
    /// The address, or the network of an IPv6 address.
    pub(crate) address: String,
    /// The user name, when there is such a user.
    pub(crate) user_name: Option<String>,
    /// How long it lasts.
    pub(crate) until: Timestamp,
    /// Attempts counted.
    pub(crate) attempts: usize,
}

/// The gate. Clones share their limits and database.
#[derive(Clone)]
pub(crate) struct Gate {
    store: Store,
    limits: Limits,
    sealer: Arc<Sealer>,
    /// Turns of API tokens, each for those whose keys begin alike.
    turns: Arc<[Arc<Semaphore>; 16]>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gate").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Counts an attempt in one row, unless the row is blocked. Returns who was let in last, and until when it is blocked.
///
/// `$1` key, `$2` surface, `$3` address, `$4` user name, `$5` the entry, `$6` now, `$7` characters of as many entries as
/// start the block, `$8` the entry that is too old by a hair, `$9` the block's end.
const RESERVE: &str = "
insert into attempts
    (key, surface, address, user_name, failures, blocked_until, admitted, blocked_by, touched_at)
values ($1, $2, $3, $4, $5, case when length($5) >= $7 then $9 else 0 end, $5,
    case when length($5) >= $7 then $5 else '' end, $6)
on conflict (key) do update set
    failures = case
        when attempts.blocked_until > $6 then attempts.failures
        when attempts.blocked_until > 0 then excluded.failures
        when length(attempts.failures) >= $7
            then substr(attempts.failures || excluded.failures, cast(length(attempts.failures) + 25 - $7 as integer))
        else attempts.failures || excluded.failures end,
    blocked_until = case
        when attempts.blocked_until > $6 then attempts.blocked_until
        when attempts.blocked_until > 0 then excluded.blocked_until
        when length(attempts.failures) + 24 >= $7
            and substr(attempts.failures || excluded.failures, cast(length(attempts.failures) + 25 - $7 as integer), 24) > $8
            then $9
        else 0 end,
    blocked_by = case
        when attempts.blocked_until > $6 then attempts.blocked_by
        when attempts.blocked_until > 0 then excluded.blocked_by
        when length(attempts.failures) + 24 >= $7
            and substr(attempts.failures || excluded.failures, cast(length(attempts.failures) + 25 - $7 as integer), 24) > $8
            then excluded.admitted
        else '' end,
    admitted = case when attempts.blocked_until > $6 then attempts.admitted else excluded.admitted end,
    user_name = excluded.user_name,
    touched_at = excluded.touched_at
returning admitted, blocked_until";

impl Gate {
    /// A gate with these limits, counting in `store`; `sealer` makes keys of names that tell nothing of them.
    pub(crate) fn new(store: Store, limits: Limits, sealer: Arc<Sealer>) -> Self {
        // What is right is counted too until that is known: of one token, so few are checked at a time that these never block it, though
        // two processes do so.
        let few = usize::try_from(limits.of(Surface::ValidateToken).attempts / 3).unwrap_or(1).clamp(1, 4);
        let turns = Arc::new(std::array::from_fn(|_| Arc::new(Semaphore::new(few))));
        Self { store, limits, sealer, turns }
    }

    /// The parts as one key that tells nothing of them without the sealer's, and that no other parts have.
    fn key(&self, parts: &[&str]) -> String {
        let joined: String = parts.iter().map(|part| format!("{} {part}", part.len())).collect();
        self.sealer.keyed_hash("attempts", &joined)
    }

    /// What blocks.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts an attempt and lets it in, or says until when not.
    ///
    /// `name` is whom the credential is said to be of, as it is compared; `known` his name when there is such a user: it
    /// is all that is kept in clear.
    ///
    /// # Errors
    /// [`GateError::Blocked`] with the later end of what blocks; whatever else stops it lets nothing in either.
    pub(crate) async fn attempt(
        &self,
        surface: Surface,
        client: ClientAddress,
        name: &str,
        known: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt, GateError> {
        let (pair, address) = (written(client.pair_key()), written(client.ip_key()));
        // Only names of users that there are: what else is typed there may be a password.
        ledger::tries(
            surface.as_str(),
            known.map_or_else(|| self.key(&[name]), str::to_owned),
            known.is_some(),
        );
        let pair_key = self.key(&[surface.as_str(), &pair, name]);
        let turn = match surface {
            Surface::ValidateToken => self.turn(&pair_key).await,
            _ => None,
        };
        let attempt = Attempt { pair_key, address_key: self.key(&[&address]), entry: entry(now)?, _turn: turn };
        let mut transaction = self.store.writer().begin().await?;
        let of_pair = reserve(self.limits.of(surface), &attempt.entry, now)
            .bind(&attempt.pair_key, surface.as_str(), &pair, known)
            .fetch_one(&mut *transaction)
            .await?;
        let of_address = reserve(self.limits.address, &attempt.entry, now)
            .bind(&attempt.address_key, "", &address, None)
            .fetch_one(&mut *transaction)
            .await?;
        let pair_until = refused(&of_pair, &attempt.entry)?;
        let address_until = refused(&of_address, &attempt.entry)?;
        if let Some(until) = pair_until.max(address_until) {
            transaction.rollback().await?;
            let left = until.as_millisecond().saturating_sub(now.as_millisecond());
            let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1000).max(1);
            return Err(GateError::Blocked(Blocked { until, seconds, whole_address: address_until.is_some() }));
        }
        transaction.commit().await?;
        Ok(attempt)
    }

    /// Waits until few enough of this key are checked.
    async fn turn(&self, key: &str) -> Option<OwnedSemaphorePermit> {
        let first = key.chars().next().and_then(|digit| digit.to_digit(16)).unwrap_or(0);
        let turns = self.turns.get(usize::try_from(first).unwrap_or(0))?;
        Arc::clone(turns).acquire_owned().await.ok()
    }

    /// One page of the blocks that hold.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn blocks(&self, filter: Filter<'_>, now: Timestamp) -> Result<Found<Block>, StoreError> {
        let Filter { text, order, after } = filter;
        let query = format!(
            "select key as id, surface, address, user_name, blocked_until, length(failures) / 24 as attempts, {}
             from attempts
             where blocked_until > $1
               and ($2 = '' or lower(address || ' ' || coalesce(user_name, '')) like $3 escape '!')
               and {}
             order by {} limit $4",
            order.key(),
            order.beyond("key", after.as_ref(), 5),
            order.by("key"),
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(now.as_millisecond());
        let rows = order::bound(query, text, after).fetch_all(self.store.reader()).await?;
        Ok(order.found(&rows, block)?)
    }

    /// Ends a block and forgets what was counted; whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn lift(&self, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.store.writer().begin().await?;
        let row = sqlx::query(
            "delete from attempts where key = $1 and blocked_until > $2 returning surface, address, user_name",
        )
        .bind(key)
        .bind(now.as_millisecond())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let said = Said::done(Happened::BlockLifted).on("address", row.try_get("address")?, None);
        let user: Option<String> = row.try_get("user_name")?;
        let said = said.with("surface", row.try_get::<String, _>("surface")?);
        note(&mut transaction, user.into_iter().fold(said, |said, user| said.with("user", user))).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets what counts no longer; how many rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn forget_old(&self, now: Timestamp) -> Result<u64, StoreError> {
        let longest = self.limits.pair.iter().chain([&self.limits.address]).map(|limit| limit.window).max();
        let done = sqlx::query("delete from attempts where touched_at < $1 and blocked_until <= $2")
            .bind(before(now, longest.unwrap_or_default()))
            .bind(now.as_millisecond())
            .execute(self.store.writer())
            .await?;
        Ok(done.rows_affected())
    }
}

impl Attempt {
    /// The credential was right, whatever comes of what else was sent: the pair's counter is cleared, and the address has this attempt
    /// back.
    ///
    /// # Errors
    /// When the database does not answer; the attempt stays counted then.
    pub(crate) async fn succeeded(&self, store: &Store) -> Result<(), StoreError> {
        let mut transaction = store.writer().begin().await?;
        self.succeeded_in(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// The same, together with what else is kept of the success.
    ///
    /// # Errors
    /// When the database does not answer; the attempt stays counted then.
    pub(crate) async fn succeeded_in(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        sqlx::query("delete from attempts where key = $1")
            .bind(&self.pair_key)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "update attempts set failures = replace(failures, $2, ''),
                 blocked_until = case when blocked_by = $2 then 0 else blocked_until end
             where key = $1",
        )
        .bind(&self.address_key)
        .bind(&self.entry)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// A network as it is shown: an address alone when it is one.
fn written(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// The numbers of one reservation.
struct Reserve<'a> {
    entry: &'a str,
    now_ms: i64,
    characters: i64,
    too_old: String,
    block_until: i64,
}

fn reserve(limit: Limit, entry: &str, now: Timestamp) -> Reserve<'_> {
    Reserve {
        entry,
        now_ms: now.as_millisecond(),
        characters: i64::from(limit.attempts.max(1)) * i64::try_from(ENTRY).unwrap_or(i64::MAX),
        // Entries of the first millisecond that counts are greater than its bare digits.
        too_old: digits(before(now, limit.window).saturating_add(1)),
        block_until: now.as_millisecond().saturating_add(milliseconds(limit.block)),
    }
}

impl<'a> Reserve<'a> {
    fn bind(
        &'a self,
        key: &'a str,
        surface: &'a str,
        address: &'a str,
        user_name: Option<&'a str>,
    ) -> sqlx::query::Query<'a, sqlx::Any, sqlx::any::AnyArguments> {
        sqlx::query(RESERVE)
            .bind(key)
            .bind(surface)
            .bind(address)
            .bind(user_name)
            .bind(self.entry)
            .bind(self.now_ms)
            .bind(self.characters)
            .bind(&self.too_old)
            .bind(self.block_until)
    }
}

/// Until when the row is blocked for this attempt; none: it was let in.
fn refused(row: &AnyRow, entry: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    if row.try_get::<&str, _>("admitted")? == entry {
        return Ok(None);
    }
    time(row.try_get("blocked_until")?).map(Some)
}

fn block(row: &AnyRow) -> Result<Block, sqlx::Error> {
    let surface: String = row.try_get("surface")?;
    Ok(Block {
        key: row.try_get("id")?,
        surface: Some(surface).filter(|surface| !surface.is_empty()),
        address: row.try_get("address")?,
        user_name: row.try_get("user_name")?,
        until: time(row.try_get("blocked_until")?)?,
        attempts: usize::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(0),
    })
}

/// When it was, and 44 random bits: no two attempts of a millisecond have the same.
fn entry(now: Timestamp) -> Result<String, RandomError> {
    let digits = digits(now.as_millisecond());
    let random = random::public_id()?;
    Ok(digits.chars().chain(random.chars().filter(|character| *character != '-')).take(ENTRY).collect())
}

/// Milliseconds as thirteen digits, which sort as the numbers do until the year 2286.
fn digits(milliseconds: i64) -> String {
    format!("{:013}", milliseconds.max(0))
}

fn before(now: Timestamp, by: Duration) -> i64 {
    now.as_millisecond().saturating_sub(milliseconds(by))
}
