//! A server of the release build, on one of the databases.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use test_support::free_port;

use super::told;
use crate::run::root;

/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

const USER: &str = "eva";
/// Who logs in as often as possible.
pub(super) const FLOOD: &str = "flood";
pub(super) const PASSWORD: &str = "seventeen violet turbines hum";

/// Which database.
pub(super) enum Database {
    Sqlite,
    Postgres(String),
}

impl Database {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// What a query answers.
    fn query(&self, state: &Path, text: &str) -> Result<String> {
        match self {
            Self::Sqlite => told("sqlite3", &[&state.join("palisade.db").display().to_string(), text]),
            Self::Postgres(url) => {
                told("psql", &["--quiet", "--no-align", "--tuples-only", "--command", text, url])
            }
        }
    }

    /// Copies the newest report until there are so many, of so many machines, an hour apart and all older.
    pub(super) fn fill(&self, state: &Path, reports: u32, targets: u32) -> Result<()> {
        for text in [
            format!(
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < {targets})
                 insert into targets (id, kind, name, first_at, last_at)
                 select 'host:bench' || i, 'host', 'bench-' || i, 0, 0 from n"
            ),
            format!(
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < {reports})
                 insert into reports (id, target_id, started_at, duration_ms, content, passed, failed, undecided,
                     not_applicable, waived, body)
                 select 'bench' || i, 'host:bench' || (i % {targets} + 1), started_at - i * cast(3600000 as bigint),
                     duration_ms, content, passed, failed, undecided, not_applicable, waived, body
                 from n cross join (select * from reports order by started_at desc limit 1) as newest"
            ),
        ] {
            self.query(state, &text)?;
        }
        // Who logs in again and again, with one factor: of the other user the sessions would be ended.
        let copy = format!(
            "insert into users (id, name, name_key, full_name, state, origin, password, password_at, password_history,
                 created_at, created_by, version)
             select 'flood', '{FLOOD}', '{FLOOD}', 'Flood', state, origin, password, password_at, password_history,
                 created_at, created_by, version from users"
        );
        self.query(state, &copy)?;
        let kept = self.query(state, "select count(*) from reports")?;
        if kept.parse::<u32>()? < reports {
            bail!("{kept} reports are in the store, not {reports}");
        }
        Ok(())
    }
}

/// A running server, ended when dropped.
pub(super) struct Instance {
    child: Child,
    state: PathBuf,
    port: u16,
    metrics: u16,
}

impl Instance {
    pub(super) fn start(state: &Path, database: &Database) -> Result<Self> {
        let program = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => Path::new(&directory).join("release/palisade"),
            None => root().join("target/release/palisade"),
        };
        let (port, metrics) = (free_port(), free_port());
        let mut command = Command::new(&program);
        command
            .args(["up", "--listen", &format!("127.0.0.1:{port}"), "--state-dir"])
            .arg(state)
            .env("PALISADE_SERVER_METRICS_LISTEN", format!("127.0.0.1:{metrics}"))
            .env("PALISADE_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Database::Postgres(url) = database {
            command.env("PALISADE_DATABASE_URL", url);
        }
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        Ok(Self { child, state: state.to_owned(), port, metrics })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(super) fn until_ready(&self) -> Result<()> {
        self.until("ready", Duration::from_millis(2), |server| {
            Ok(server.observed("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")))
        })
    }

    /// Waits until this machine's audit is kept.
    pub(super) fn until_audited(&self) -> Result<()> {
        self.until("audited", Duration::from_millis(50), |server| {
            let figures = server.observed("/metrics").unwrap_or_default();
            let is_kept = |line: &str| line.starts_with("palisade_reports_kept_total") && !line.ends_with(" 0");
            Ok(figures.lines().any(is_kept))
        })
    }

    fn until(&self, what: &str, pause: Duration, is: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !is(self)? {
            if started.elapsed() > PATIENCE {
                bail!("the server is not {what} after {} s", PATIENCE.as_secs());
            }
            thread::sleep(pause);
        }
        Ok(())
    }

    /// The answer of the metrics' listener.
    fn observed(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// MiB of memory that the server and the process that audits for it take now; pages that both have count twice.
    pub(super) fn memory(&self) -> Result<f64> {
        let server = self.child.id();
        let mut sum = 0.0;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // It may have ended meanwhile.
            let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
            };
            if pid == server || value("PPid:") == Some(f64::from(server)) {
                sum += value("VmRSS:").unwrap_or_default() / 1024.0;
            }
        }
        ensure!(sum > 0.0, "the server's memory cannot be told");
        Ok(sum)
    }

    /// The parameters of the server's hashes, as the Password Hashing Competition writes them.
    pub(super) fn hash_parameters(&self, state: &Path, database: &Database) -> Result<String> {
        database.query(state, "select value from settings where key = 'argon2'")
    }

    fn send(&self, method: &str, path: &str, cookie: &str, body: &Value) -> Result<(Value, String)> {
        let headers = self.state.join("bench-headers");
        let text = told(
            "curl",
            &[
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--max-time",
                "30",
                "--cacert",
                &self.state.join("ca.pem").display().to_string(),
                "--dump-header",
                &headers.display().to_string(),
                "--header",
                "content-type: application/json",
                "--header",
                &format!("cookie: {cookie}"),
                "--header",
                &format!("origin: {}", self.url("")),
                "--request",
                method,
                "--data",
                &body.to_string(),
                &self.url(path),
            ],
        )?;
        let headers = fs::read_to_string(headers)?;
        let cookie = headers
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .and_then(|cookie| cookie.split(';').next());
        Ok((serde_json::from_str(&text).unwrap_or(Value::Null), cookie.unwrap_or_default().to_owned()))
    }

    /// Makes the first administrator with an authenticator app, whose secret is kept beside the state.
    pub(super) fn set_up(&self) -> Result<()> {
        let code = fs::read_to_string(self.state.join("set-up-code"))?;
        let user =
            json!({"code": code.trim(), "username": USER, "full_name": "Eva Muster", "password": PASSWORD});
        let (_, cookie) = self.send("POST", "/api/v1/setup", "", &user)?;
        let (begun, _) = self.send("POST", "/api/v1/session/totp", &cookie, &json!({}))?;
        let secret = begun
            .get("secret")
            .and_then(Value::as_str)
            .context("no secret for an authenticator app")?
            .replace(' ', "");
        self.send("PUT", "/api/v1/session/totp", &cookie, &json!({"code": code_of(&secret)?}))?;
        fs::write(self.state.join("bench-secret"), secret)?;
        Ok(())
    }

    /// The cookie of a session with both factors.
    pub(super) fn log_in(&self) -> Result<String> {
        let login = json!({"username": USER, "password": PASSWORD});
        let (_, cookie) = self.send("POST", "/api/v1/session", "", &login)?;
        let secret = fs::read_to_string(self.state.join("bench-secret"))?;
        let (_, again) =
            self.send("POST", "/api/v1/session/second-factor", &cookie, &json!({"code": code_of(&secret)?}))?;
        Ok(if again.is_empty() { cookie } else { again })
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn end(mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn code_of(secret: &str) -> Result<String> {
    told("oathtool", &["--totp", "--base32", secret])
}
