//! What is unusual in some entries of a stream, against what is kept of the time before: found by counting, said in words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};

use crate::identity::review::ReviewError;
use crate::ledger::{Stream, head};

/// Rows that one question gives at most; where there are more, that is found too.
const MOST: i64 = 500;

/// Days without a login after which somebody is back after long.
const IDLE_DAYS: i64 = 90;

/// Logins from which on somebody's usual hours are known.
const KNOWN_FROM: u64 = 20;

/// Refusals below which nobody is looked at, and how many times the average is unusual.
const FEW: u64 = 5;
const TIMES_USUAL: u64 = 3;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Acts of which each is looked at, and how they are called.
const TELLING: &[(Kind, &str)] = &[
    (Kind::FirstAdministrator, "made the first administrator"),
    (Kind::UserInvited, "made or invited a user"),
    (Kind::UserActivated, "let a user log in again"),
    (Kind::UserDeactivated, "locked a user out"),
    (Kind::UserDeleted, "deleted a user"),
    (Kind::ResetOffered, "offered a user a new password"),
    (Kind::RolesAssigned, "gave or took roles"),
    (Kind::RoleMade, "made a role"),
    (Kind::RoleChanged, "changed a role"),
    (Kind::RoleDeleted, "deleted a role"),
    (Kind::TokenMade, "made an API token"),
    (Kind::FactorRemoved, "removed a second factor"),
    (Kind::RecoveryCodeUsed, "used a recovery code"),
    (Kind::LedgerExported, "took the ledger out as a file"),
    (Kind::BlockLifted, "lifted a block"),
    (Kind::RequestFailed, "met a failure of the server"),
    (Kind::AttemptsBlocked, "was blocked for too many attempts"),
    (Kind::ConfigurationChanged, "started the server with another configuration"),
    (Kind::CertificateChanged, "had the server show another certificate"),
    (Kind::LedgerChecked, "checked the ledger and found faults"),
    (Kind::LedgerFilling, "found the ledger filling up"),
    (Kind::LedgerSpilled, "kept events beside the database for a time"),
    (Kind::LedgerContradicted, "was told by a witness that this ledger was forked"),
    (Kind::WitnessRefused, "refused to cosign another server's ledger, which was forked"),
    (Kind::LedgerExporterMissed, "lost entries before they were sent to a receiver"),
    (Kind::HostHardened, "changed this machine at its command line"),
    (Kind::HostRestored, "took changes of this machine back"),
];

/// Something unusual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Finding {
    /// What makes it unusual.
    pub(crate) reason: Reason,
    /// The same in words.
    pub(crate) said: String,
    /// In which stream.
    pub(crate) stream: String,
    /// How many entries it is about.
    pub(crate) entries: u64,
    /// The kind of these entries; empty: several.
    pub(crate) event: String,
    /// The result of these entries; empty: any.
    pub(crate) result: String,
    /// The identifier of who acted; empty: nobody in particular.
    pub(crate) actor: String,
    /// From where; empty: several.
    pub(crate) address: String,
    /// When the first was; RFC 3339.
    pub(crate) since: String,
    /// Just after the last; RFC 3339.
    pub(crate) until: String,
}

/// What makes something unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Somebody logged in for the first time, or after long.
    NewUser,
    /// Somebody logged in from where they never did.
    NewAddress,
    /// Somebody logged in at an hour at which they never did.
    UnusualHour,
    /// More was refused than usual.
    ManyRefusals,
    /// It is looked at whenever it happens.
    TellingAct,
    /// There is more of it than is shown.
    More,
}

impl Reason {
    /// For people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NewUser => "new or long away",
            Self::NewAddress => "new address",
            Self::UnusualHour => "unusual hour",
            Self::ManyRefusals => "many refusals",
            Self::TellingAct => "to be looked at",
            Self::More => "more than shown",
        }
    }
}

/// Entries of a stream: the first, and the one behind the last.
type Span = (i64, i64);

