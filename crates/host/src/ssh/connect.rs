//! Connections from the target's own point of view, through the SSH server.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Ssh;
use super::link::{Ends, Link};
use super::mux::{MuxError, Run, Session};
use super::programs::{self, Rights};
use super::refused::short;
use super::sftp::{Until, skip};
use super::shell;
use crate::door::{FileKind, FileTree};
use crate::program::programs as list;
use crate::{Error, Stream};

/// More bytes than a table of sockets has: whoever makes so many hides none of the others.
const TABLE: u64 = 16 << 20;

/// Two one-way sockets and the session behind them: when the target closes its side, reading ends.
struct Through {
    to: UnixStream,
    from: UnixStream,
    /// What distance adds to every limit.
    slack: Duration,
    _session: Option<Session>,
}

impl Read for Through {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer)
    }
}

impl Write for Through {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.to.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Stream for Through {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.from.set_read_timeout(Some(limit + self.slack))?;
        self.to.set_write_timeout(Some(limit + self.slack))
    }
}

/// Connects to a TCP port.
pub(super) fn tcp(
    link: &Link,
    address: SocketAddr,
    limit: Duration,
    slack: Duration,
) -> Result<Box<dyn Stream>, Error> {
    let what = format!("tcp {address}");
    let deadline = Instant::now() + limit;
    let place = link.master().said().place();
    let open = || -> Result<Through, MuxError> {
        let (to, theirs_in) = UnixStream::pair()?;
        let (from, theirs_out) = UnixStream::pair()?;
        let ends = [theirs_in.as_fd(), theirs_out.as_fd()];
        let host = address.ip().to_string();
        let session = link.master().mux().connect(&host, address.port(), ends, deadline)?;
        Ok(Through { to, from, slack, _session: Some(session) })
    };
    let mut stream = open().map_err(|error| refused(link, &what, place, limit, error))?;
    stream.set_limit(limit).map_err(|error| Error::io(what, &error))?;
    Ok(Box::new(stream))
}

/// Connects to a UNIX socket. The SSH server does so with the rights of the user that is logged in, if it does at all: to
/// Docker's socket the engine's own client leads as well.
pub(super) fn unix(ssh: &Ssh, path: &Path, limit: Duration) -> Result<Box<dyn Stream>, Error> {
    let is_dockers = ["/run/docker.sock", "/var/run/docker.sock"].iter().any(|own| path == Path::new(own));
    match forwarded(ssh, path, limit) {
        Err(refused) if is_dockers && !refused.is_not_found() && ssh.programs.rights().are_root() => {
            match programs::find(&ssh.files, &list::DOCKER, true) {
                Ok(client) => docker(ssh, client, path, limit),
                Err(_) => Err(refused),
            }
        }
        other => other,
    }
}

fn forwarded(ssh: &Ssh, path: &Path, limit: Duration) -> Result<Box<dyn Stream>, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let what = format!("unix {}", path.display());
    let deadline = Instant::now() + limit;
    if ssh.files.stat(path, true)?.kind != FileKind::Socket {
        return Err(Error::NotFound(format!("a listener at {what}")));
    }
    let link = &ssh.link;
    let place = link.master().said().place();
    let local = link.place(&format!("{}.sock", NEXT.fetch_add(1, Ordering::Relaxed)));
    let forward = |wanted| link.master().mux().forward(&local, path, wanted, deadline);
    forward(true).map_err(|error| match refused(link, &what, place, limit, error) {
        // No socket here says nothing of the one there.
        error if error.is_not_found() => unconnected(&what),
        error => error,
    })?;
    let connected = UnixStream::connect(&local);
    // The connection stays when the forwarding goes; the socket's file is in a folder that goes with the SSH connection.
    // A socket that is gone here went with it: that, too, says nothing of the one there.
    let lost = |error: io::Error| Error::Io { what: what.clone(), message: error.to_string() };
    let through = connected.map_err(lost).and_then(|stream| {
        // Whether the target let us in is only known when our connection is closed again: two questions later at most.
        for _ in 0..2 {
            ssh.files.stat(Path::new("/"), false)?;
        }
        if is_closed(&stream) {
            let said = link.master().said().since(place);
            return Err(unix_meaning(&what, &said, || listens(&ssh.files, path)));
        }
        let failed = |error: io::Error| Error::io(what.clone(), &error);
        let from = stream.try_clone().map_err(failed)?;
        let mut through = Through { to: stream, from, slack: ssh.slack(), _session: None };
        through.set_limit(limit).map_err(failed)?;
        Ok(through)
    });
    drop(forward(false));
    through.map(|stream| Box::new(stream) as Box<dyn Stream>)
}

/// Connects to Docker's socket by the engine's own client, with root's rights.
fn docker(ssh: &Ssh, client: &str, path: &Path, limit: Duration) -> Result<Box<dyn Stream>, Error> {
    let what = format!("unix {}", path.display());
    let host = format!("unix://{}", path.display());
    let mut words = Vec::new();
    if let Rights::Sudo(sudo) = ssh.programs.rights() {
        words.extend([sudo.as_str(), "-n", "--"]);
    }
    words.extend([client, "--host", &host, "system", "dial-stdio"]);
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let deadline = Instant::now() + limit;
    let keep = |session: Session, ends: Ends| -> Result<Through, Error> {
        let Ends { input, output, errors: _ } = ends;
        let failed =
            |error: io::Error| Error::Denied(format!("{what} (by `docker system dial-stdio`: {error})"));
        // The shell begins with a line of its own.
        skip(&mut Until { stream: &output, deadline }, shell::MARK.as_bytes()).map_err(failed)?;
        let mut stream = Through { to: input, from: output, slack: ssh.slack(), _session: Some(session) };
        stream.set_limit(limit).map_err(failed)?;
        Ok(stream)
    };
    match ssh.link.with_session(Run::Command(&shell::line(&words)), deadline, keep) {
        Ok(stream) => stream.map(|stream| Box::new(stream) as Box<dyn Stream>),
        Err(error) => Err(Error::Io { what, message: error.to_string() }),
    }
}

