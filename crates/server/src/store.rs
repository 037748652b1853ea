//! The database: SQLite or PostgreSQL, one text of SQL.
//!
//! Times are whole milliseconds since 1970 (`bigint`), flags 0 or 1 (`bigint`), identifiers, lists and sealed values
//! text: what both databases and sqlx's `Any` agree on.

use std::path::Path;
use std::time::Duration;

use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _, SqlSafeStr as _};

/// The migrations, by number; what has landed is never edited.
static MIGRATIONS: Dir = include_dir!("$CARGO_MANIFEST_DIR/migrations");

/// How long a query waits for a connection, and SQLite for its writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readers of SQLite at the same time. Its one writer has a connection of its own.
const SQLITE_READERS: u32 = 4;

/// A connection that rested for so long is asked whether it still stands before it is used.
const UNASKED: Duration = Duration::from_secs(1);

/// What goes wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the database {place}; see that it runs and that the address and password are right")]
    Open {
        /// Its address without the password.
        place: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the tables of {place} up to date")]
    Migrate {
        /// Its address without the password.
        place: String,
        /// Why.
        #[source]
        source: MigrateError,
    },
    /// The disk is full.
    #[error(
        "no room is left for the database {place}; make room on its file system (`df -h` shows which is full) and start again"
    )]
    Full {
        /// Its address without the password.
        place: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The disk became full.
    #[error(
        "the disk under the database is full; make room (`df -h` shows which it is), a restart is not needed"
    )]
    NoRoom(#[source] sqlx::Error),
    /// A query failed.
    #[error("the database did not answer a query")]
    Query(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_full(&error) { Self::NoRoom(error) } else { Self::Query(error) }
    }
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file of ours.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    readers: AnyPool,
    writers: AnyPool,
    engine: Engine,
}

impl Store {
    /// Opens the SQLite file, made when it is not there, and brings its tables up to date.
    pub(crate) async fn open_file(path: &Path) -> Result<Self, StoreError> {
        let url = format!("sqlite://{}?mode=rwc", percent_encoded(path));
        Self::open(&url, SQLITE_READERS).await
    }

    /// Opens the database at `url` (`sqlite:` or `postgres:`) with so many connections.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        install_default_drivers();
        let place = without_password(url);
        let engine = if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
        let failed = |source| match is_full(&source) {
            true => StoreError::Full { place: place.clone(), source },
            false => StoreError::Open { place: place.clone(), source },
        };
        let (readers, writers) = match engine {
            Engine::Sqlite => {
                let writers = pool(engine, 1).connect(url).await.map_err(failed)?;
                (pool(engine, connections).connect(url).await.map_err(failed)?, writers)
            }
            Engine::Postgres => match pool(engine, connections).connect(url).await {
                Ok(both) => (both.clone(), both),
                Err(error) => return Err(failed(cause(url, error).await)),
            },
        };
        let store = Self { readers, writers, engine };
        migrator().run(&store.writers).await.map_err(|error| match error {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if is_full(&source) => {
                StoreError::Full { place, source }
            }
            source => StoreError::Migrate { place, source },
        })?;
        Ok(store)
    }

    /// For queries that change nothing.
    pub(crate) fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// For statements and transactions that change something; SQLite takes one at a time.
    pub(crate) fn writer(&self) -> &AnyPool {
        &self.writers
    }

    /// Which database it is.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// What was decided once under this name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let found = sqlx::query_scalar("select value from settings where key = $1");
        Ok(found.bind(key).fetch_optional(&self.readers).await?)
    }

    /// Decides something once; of two servers at once the first decides.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query("insert into settings (key, value) values ($1, $2) on conflict (key) do nothing")
            .bind(key)
            .bind(value)
            .execute(&self.writers)
            .await?;
        Ok(())
    }

    /// What was remembered last under this name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        let found = sqlx::query_scalar("select value from remembered where name = $1");
        Ok(found.bind(name).fetch_optional(&self.readers).await?)
    }

    /// Whether it answers.
    pub(crate) async fn is_ready(&self) -> bool {
        sqlx::query("select 1").execute(&self.readers).await.is_ok()
    }

    /// Ends all connections, after what runs on them.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Remembers a value in place of the one before.
///
/// # Errors
/// When the database does not take it.
pub(crate) async fn remember(
    connection: &mut AnyConnection,
    name: &str,
    value: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into remembered (name, value) values ($1, $2)
         on conflict (name) do update set value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

/// What `from` takes the elements of the JSON array `$1` of, as a column `value`: many rows are one value of one statement, whose text is
/// always the same. (A statement with thousands of values is slow on both: SQLite looks each one's name up in the list of all of them.)
pub(crate) fn elements(connection: &AnyConnection) -> &'static str {
    match connection.backend_name() {
        "SQLite" => "json_each($1)",
        _ => "jsonb_array_elements($1::jsonb)",
    }
}

/// What selects all rows as one JSON array of objects with these columns.
pub(crate) fn objects(connection: &AnyConnection, columns: &[&str]) -> String {
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', {column}")).collect();
    let pairs = pairs.join(", ");
    match connection.backend_name() {
        "SQLite" => format!("json_group_array(json_object({pairs}))"),
        _ => format!("coalesce(json_agg(json_build_object({pairs})), '[]')::text"),
    }
}