/// Entries that belong together.
#[derive(Clone, Debug, Default)]
struct Group {
    entries: u64,
    earliest: i64,
    latest: i64,
}

impl Group {
    fn add(&mut self, other: &Self) {
        self.earliest = if self.entries == 0 { other.earliest } else { self.earliest.min(other.earliest) };
        self.latest = self.latest.max(other.latest);
        self.entries += other.entries;
    }
}

/// What is unusual in these entries.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn find(
    connection: &mut AnyConnection,
    stream: Stream,
    span: Span,
    now: Timestamp,
) -> Result<Vec<Finding>, ReviewError> {
    let mut looking = Looking { names: names(connection).await?, stream, found: Vec::new() };
    looking.logins(connection, span).await?;
    looking.hours(connection, span).await?;
    for column in ["address", "actor"] {
        looking.refusals(connection, span, column, now).await?;
    }
    looking.telling(connection, span).await?;
    Ok(looking.found)
}

/// The names of users, by their identifiers.
async fn names(connection: &mut AnyConnection) -> Result<BTreeMap<String, String>, ReviewError> {
    let rows = sqlx::query("select id, name from users order by id limit 100000").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("name")?))).collect()
}

/// Which entries a finding is about.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    event: &'a str,
    result: &'a str,
    actor: &'a str,
    address: &'a str,
}

struct Looking {
    names: BTreeMap<String, String>,
    stream: Stream,
    found: Vec<Finding>,
}

impl Looking {
    fn name(&self, actor: &str) -> String {
        match self.names.get(actor) {
            Some(name) => name.clone(),
            None if actor.is_empty() => "nobody who was logged in, or the server itself,".to_owned(),
            None => format!("a user who is gone ({actor})"),
        }
    }

    /// Notes a finding about these entries.
    fn tell(&mut self, reason: Reason, said: String, group: &Group, about: About<'_>) {
        let time = |at: i64| Timestamp::from_millisecond(at).unwrap_or_default().to_string();
        self.found.push(Finding {
            reason,
            said,
            stream: self.stream.as_str().to_owned(),
            entries: group.entries,
            event: about.event.to_owned(),
            result: about.result.to_owned(),
            actor: about.actor.to_owned(),
            address: about.address.to_owned(),
            since: time(group.earliest),
            until: time(group.latest.saturating_add(1)),
        });
    }

    fn logins_of(&mut self, reason: Reason, said: String, group: &Group, actor: &str, address: &str) {
        let event = Kind::SessionBegun.as_str();
        self.tell(reason, said, group, About { event, actor, address, result: "" });
    }

    /// Who logged in for the first time or after long, and from where somebody never did.
    async fn logins(&mut self, connection: &mut AnyConnection, span: Span) -> Result<(), ReviewError> {
        let now = groups(connection, self.stream, span, "actor, address", LOGIN).await?;
        self.more(&now);
        let before = groups(connection, self.stream, (0, span.0), "actor, address", LOGIN).await?;
        let mut known: BTreeMap<&str, (i64, BTreeSet<&str>)> = BTreeMap::new();
        for ((actor, address), group) in &before {
            let (latest, addresses) = known.entry(actor).or_default();
            *latest = group.latest.max(*latest);
            addresses.insert(address);
        }
        let mut actors: BTreeMap<&str, (Group, BTreeSet<&str>)> = BTreeMap::new();
        for ((actor, address), group) in &now {
            let (all, addresses) = actors.entry(actor).or_default();
            all.add(group);
            addresses.insert(address);
        }
        for (actor, (all, addresses)) in &actors {
            let (name, from) = (self.name(actor), listed(addresses));
            match known.get(actor) {
                None => {
                    let said = format!("{name} logged in for the first time in what is kept, from {from}");
                    self.logins_of(Reason::NewUser, said, all, actor, "");
                }
                Some((latest, _)) if all.earliest - latest > IDLE_DAYS * DAY => {
                    let days = (all.earliest - latest) / DAY;
                    let said = format!("{name} logged in after {days} days without a login, from {from}");
                    self.logins_of(Reason::NewUser, said, all, actor, "");
                }
                Some(_) => {}
            }
        }
        for ((actor, address), group) in &now {
            let is_new = known.get(actor.as_str()).is_some_and(|(_, usual)| !usual.contains(address.as_str()));
            if is_new && !address.is_empty() {
                let said = format!("{} never logged in from {address} before", self.name(actor));
                self.logins_of(Reason::NewAddress, said, group, actor, address);
            }
        }
        Ok(())
    }

