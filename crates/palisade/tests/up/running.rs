//! A running server of our own, and `curl` that trusts it alone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use test_support::{free_port, until_listening};

/// How long it may take to start, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// `palisade up` or `palisade serve`, ended when dropped.
pub(crate) struct Running {
    child: Child,
    /// What it said when it was ready.
    pub(crate) welcome: String,
    /// Its state directory.
    pub(crate) state: PathBuf,
    /// Its port of the loopback address.
    pub(crate) port: u16,
    /// The port of its metrics.
    pub(crate) metrics: u16,
    log: Log,
    _directory: Option<TempDir>,
}

/// A directory for state directories: started by root, a server wants one that root alone may change and every user may enter.
pub(crate) fn place() -> TempDir {
    let above = if rustix::process::geteuid().is_root() { "/var/lib" } else { env!("CARGO_TARGET_TMPDIR") };
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    tempfile::Builder::new().prefix("palisade-test-").permissions(mode).tempdir_in(above).unwrap()
}

/// A user that no machine has.
pub(crate) const NOBODY: u32 = 47_110;

/// Makes a state directory for that user, whom root then runs the server as, and lets this user read a file of root's.
pub(crate) fn state_of_nobody(state: &Path, readable: Option<&Path>) {
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(state).unwrap();
    mode(state, 0o700);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(state, Some(NOBODY), Some(NOBODY)).unwrap();
        if let Some(file) = readable {
            std::os::unix::fs::chown(file, Some(0), Some(NOBODY)).unwrap();
            mode(file, 0o640);
        }
    }
}

/// Where a server's log goes.
pub(crate) enum Log {
    /// Into a file that is shown when the test fails.
    Kept(File),
    /// Elsewhere.
    To(Stdio),
}

impl Log {
    /// One that is kept.
    pub(crate) fn kept() -> Self {
        Self::Kept(tempfile::tempfile().unwrap())
    }

    /// Where its process writes.
    fn stdio(&mut self) -> Stdio {
        match self {
            Self::Kept(file) => file.try_clone().unwrap().into(),
            Self::To(place) => std::mem::replace(place, Stdio::null()),
        }
    }

    /// Its last lines, once the process writes no more.
    fn tail(&mut self) -> String {
        const SHOWN: u64 = 16 * 1024;
        let Self::Kept(file) = self else { return String::new() };
        let from = file.metadata().unwrap().len().saturating_sub(SHOWN);
        file.seek(SeekFrom::Start(from)).unwrap();
        let mut end = Vec::new();
        file.take(SHOWN).read_to_end(&mut end).unwrap();
        String::from_utf8_lossy(&end).into_owned()
    }
}

/// An answer of the API.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body, null when it is no JSON.
    pub(crate) body: Value,
    /// Headers and body.
    pub(crate) text: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.text.split("\r\n\r\n").next()?;
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
    }
}

impl Running {
    /// `palisade up` with a state directory of its own.
    pub(crate) fn up() -> Self {
        Self::up_with(&[])
    }

    /// The same with settings.
    pub(crate) fn up_with(environment: &[(&str, &str)]) -> Self {
        let directory = place();
        let mut running = Self::start(&directory.path().join("state"), &["up"], environment);
        running._directory = Some(directory);
        running
    }

    /// Starts it on a state directory that the caller keeps.
    pub(crate) fn start(state: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_logging(state, arguments, environment, Log::kept())
    }

    /// The same with another place for its log.
    pub(crate) fn start_logging(
        state: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: Log,
    ) -> Self {
        Self::start_at(free_port(), state, arguments, environment, log)
    }

    /// The same at a port that others know.
    pub(crate) fn start_at(
        port: u16,
        state: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        mut log: Log,
    ) -> Self {
        let metrics = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command
            .args(arguments)
            .env("PALISADE_SERVER_LISTEN", format!("127.0.0.1:{port}"))
            .env("PALISADE_SERVER_METRICS_LISTEN", format!("127.0.0.1:{metrics}"))
            .env("PALISADE_SERVER_STATE_DIR", state)
            .env("PALISADE_LOG_LEVEL", "warn")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.stdio());
        let child = command.spawn().unwrap();
        let state = state.to_owned();
        let mut running = Self { child, welcome: String::new(), state, port, metrics, log, _directory: None };
        running.welcome = said(&mut running.child);
        until_listening(([127, 0, 0, 1], port).into());
        running
    }

    /// The set-up code that it printed.
    pub(crate) fn set_up_code(&self) -> String {
        std::fs::read_to_string(self.state.join("set-up-code")).unwrap().trim().to_owned()
    }

    /// The address of a page or route.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Asks it with `curl`, which trusts its authority and nobody else.
    pub(crate) fn ask(&self, method: &str, path: &str, arguments: &[&str]) -> Answer {
        let done = Command::new("/usr/bin/curl")
            .args(["--silent", "--show-error", "--include", "--max-time", "60", "--request", method])
            .arg("--cacert")
            .arg(self.state.join("ca.pem"))
            .args(arguments)
            .arg(self.url(path))
            .output()
            .unwrap_or_else(|error| panic!("curl cannot be started: {error}; see `cargo xtask setup`"));
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Answer { status, body: serde_json::from_str(body).unwrap_or(Value::Null), text }
    }

    /// Sends JSON.
    pub(crate) fn send(&self, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
        let cookie = format!("cookie: {cookie}");
        let body = body.to_string();
        self.ask(
            method,
            path,
            &["--header", "content-type: application/json", "--header", &cookie, "--data", &body],
        )
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it while others still ask it.
    pub(crate) fn kill_now(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has; whether it ended well.
    pub(crate) fn end(mut self) -> bool {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            println!("the log of {}:\n{}", self.url(""), self.log.tail());
        }
    }
}

/// What it says until its last line.
fn said(child: &mut Child) -> String {
    let out = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            text.push_str(&line);
            text.push('\n');
            if line.starts_with("Ctrl-C") {
                // Nobody waits any more when it took too long.
                drop(sender.send(text.clone()));
            }
        }
    });
    receiver
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("it did not get ready; its log is shown with this"))
}