/// Rows, or another value, as JSON for a column or for [`elements`].
pub(crate) fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Why there is no connection: a pool tries until its time is over, and then tells that alone.
async fn cause(url: &str, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    match tokio::time::timeout(PATIENCE, AnyConnection::connect(url)).await {
        Ok(Err(cause)) => cause,
        Ok(Ok(_)) | Err(_) => error,
    }
}

/// Whether there is no room to write: `SQLITE_FULL`, `disk_full` of PostgreSQL.
fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["13", "53100"].contains(&&*code))
}

/// A time of a column.
pub(crate) fn time(milliseconds: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A duration as columns of times count it.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn pool(engine: Engine, connections: u32) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
    // A question before every question would be half of the work; a server that was restarted is noticed after a pause.
    let asked_first = options.test_before_acquire(false).before_acquire(|connection, about| {
        Box::pin(async move {
            if about.idle_for >= UNASKED {
                connection.ping().await?;
            }
            Ok(true)
        })
    });
    asked_first.after_connect(move |connection, _| {
        Box::pin(async move {
            let settings: &[&'static str] = match engine {
                // Synced at each commit: what was answered "done" outlives a power cut.
                Engine::Sqlite => &[
                    "pragma journal_mode = wal",
                    "pragma synchronous = full",
                    "pragma foreign_keys = on",
                    "pragma busy_timeout = 10000",
                    "pragma secure_delete = on",
                ],
                Engine::Postgres => &[
                    "set statement_timeout = '30s'",
                    "set lock_timeout = '10s'",
                    "set idle_in_transaction_session_timeout = '30s'",
                ],
            };
            // The one that writes touches the ends of all indexes at once: 16 MiB hold them.
            let writer = (engine == Engine::Sqlite && connections == 1).then_some("pragma cache_size = -16384");
            for setting in settings.iter().copied().chain(writer) {
                sqlx::query(setting).execute(&mut *connection).await?;
            }
            Ok(())
        })
    })
}

fn migrator() -> Migrator {
    let mut migrations: Vec<Migration> = MIGRATIONS.files().filter_map(migration).collect();
    migrations.sort();
    Migrator { migrations: migrations.into(), ..Migrator::DEFAULT }
}

/// `0001_identity.sql` as migration 1, `identity`.
fn migration(file: &include_dir::File<'static>) -> Option<Migration> {
    let (number, name) = file.path().file_stem()?.to_str()?.split_once('_')?;
    Some(Migration::new(
        number.parse().ok()?,
        name.into(),
        MigrationType::Simple,
        AssertSqlSafe(file.contents_utf8()?).into_sql_str(),
        false,
    ))
}

/// A path as the SQLite driver wants it in a URL.
fn percent_encoded(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// The address without what stands between `://` and the last `@` before the path.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;
    use test_support::Postgres;

    use super::*;

    /// An empty database for a test, ended with it.
    pub(crate) struct TestStore {
        pub(crate) store: Store,
        pub(crate) url: String,
        _directory: Option<TempDir>,
    }

    /// One of each engine: every query is tried on both.
    pub(crate) async fn stores() -> Vec<TestStore> {
        vec![sqlite().await, postgres().await]
    }

    pub(crate) async fn sqlite() -> TestStore {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("palisade #1.db");
        let store = Store::open_file(&path).await.unwrap();
        let url = format!("sqlite://{}", percent_encoded(&path));
        TestStore { store, url, _directory: Some(directory) }
    }

    pub(crate) async fn postgres() -> TestStore {
        let url = Postgres::shared().database();
        let store = Store::open(&url, 20).await.unwrap();
        TestStore { store, url, _directory: None }
    }

    #[tokio::test]
    async fn opening_twice_migrates_once() {
        for opened in stores().await {
            let again = Store::open(&opened.url, 2).await.unwrap();
            assert!(again.is_ready().await);
            assert_eq!(again.engine(), opened.store.engine());
            again.close().await;
            assert!(!again.is_ready().await);
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_named_without_its_password() {
        let error =
            Store::open("postgres://palisade:geheim@127.0.0.1:1/x?password=geheim", 1).await.unwrap_err();
        assert!(error.to_string().contains("postgres://127.0.0.1:1/x"), "{error}");
        assert!(!format!("{error:?}{error}").contains("geheim"), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("refused"), "{cause}");
    }

    #[tokio::test]
    async fn a_full_disk_is_called_so() {
        let opened = sqlite().await;
        // The one connection that writes; no more pages than there are.
        sqlx::query("pragma max_page_count = 1").execute(opened.store.writer()).await.unwrap();
        let written = opened.store.set_setting("much", &"x".repeat(1 << 20)).await;
        assert!(matches!(written, Err(StoreError::NoRoom(_))), "{written:?}");
    }

    #[test]
    fn passwords_of_addresses_are_left_out() {
        assert_eq!(without_password("postgres://u:p@ss@db:5432/x?sslmode=require"), "postgres://db:5432/x");
        assert_eq!(without_password("sqlite:///var/lib/x.db?mode=rwc"), "sqlite:///var/lib/x.db");
    }
}