    /// Who logged in at an hour of the day at which, an hour more or less, they never did.
    async fn hours(&mut self, connection: &mut AnyConnection, span: Span) -> Result<(), ReviewError> {
        const HOURS: &str = "actor, cast((time / 3600000) % 24 as text)";
        let now = groups(connection, self.stream, span, HOURS, LOGIN).await?;
        let before = groups(connection, self.stream, (0, span.0), HOURS, LOGIN).await?;
        let mut usual: BTreeMap<&str, (u64, BTreeSet<i64>)> = BTreeMap::new();
        for ((actor, hour), group) in &before {
            let (count, hours) = usual.entry(actor).or_default();
            *count += group.entries;
            hours.extend(hour.parse::<i64>());
        }
        for ((actor, hour), group) in &now {
            let (Some((count, hours)), Ok(hour)) = (usual.get(actor.as_str()), hour.parse::<i64>()) else {
                continue;
            };
            let is_usual = [23, 0, 1].iter().any(|near| hours.contains(&((hour + near) % 24)));
            if *count >= KNOWN_FROM && !is_usual {
                let said = format!(
                    "{} logged in between {hour:02}:00 and {:02}:00 UTC, never before at that time in {count} logins",
                    self.name(actor),
                    (hour + 1) % 24
                );
                self.logins_of(Reason::UnusualHour, said, group, actor, "");
            }
        }
        Ok(())
    }

    /// From where, or to whom, more was refused than the average of the time before.
    async fn refusals(
        &mut self,
        connection: &mut AnyConnection,
        span: Span,
        column: &'static str,
        now: Timestamp,
    ) -> Result<(), ReviewError> {
        let columns = if column == "address" { "address, ''" } else { "actor, ''" };
        let lately = groups(connection, self.stream, span, columns, REFUSED).await?;
        let before = groups(connection, self.stream, (0, span.0), columns, REFUSED).await?;
        let first: Option<i64> = first_time(connection, self.stream, 0).await?;
        let begun: Option<i64> = first_time(connection, self.stream, span.0).await?;
        let begun = begun.unwrap_or(now.as_millisecond());
        let days = |from: i64, to: i64| u64::try_from((to - from) / DAY).unwrap_or(0).max(1);
        let (days_before, days_now) = (days(first.unwrap_or(begun), begun), days(begun, now.as_millisecond()));
        for ((key, _), group) in lately.iter().filter(|((key, _), _)| !key.is_empty()) {
            let earlier = before.get(&(key.clone(), String::new())).map_or(0, |group| group.entries);
            // A day now against a day before, without fractions.
            let is_usual = group.entries * days_before <= TIMES_USUAL * earlier * days_now;
            if group.entries < FEW || is_usual {
                continue;
            }
            let usual = match earlier {
                0 => "nothing before".to_owned(),
                earlier => format!("{earlier} in {} before", in_days(days_before)),
            };
            let whom = if column == "address" { format!("from {key}") } else { self.name(key) };
            let said = format!("{} refusals: {whom}, in {}; {usual}", group.entries, in_days(days_now));
            let (address, actor) = if column == "address" { (key.as_str(), "") } else { ("", key.as_str()) };
            self.tell(
                Reason::ManyRefusals,
                said,
                group,
                About { event: "", actor, address, result: "refused" },
            );
        }
        Ok(())
    }

