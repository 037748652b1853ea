//! The one connection to a target: OpenSSH's client as the master of a control socket, and what ends it.
//!
//! A small shell stands between Palisade and `ssh`: when Palisade ends in whatever way, the pipe that the shell reads
//! closes, and it ends the connection and removes the folder of the sockets; it does the same when it is told to end itself.
//! It runs a fixed text; nothing is put into it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::mux::Mux;
use super::{Destination, OpenError, refused};

/// `$1` is the folder; what follows is the command line of `ssh`. Reading ends when Palisade does.
const KEEPER: &str = r#"
folder=$1; shift
mkdir -m 700 -- "$folder" || exit
exec 3<&0 < /dev/null
"$@" 3<&- &
ssh=$!
end() { trap '' HUP INT TERM; kill "$ssh"; wait "$ssh"; rm -rf -- "$folder"; exit; }
trap end HUP INT TERM
exec 2> /dev/null
read -r _ <&3
end
"#;

/// What of the connection is decided here, whatever the user's own settings say.
const OPTIONS: &[&str] = &[
    "ControlPersist=no",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "NoHostAuthenticationForLocalhost=no",
    "ConnectTimeout=10",
    "ConnectionAttempts=1",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "Tunnel=no",
    "AddKeysToAgent=no",
    "EscapeChar=none",
    "LogLevel=INFO",
    "StreamLocalBindMask=0177",
];

/// The longest that connecting and logging in may take: `ConnectTimeout` bounds only the first step of it.
const OPENING: Duration = Duration::from_secs(30);

/// How long between two looks for the control socket.
const LOOK: Duration = Duration::from_millis(2);

/// How long the end of the connection may take before it is made.
const ENDING: Duration = Duration::from_secs(2);

/// What is kept of what `ssh` says: a banner may be long, the reason comes last.
const SAID: usize = 16 << 10;

/// A connection that is logged in, until it is dropped.
#[derive(Debug)]
pub(super) struct Master {
    keeper: Child,
    /// Closing it tells the keeper to end the connection.
    leash: Option<ChildStdin>,
    folder: PathBuf,
    said: Arc<Said>,
    mux: Mux,
}

/// What `ssh` says on standard error.
#[derive(Debug, Default)]
pub(super) struct Said {
    heard: Mutex<Heard>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// How many bytes were there before the first of `bytes`.
    before: usize,
    ended: bool,
}

impl Said {
    fn locked(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the next byte will stand.
    pub(super) fn place(&self) -> usize {
        let heard = self.locked();
        heard.before + heard.bytes.len()
    }

    /// What was said since then.
    pub(super) fn since(&self, place: usize) -> String {
        let heard = self.locked();
        let known = heard.bytes.get(place.saturating_sub(heard.before)..).unwrap_or_default();
        String::from_utf8_lossy(known).into_owned()
    }

    /// Whether `ssh` has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.locked().ended
    }

    /// Waits until `ssh` has said the last of it.
    fn wait(&self, limit: Duration) {
        let heard = self.locked();
        drop(self.ended.wait_timeout_while(heard, limit, |heard| !heard.ended));
    }

    fn listen(self: &Arc<Self>, mut pipe: impl Read + Send + 'static) {
        let said = Arc::clone(self);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let count = match pipe.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Ok(count) if count > 0 => count,
                    _ => break,
                };
                let mut heard = said.locked();
                heard.bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                let surplus = heard.bytes.len().saturating_sub(SAID);
                heard.bytes.drain(..surplus);
                heard.before += surplus;
            }
            said.locked().ended = true;
            said.ended.notify_all();
        });
    }
}

