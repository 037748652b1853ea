//! From a configuration to a server that runs, and its end in good order.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use model::Report;
use prometheus_client::metrics::counter::Counter;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Inner};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::config::{Config, Database, Effective, HostName, LogFormat};
use crate::identity::external::Outside;
use crate::identity::gate::Gate;
use crate::identity::links::{self, LinkError};
use crate::identity::login::Logins;
use crate::identity::passkeys::Passkeys;
use crate::identity::password::{
    HashError, Hasher, KnownBad, MAX_SITE_FILE, Params, ParamsError, Policy, calibrate,
};
use crate::identity::post::Carrier;
use crate::identity::sessions::SessionLimits;
use crate::identity::{roles, second_factors, users};
use crate::ledger::room::Place;
use crate::ledger::{Cosigning, Happened, Ledger, LedgerError, Said, checkup, witnesses};
use crate::pki::{Names, Pki, PkiError, own_addresses};
use crate::posture::audits::Audits;
use crate::posture::reports::{self, ReportError};
use crate::random::RandomError;
use crate::seal::{SealError, Sealer};
use crate::serve::{
    self, BindError, Ended, HostNames, Limits, Listener, LogError, Metrics, Readiness, Transport,
    TrustedProxies,
};
use crate::state::{self, StateError};
use crate::status::{Status, StatusError};
use crate::store::{Store, StoreError};
use crate::{api, pages};

mod changed;
mod claim;
mod exporters;
mod limits;
mod outside;
mod upkeep;

pub use claim::{Claim, ground};

/// How long one hash of a password should take: felt by who guesses millions, not by who logs in.
const HASH_TIME: Duration = Duration::from_millis(100);

/// Memory of one hash at most; as many run at once as there are permits.
const HASH_MEMORY: u64 = 64 * 1024 * 1024;

/// Logins that may wait for their turn; more are told to come again.
const HASH_QUEUE: usize = 128;

/// What authenticators call this server.
const NAME: &str = "Palisade";

/// What keeps the server from starting or running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of sealed secrets.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Parameters of hashes.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// Nothing to hash passwords on.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A mail server, directory, login provider or receiver of the ledger whose settings will not do.
    #[error(transparent)]
    Outside(Box<dyn std::error::Error + Send + Sync>),
    /// Reports.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The server's own state.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A socket that cannot be served.
    #[error("cannot serve the port any more")]
    Serve(#[source] io::Error),
    /// A task that ended for no reason.
    #[error("a part of the server ended unexpectedly; this is a bug")]
    Task(#[source] tokio::task::JoinError),
}

impl From<LinkError> for StartError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Random(error) => error.into(),
            LinkError::Store(error) => error.into(),
        }
    }
}

/// What the person who started it is told.
#[derive(Debug)]
pub struct Started {
    /// The address that browsers are pointed to.
    pub address: String,
    /// SHA-256 of the certificate authority's certificate.
    pub fingerprint: String,
    /// The authority's certificate, for browsers and tools to trust; none when one was brought.
    pub authority: Option<PathBuf>,
    /// How to make the first administrator; none: there are users.
    pub set_up: Option<SetUp>,
    /// Where the metrics are.
    pub metrics: Option<String>,
}

/// The code that makes the first administrator.
#[derive(Debug)]
pub struct SetUp {
    /// The code.
    pub code: SecretString,
    /// The file that holds it too.
    pub file: PathBuf,
    /// How long it opens.
    pub until: Timestamp,
}

/// A server that has everything it needs to run.
#[derive(Debug)]
pub struct Server {
    started: Started,
    listener: Listener,
    observed: Option<Listener>,
    pki: Arc<Pki>,
    names: Names,
    app: App,
    carrier: Option<Carrier>,
    limits: Limits,
    proxies: TrustedProxies,
    metrics: Metrics,
    status: Status,
    state_dir: PathBuf,
    begun: changed::Begun,
    room: Place,
    _lock: File,
}

/// Keeps reports in the server's database.
#[derive(Clone, Debug)]
pub struct Reports {
    app: App,
    kept: Counter,
}

