//! A real PostgreSQL with a data directory and port of its own, shared by the tests of a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::wait::until;

/// How long it may take to answer, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The account that may run it: it refuses to run as root.
const ACCOUNT: &str = "postgres";

/// A running PostgreSQL that trusts the loopback address, ended when dropped and when this process ends.
#[derive(Debug)]
pub struct Postgres {
    child: Mutex<Child>,
    directory: TempDir,
    programs: PathBuf,
    port: u16,
    made: AtomicU32,
}

impl Postgres {
    /// The one that all tests of this process share; started by the first.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one.
    pub fn start() -> Self {
        let programs = programs();
        let directory = own_folder();
        let data = directory.path().join("data");
        run(Command::new("/bin/chown").args([ACCOUNT, &directory.path().display().to_string()]));
        run(as_account(&programs.join("initdb")).args([
            "--pgdata",
            &data.display().to_string(),
            "--username",
            ACCOUNT,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        ]));
        let port = free_port();
        let mut command = as_account(&programs.join("postgres"));
        let data = data.display().to_string();
        command.args(["-D", &data, "-p", &port.to_string()]);
        for setting in [
            format!("unix_socket_directories={data}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=400".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        let child = spawned(command);
        let server = Self { child: Mutex::new(child), directory, programs, port, made: AtomicU32::new(0) };
        until(PATIENCE, || server.sql("postgres", "select 1"));
        server
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}")).unwrap();
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/{name}", self.port)
    }

    /// Its port of the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data stand.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn sql(&self, database: &str, text: &str) -> Result<(), String> {
        let done = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ACCOUNT, "-d", database, "-c", text])
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("psql cannot be started: {error}; see `cargo xtask setup`"));
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        drop(child.kill());
        drop(child.wait());
    }
}

/// What the folders begin with; the number of the process follows.
const FOLDER: &str = "palisade-postgres-";

/// A folder for its data. Those of processes that have ended go: what a process shares to its end nobody removes in it.
fn own_folder() -> TempDir {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    tempfile::Builder::new().prefix(&format!("{FOLDER}{}-", std::process::id())).tempdir().unwrap()
}

/// Where Debian keeps the server's programs, of the newest version.
fn programs() -> PathBuf {
    let root = Path::new("/usr/lib/postgresql");
    let newest = fs::read_dir(root)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}; see `cargo xtask setup`", root.display()))
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("a version of PostgreSQL");
    root.join(newest.to_string()).join("bin")
}

/// `program` as the account, ended with the thread that starts it.
fn as_account(program: &Path) -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    command
        .args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups", "--pdeathsig", "KILL", "--"])
        .arg(program)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

/// Starts it from a thread that lasts as long as the process: the death signal comes with the end of the thread.
fn spawned(mut command: Command) -> Child {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        sender.send(command.spawn().unwrap()).unwrap();
        loop {
            thread::park();
        }
    });
    receiver.recv().unwrap()
}