impl Master {
    /// Connects and logs in.
    #[expect(clippy::disallowed_methods, reason = "the one place where the SSH client starts")]
    pub(super) fn open(to: &Destination, identity: Option<&Path>) -> Result<Self, OpenError> {
        if let Some(file) = identity
            && let Err(error) = std::fs::metadata(file)
        {
            return Err(OpenError::Identity { file: file.to_owned(), message: error.to_string() });
        }
        let folder = new_folder();
        let socket = folder.join("control");
        let spawned = Command::new("/bin/sh")
            .args(["-c", KEEPER, "palisade-ssh"])
            .arg(&folder)
            .args(arguments(to, identity, &socket))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for Palisade; the keeper follows when that has ended.
            .process_group(0)
            .spawn();
        let mut keeper = spawned.map_err(|error| OpenError::Client { message: error.to_string() })?;
        let said = Arc::new(Said::default());
        if let Some(pipe) = keeper.stderr.take() {
            said.listen(pipe);
        }
        let leash = keeper.stdin.take();
        let master = Self { keeper, leash, folder, said, mux: Mux::new(socket) };
        master.wait_until_open(to)?;
        Ok(master)
    }

    fn wait_until_open(&self, to: &Destination) -> Result<(), OpenError> {
        let deadline = Instant::now() + OPENING;
        loop {
            // The socket is there once the server has let us in. In a folder that somebody else put there it is not ours.
            if is_ours(&self.folder) && self.mux.open(deadline).is_ok() {
                return Ok(());
            }
            if self.said.has_ended() {
                return Err(refused::why(to, &self.said.since(0)));
            }
            if Instant::now() >= deadline {
                return Err(OpenError::TimedOut { target: to.to_string(), limit: OPENING });
            }
            thread::sleep(LOOK);
        }
    }

    pub(super) fn mux(&self) -> &Mux {
        &self.mux
    }

    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    /// A name for another socket in the connection's own folder, which nobody else may enter.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        drop(self.leash.take());
        let deadline = Instant::now() + ENDING;
        while matches!(self.keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        if let Ok(None) = self.keeper.try_wait()
            && let Some(group) = i32::try_from(self.keeper.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ended_by_itself = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            drop(self.keeper.wait());
        }
        self.said.wait(LOOK);
        remove(&self.folder);
    }
}

/// The command line of `ssh`.
fn arguments(to: &Destination, identity: Option<&Path>, socket: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["ssh", "-M", "-N", "-T", "-S"].map(OsString::from).into();
    arguments.push(socket.into());
    for option in OPTIONS {
        arguments.extend(["-o".into(), (*option).into()]);
    }
    if let Some(identity) = identity {
        // `ssh` gives `%` a meaning.
        let file = identity.to_string_lossy().replace('%', "%%");
        arguments.extend(["-i".into(), file.into(), "-o".into(), "IdentitiesOnly=yes".into()]);
    }
    if let Some(user) = to.user() {
        arguments.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = to.port() {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    arguments.extend(["--".into(), to.host().into()]);
    arguments
}

/// A name for a folder that only this user may enter. It is short: the path of a socket has 107 bytes at most. The keeper
/// makes it, and refuses one that is there, so that none is ever left without somebody to remove it.
fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Process numbers come again; a folder that a crash of the machine left must not be in the way.
    let time = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_micros());
    PathBuf::from(format!("/tmp/palisade-{}-{number}-{time:x}", std::process::id()))
}

/// Whether the folder is this user's, and nobody else may enter it: `/tmp` then keeps others from replacing it.
fn is_ours(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|found| {
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0
    })
}

fn remove(folder: &Path) {
    // The keeper has removed it already when all went well.
    if is_ours(folder) {
        drop(std::fs::remove_dir_all(folder));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test starts the keeper with another program")]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_folder_that_nobody_else_may_enter_is_ours() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("folder");
        assert!(!is_ours(&folder));
        fs::create_dir(&folder).unwrap();
        for (mode, ours) in [(0o700, true), (0o755, false), (0o710, false)] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&folder), ours, "{mode:o}");
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let link = parent.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(!is_ours(&link));
    }

    #[test]
    fn a_keeper_that_is_told_to_end_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("folder");
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .args(["/bin/sh", "-c", "exec 2>&-; exec sleep 60"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Both have closed it when the keeper waits.
        keeper.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(is_ours(&folder));
        let id = rustix::process::Pid::from_raw(i32::try_from(keeper.id()).unwrap()).unwrap();
        let begun = Instant::now();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        keeper.wait().unwrap();
        assert!(!folder.exists() && begun.elapsed() < Duration::from_secs(30));
    }
}