impl Reports {
    /// Keeps a report; returns its identifier.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn keep(&self, report: &Report) -> Result<String, StartError> {
        let id = reports::keep(self.app.store(), report).await?;
        self.kept.inc();
        self.app.audits.ended(self.app.now(), None);
        Ok(id)
    }

    /// Notes that an audit begins, for the overview.
    pub fn begins(&self) {
        self.app.audits.begins(self.app.now());
    }

    /// Notes that an audit did not come to an end, for the overview.
    pub fn failed(&self, why: &str) {
        self.app.audits.ended(self.app.now(), Some(why.to_owned()));
    }

    /// Waits until somebody wants an audit now; it is begun for them already.
    pub async fn wanted(&self) {
        self.app.audits.wanted().await;
    }
}

/// Sets up the log as the configuration says: to stderr, as text or JSON.
///
/// # Errors
/// When it was set up already.
pub fn set_up_log(config: &Config) -> Result<(), StartError> {
    let format = match config.log.format {
        LogFormat::Text => serve::Format::Text,
        LogFormat::Json => serve::Format::Json,
    };
    Ok(serve::set_up_log(format, config.log.level.as_str())?)
}

impl Server {
    /// Opens everything: the state directory, the ports of the claim, certificates, the database. `host` is this machine's name.
    ///
    /// # Errors
    /// What is missing or wrong, with its place and what to do.
    pub async fn open(
        config: &Config,
        claim: Claim,
        effective: Effective,
        host: Option<&str>,
        version: &'static str,
    ) -> Result<Self, StartError> {
        let clock = Clock::default();
        let now = clock.now();
        let directory = config.server.state_dir.clone();
        let lock = state::open(&directory)?;
        // Ports first: another server that runs already is told before anything is touched.
        let (listener, observed) = (claim.listener?, claim.observed?);
        let names = names(config, host, listener.address())?;
        let pki = Arc::new(pki(config, &directory, names.clone(), now)?);
        let store = store(config).await?;
        roles::install(&store).await?;
        roles::begin(&store, now).await?;
        let origin = config.server.public_url.as_ref().map_or_else(|| names.origin(), |public| public.origin());
        let (outside, carrier) = outside::open(config, &origin)?;
        let logins = Logins { outside, ..logins(config, &directory, &store, &origin).await? };
        let place = origin.trim_start_matches("https://");
        let ledger = Ledger::open(&store, &logins.sealer, place, directory.clone(), clock.clone()).await?;
        let logs = config.witnessing.logs.iter().map(|log| log.key().clone()).collect();
        let cosigning = Cosigning::open(&store, &logins.sealer, logs).await?;
        let app = App::new(Inner {
            logins,
            ledger,
            witnesses: outside::witnesses(&config.witnessing)?,
            cosigning,
            retention: limits::retention(config),
            exporters: exporters::open(config, &origin)?,
            clock,
            origin: origin.clone(),
            notice: config.sessions.use_notice.as_str().to_owned(),
            system: host.unwrap_or_default().to_owned(),
            set_up_file: directory.join(state::SET_UP_CODE),
            started_at: now,
            uses: Default::default(),
            shelf: Default::default(),
            audits: Audits::default(),
            effective,
            version,
        });
        let lost = second_factors::of_other_names(&store, app.passkey_name()).await?;
        if lost > 0 {
            tracing::warn!(
                passkeys = lost,
                "passkeys were made for another name of this server and open nothing now; give it that name again with server.public_url, or have their owners make new ones"
            );
        }
        let authority = pki.ca_pem().map(|pem| state::publish(&directory, "ca.pem", &pem)).transpose()?;
        for name in pki.uncovered() {
            tracing::warn!(
                name,
                "the server's certificate does not hold this name: its authority was made before; remove the folder pki to make another"
            );
        }
        let started = Started {
            address: origin,
            fingerprint: pki.fingerprint(),
            authority,
            set_up: set_up(&store, &directory, now).await?,
            metrics: observed.as_ref().map(|listener| format!("http://{}/metrics", listener.address())),
        };
        let status = Status::new(config, &app, &pki);
        status.publish().await?;
        let begun = changed::Begun::new(config, &app, &pki);
        Ok(Self {
            started,
            listener,
            observed,
            pki,
            names,
            limits: limits::limits(config),
            proxies: limits::proxies(config),
            metrics: Metrics::new(version),
            status,
            begun,
            room: limits::room(config),
            state_dir: directory,
            app,
            carrier,
            _lock: lock,
        })
    }