/// Whether the other side has closed a connection on which it has not said anything.
fn is_closed(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut polled, Some(&now)).unwrap_or(0) > 0;
    ready && polled.iter().any(|polled| polled.revents().contains(PollFlags::HUP))
}

/// What a refused connection means, by what `ssh` said since `place`.
fn refused(link: &Link, what: &str, place: usize, limit: Duration, error: MuxError) -> Error {
    let gone = match error {
        MuxError::Gone(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Error::TimedOut { what: what.to_owned(), limit };
        }
        MuxError::Gone(error) => Some(error.to_string()),
        MuxError::Refused(_) => None,
    };
    if let Some(message) = gone {
        return Error::Io { what: what.to_owned(), message };
    }
    meaning(what, &link.master().said().since(place))
}

/// Other connections that failed at the same time are in `said` too: nobody listens only when all were told so.
fn meaning(what: &str, said: &str) -> Error {
    let has = |text: &str| said.contains(text);
    let mut failed = said.lines().filter(|line| line.contains("open failed: "));
    if has("administratively prohibited") || has("unknown channel type") {
        let message = "the SSH server forbids forwarding (AllowTcpForwarding, AllowStreamLocalForwarding, PermitOpen or \
                       DisableForwarding in its sshd_config, or `restrict` on the key)";
        return Error::Io { what: what.to_owned(), message: message.to_owned() };
    }
    if has("Connection refused") && failed.all(|line| line.contains("Connection refused")) {
        return Error::NotFound(format!("a listener at {what}"));
    }
    let line = said.lines().rev().find_map(|line| line.split_once("open failed: ")).map(|(_, why)| short(why));
    line.map_or_else(|| unconnected(what), |message| Error::Io { what: what.to_owned(), message })
}

/// Of UNIX sockets the server does not say why it could not connect.
fn unix_meaning(what: &str, said: &str, listens: impl FnOnce() -> Option<bool>) -> Error {
    let meant = meaning(what, said);
    if meant.to_string().contains("forbids forwarding") {
        return meant;
    }
    match listens() {
        Some(false) => Error::NotFound(format!("a listener at {what}")),
        Some(true) => Error::Denied(format!("{what} (for the user that is logged in)")),
        // What was refused then was another connection.
        None if meant.is_not_found() => unconnected(what),
        None => meant,
    }
}

fn unconnected(what: &str) -> Error {
    Error::Io { what: what.to_owned(), message: "the SSH server does not connect".to_owned() }
}

/// Whether somebody listens at a UNIX socket, by the kernel's table; none when that does not tell.
fn listens(files: &dyn FileTree, path: &Path) -> Option<bool> {
    let mut table = Vec::new();
    let file = files.open(Path::new("/proc/net/unix")).ok()?;
    file.take(TABLE).read_to_end(&mut table).ok()?;
    if table.len() as u64 == TABLE {
        return None;
    }
    let text = String::from_utf8_lossy(&table);
    let plain = |path: &str| {
        path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path).to_owned()
    };
    let wanted = plain(path.to_str()?);
    // Num RefCount Protocol Flags Type St Inode Path; who listens has the flag 0x10000.
    Some(text.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(3) == Some("00010000") && fields.nth(3).is_some_and(|path| plain(path) == wanted)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_forbids_forwarding_is_told_from_a_port_without_a_listener() {
        let error =
            meaning("tcp 127.0.0.1:1", "channel 3: open failed: administratively prohibited: open failed\r\n");
        assert!(error.to_string().contains("forbids forwarding"), "{error}");
        let error =
            meaning("tcp 127.0.0.1:1", "channel 3: open failed: connect failed: Connection refused\r\n");
        assert!(error.is_not_found(), "{error}");
        let error = meaning("tcp 127.0.0.1:1", "channel 3: open failed: connect failed: No route to host\r\n");
        assert!(error.to_string().ends_with("connect failed: No route to host"), "{error}");
        let failed = "channel 3: open failed: connect failed: open failed\r\n";
        assert!(unix_meaning("unix /run/x", failed, || Some(true)).is_denied());
        assert!(unix_meaning("unix /run/x", failed, || Some(false)).is_not_found());
        assert!(!unix_meaning("unix /run/x", failed, || None).is_not_found());
        let others = "channel 4: open failed: connect failed: Connection refused\r\n";
        assert!(!unix_meaning("unix /run/x", others, || None).is_not_found());
        let both = format!("{others}channel 3: open failed: connect failed: Connection timed out\r\n");
        assert!(!meaning("tcp 127.0.0.1:1", &both).is_not_found());
        let forbidden = "channel 3: open failed: administratively prohibited: open failed\r\n";
        assert!(!unix_meaning("unix /run/x", forbidden, || Some(false)).is_not_found());
    }
}