    /// What is looked at whenever it happens.
    async fn telling(&mut self, connection: &mut AnyConnection, span: Span) -> Result<(), ReviewError> {
        let found = groups(connection, self.stream, span, "event, actor", "event <> ''").await?;
        self.more(&found);
        for (kind, what) in TELLING {
            for ((event, actor), _) in found.iter().filter(|((event, _), _)| event == kind.as_str()) {
                let only = if *kind == Kind::LedgerChecked { FAILED } else { DONE_OR_TOLD };
                let group = of(connection, self.stream, span, (event, actor), only).await?;
                if group.entries == 0 {
                    continue;
                }
                let times =
                    if group.entries == 1 { String::new() } else { format!(", {} times", group.entries) };
                let said = format!("{} {what}{times}", self.name(actor));
                let result = if only == FAILED { "failed" } else { "" };
                self.tell(Reason::TellingAct, said, &group, About { event, actor, address: "", result });
            }
        }
        Ok(())
    }

    /// That there is more than is shown.
    fn more(&mut self, found: &BTreeMap<(String, String), Group>) {
        if i64::try_from(found.len()).unwrap_or(i64::MAX) >= MOST {
            let mut all = Group::default();
            found.values().for_each(|group| all.add(group));
            let said =
                format!("there is more to look at than the {MOST} that are shown: look through the list");
            self.tell(Reason::More, said, &all, About::default());
        }
    }
}

/// The addresses, or the first of them.
fn listed(addresses: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = addresses.iter().copied().take(3).collect();
    let more = addresses.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

const LOGIN: &str = "event = 'session.begun' and result = 'success' and actor <> ''";
const REFUSED: &str = "result = 'refused'";
const FAILED: &str = "result = 'failed'";
const DONE_OR_TOLD: &str = "result <> ''";

/// Entries of a span that fulfil a condition, by two columns.
async fn groups(
    connection: &mut AnyConnection,
    stream: Stream,
    (first, until): Span,
    columns: &'static str,
    condition: &'static str,
) -> Result<BTreeMap<(String, String), Group>, ReviewError> {
    let (one, other) = columns.split_once(", ").unwrap_or((columns, "''"));
    let text = format!(
        "select one, other, count(*) as entries, min(time) as earliest, max(time) as latest from (
             select {one} as one, {other} as other, time from ledger_entries
             where log = $1 and position >= $2 and position < $3 and {condition}) as chosen
         group by one, other order by entries desc, one, other limit {MOST}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(stream.as_str())
        .bind(first)
        .bind(until)
        .fetch_all(connection)
        .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let group = Group {
            entries: head::number(row.try_get("entries")?)?,
            earliest: row.try_get("earliest")?,
            latest: row.try_get("latest")?,
        };
        found.insert((row.try_get("one")?, row.try_get("other")?), group);
    }
    Ok(found)
}

/// Entries of one kind and one who acted.
async fn of(
    connection: &mut AnyConnection,
    stream: Stream,
    (first, until): Span,
    (event, actor): (&str, &str),
    condition: &'static str,
) -> Result<Group, ReviewError> {
    let text = format!(
        "select count(*) as entries, coalesce(min(time), 0) as earliest, coalesce(max(time), 0) as latest
         from ledger_entries where log = $1 and position >= $2 and position < $3 and event = $4 and actor = $5
             and {condition}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(stream.as_str())
        .bind(first)
        .bind(until)
        .bind(event)
        .bind(actor)
        .fetch_one(connection)
        .await?;
    Ok(Group {
        entries: head::number(row.try_get("entries")?)?,
        earliest: row.try_get("earliest")?,
        latest: row.try_get("latest")?,
    })
}

/// When the first entry that is kept, from a place on, happened.
async fn first_time(
    connection: &mut AnyConnection,
    stream: Stream,
    from: i64,
) -> Result<Option<i64>, ReviewError> {
    Ok(sqlx::query_scalar(
        "select time from ledger_entries where log = $1 and position >= $2 order by position limit 1",
    )
    .bind(stream.as_str())
    .bind(from)
    .fetch_optional(connection)
    .await?)
}

fn in_days(number: u64) -> String {
    if number == 1 { "1 day".to_owned() } else { format!("{number} days") }
}