    /// What to tell the person who started it.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Where reports are kept, for whoever audits from now on.
    pub fn reports(&self) -> Reports {
        self.app.audits.serve();
        let kept = Counter::default();
        self.metrics.register(|registry| {
            registry.register("reports_kept", "Reports kept since the start", kept.clone())
        });
        Reports { app: self.app.clone(), kept }
    }

    /// All that it serves, and what every request works with: for fuzz targets.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn inside(&self) -> (axum::Router, App) {
        let router = routes(&self.app, &self.pki);
        (self.dressed(router), self.app.clone())
    }

    fn dressed(&self, router: axum::Router) -> axum::Router {
        let looked_at = |router| api::route::noting_who_is_turned_away(&self.app, router);
        serve::dress(router, host_names(&self.names), self.metrics.clone(), looked_at)
    }

    /// Serves until `shutdown`, then lets what is under way finish.
    ///
    /// # Errors
    /// When a port cannot be served at all.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let (store, ledger) = (self.app.store().clone(), self.app.ledger.clone());
        ledger.begin().await?;
        let said = Said::done(Happened::ServerStarted).with("version", self.app.version);
        ledger.tell(said.with("address", self.started.address.as_str())).await?;
        changed::tell(&self.app, &self.begun, &self.state_dir).await?;
        let figures = self.metrics.clone();
        let ready = Arc::new(AtomicBool::new(true));
        let mut tasks: JoinSet<Result<(), StartError>> = JoinSet::new();
        let main = serve::Server {
            router: self.dressed(routes(&self.app, &self.pki)),
            transport: Transport::Tls(self.pki.server_config()?),
            limits: self.limits.clone(),
            proxies: self.proxies,
            metrics: self.metrics.clone(),
        };
        tasks.spawn(served(main, self.listener, shutdown.clone()));
        if let Some(listener) = self.observed {
            let (state, ledger) = (Arc::clone(&ready), ledger.clone());
            let readiness: Readiness = Arc::new(move || {
                if state.load(Ordering::Relaxed) {
                    // What a witness says is no reason: another server must not be able to take this one out of service.
                    ledger.ails().map_or(Ok(()), Err)
                } else {
                    Err("the database does not answer".to_owned())
                }
            });
            let observation = serve::Server {
                router: serve::observation_routes(self.metrics.clone(), readiness),
                transport: Transport::Plain,
                limits: Limits { connections: 64, ..self.limits },
                proxies: TrustedProxies::default(),
                metrics: self.metrics,
            };
            tasks.spawn(served(observation, listener, shutdown.clone()));
        }
        let (app, pki, ended) = (self.app.clone(), self.pki, shutdown.clone());
        let directory = self.state_dir.clone();
        tasks.spawn(async move {
            let changed = || changed::tell_certificate(&app, &pki, &directory);
            serve::keep_fresh(Arc::clone(&pki), || app.now(), changed, ended).await;
            Ok(())
        });
        if let Some(carrier) = self.carrier {
            let (logins, clock, ended) = (self.app.logins.clone(), self.app.clock.clone(), shutdown.clone());
            tasks.spawn(async move {
                carrier.run(logins, clock, ended).await;
                Ok(())
            });
        }
        tasks.spawn(exporters::run(self.app.clone(), figures.clone(), shutdown.clone()));
        let (keeper, ended) = (ledger.clone(), shutdown.clone());
        tasks.spawn(async move {
            keeper.keep(ended).await;
            Ok(())
        });
        let (checked, ended) = (ledger.clone(), shutdown.clone());
        tasks.spawn(async move {
            checkup::keep(checked, ended).await;
            Ok(())
        });
        let (app, ended) = (self.app.clone(), shutdown.clone());
        let asked = (!app.witnesses.all().is_empty()).then(|| witnesses::Figures::new(&figures));
        tasks.spawn(async move {
            witnesses::keep(app, asked, ended).await;
            Ok(())
        });
        tasks.spawn(upkeep::rooms(self.app.clone(), self.room, shutdown.clone()));
        tasks.spawn(upkeep::watch(self.app.clone(), upkeep::Figures::new(&figures), ready, shutdown.clone()));
        tasks.spawn(upkeep::tidy(self.app, shutdown.clone()));
        let (status, ended) = (self.status, shutdown.clone());
        tasks.spawn(async move {
            status.keep(ended).await;
            Ok(())
        });
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.map_err(StartError::Task).and_then(|ended| ended);
            if ended.is_err() && result.is_ok() {
                // One part that cannot go on ends the others in good order.
                shutdown.cancel();
                result = ended;
            }
        }
        let said = if result.is_ok() {
            Said::done(Happened::ServerStopped)
        } else {
            Said::failed(Happened::ServerStopped)
        };
        if let Err(error) = ledger.tell(said).await {
            tracing::warn!(error = %with_causes(&error), "that the server stops is not in the ledger");
        }
        ledger.sequence_all().await;
        store.close().await;
        result
    }
}

/// Reads what a start would read beside the configuration, and changes nothing: certificates, authorities, the list of bad
/// passwords, and whether the mail server, the directory, the login provider and receivers of the ledger are described as they must be. `host` is this
/// machine's name. Nobody is connected to.
///
/// # Errors
/// What would keep the server from starting.
pub fn check(config: &Config, host: Option<&str>) -> Result<(), StartError> {
    let names = names(config, host, config.server.listen)?;
    let origin = config.server.public_url.as_ref().map_or_else(|| names.origin(), |public| public.origin());
    if let (Some(chain), Some(key)) = (&config.tls.certificate_file, &config.tls.key_file) {
        Pki::from_files(chain, key.path(), names, Clock::default().now())?;
    }
    known_bad(config)?;
    outside::open(config, &origin)?;
    outside::witnesses(&config.witnessing)?;
    exporters::open(config, &origin)?;
    Ok(())
}

/// Everything that is served over HTTPS.
fn routes(app: &App, pki: &Arc<Pki>) -> axum::Router {
    api::route::router(app, api::routes())
        .merge(serve::authority_routes(Arc::clone(pki), app.clock.clone()))
        .merge(pages::routes(app))
}

async fn served(
    server: serve::Server,
    listener: Listener,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let Ended { cut } = server.run(listener, shutdown).await.map_err(StartError::Serve)?;
    if cut > 0 {
        tracing::warn!(cut, "requests were cut: they took longer than the grace when the server stopped");
    }
    Ok(())
}

fn names(config: &Config, host: Option<&str>, address: SocketAddr) -> Result<Names, StartError> {
    let public = config.server.public_url.as_ref().map(|public| public.host());
    let given: Vec<String> = public.iter().chain(&config.server.host_names).map(HostName::to_string).collect();
    // Who listens on loopback alone is not reached by the machine's name.
    let host = host.filter(|_| !address.ip().to_canonical().is_loopback());
    Ok(Names::new(&given, host, &own_addresses(address.ip()), address.port())?)
}

fn host_names(names: &Names) -> HostNames {
    HostNames::only(names.dns(), names.addresses())
}

fn pki(config: &Config, directory: &Path, names: Names, now: Timestamp) -> Result<Pki, StartError> {
    Ok(match (&config.tls.certificate_file, &config.tls.key_file) {
        (Some(chain), Some(key)) => Pki::from_files(chain, key.path(), names, now)?,
        _ => Pki::open_or_create(&directory.join("pki"), names, now)?,
    })
}

async fn store(config: &Config) -> Result<Store, StartError> {
    Ok(match config.database() {
        Database::Sqlite(path) => Store::open_file(&path).await?,
        Database::Postgres(url) => Store::open(url.expose_secret(), config.database.pool_size.get()).await?,
    })
}

async fn logins(config: &Config, directory: &Path, store: &Store, origin: &str) -> Result<Logins, StartError> {
    let passwords = &config.passwords;
    let sealer = Arc::new(Sealer::open_or_create(&directory.join("seal.key"))?);
    let hours = |span: crate::config::Span| jiff::SignedDuration::try_from(span.get()).ok();
    Ok(Logins {
        gate: Gate::new(store.clone(), limits::gate_limits(config), Arc::clone(&sealer)),
        hasher: Arc::new(Hasher::new(hash_params(config, store).await?, None, HASH_QUEUE)?),
        policy: Policy {
            minimum_length: usize::try_from(passwords.min_length.get()).unwrap_or(usize::MAX),
            minimum_strength: u8::try_from(passwords.min_strength.get()).unwrap_or(4),
            history: usize::try_from(passwords.history.get()).unwrap_or(usize::MAX),
            lifetime: passwords.max_age.and_then(hours),
            ..Policy::default()
        },
        known_bad: Arc::new(known_bad(config)?),
        sealer,
        sessions: SessionLimits {
            idle: config.sessions.idle_lock.get(),
            lifetime: config.sessions.absolute_lifetime.get(),
            privilege: config.sessions.privilege_window.get(),
            per_user: config.sessions.max_per_user.get(),
        },
        mfa_enabled: config.mfa.mfa_enabled,
        issuer: NAME.to_owned(),
        passkeys: passkeys(origin),
        outside: Outside::default(),
        store: store.clone(),
    })
}

/// Passkeys for the address that browsers are pointed to; none where they know none.
fn passkeys(origin: &str) -> Option<Arc<Passkeys>> {
    match Passkeys::at(origin, NAME) {
        Ok(passkeys) => Some(Arc::new(passkeys)),
        Err(error) => {
            tracing::info!(error = %with_causes(&error), "passkeys are off; authenticator apps work");
            None
        }
    }
}

/// The parameters of hashes: those of the configuration, else those that were measured at the first start.
async fn hash_params(config: &Config, store: &Store) -> Result<Params, StartError> {
    let passwords = &config.passwords;
    if let (Some(memory), Some(rounds), Some(lanes)) =
        (passwords.argon2_memory, passwords.argon2_iterations, passwords.argon2_parallelism)
    {
        let text = format!("m={},t={},p={}", memory.bytes() / 1024, rounds.get(), lanes.get());
        return Ok(text.parse()?);
    }
    if let Some(kept) = store.setting("argon2").await? {
        return Ok(kept.parse()?);
    }
    let measured = tokio::task::spawn_blocking(|| calibrate(HASH_TIME, HASH_MEMORY));
    let params = measured.await.map_err(StartError::Task)??;
    store.set_setting("argon2", &params.to_string()).await?;
    tracing::info!(%params, "measured how strong password hashes can be on this machine");
    Ok(params)
}

/// What nobody may choose as a password, with what the site adds.
fn known_bad(config: &Config) -> Result<KnownBad, StartError> {
    let Some(path) = &config.passwords.known_bad_file else { return Ok(KnownBad::built_in()) };
    let text = state::read_up_to(path, MAX_SITE_FILE + 1)?;
    let (known, problems) = KnownBad::with_site(&text);
    for problem in problems {
        tracing::warn!(file = %path.display(), %problem, "a line of the list of bad passwords is left out");
    }
    Ok(known)
}

async fn set_up(store: &Store, directory: &Path, now: Timestamp) -> Result<Option<SetUp>, StartError> {
    if users::count(store).await? > 0 {
        state::remove(&directory.join(state::SET_UP_CODE));
        return Ok(None);
    }
    let mut transaction = store.writer().begin().await.map_err(StoreError::from)?;
    let code = links::make(&mut transaction, links::Kind::SetUp, None, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    let file = state::publish(directory, state::SET_UP_CODE, &format!("{}\n", code.expose_secret()))?;
    let until = now.checked_add(links::Kind::SetUp.lifetime()).unwrap_or(now);
    Ok(Some(SetUp { code, file, until }))
}
