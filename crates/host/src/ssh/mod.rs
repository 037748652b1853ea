//! A host over SSH with nothing installed on it, by this machine's OpenSSH client: one connection and one login, on which
//! files come by SFTP, programs run in sessions of their own, and connections go through the server.

mod connect;
mod destination;
mod file;
mod files;
mod link;
mod master;
mod mux;
mod programs;
mod refused;
mod sftp;
mod shell;
mod walk;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::files::RemoteFiles;
use self::link::{Link, Way};
use self::master::Master;
use self::programs::{Programs, Rights};
use self::sftp::{PATIENCE, Reply, Request, Sftp};
use crate::door::{Backend, FileTree};
use crate::program::{Output, Program};
use crate::{Address, Error, Stream};

pub use destination::Destination;
pub use refused::OpenError;

/// Where OpenSSH's server of files stands: Debian, Fedora, Alpine and Arch, Gentoo.
const SFTP_SERVERS: &[&str] = &[
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib64/misc/sftp-server",
];

/// A server that does many things at once answers later than it answered the first question.
const BUSY: Duration = Duration::from_millis(2);

/// The most that is waited longer for a word of a connection.
const WORD: Duration = Duration::from_secs(2);

/// Where `sudo` stands.
const SUDOS: &[&str] = &["/usr/bin/sudo", "/usr/local/bin/sudo", "/run/wrappers/bin/sudo"];

/// A running host, reached over SSH.
#[derive(Debug)]
pub struct Ssh {
    files: RemoteFiles,
    programs: Programs,
    link: Arc<Link>,
}

impl Ssh {
    /// Logs in, and finds out with which rights. `identity` is the file of a private key.
    ///
    /// # Errors
    /// Why we are not let in, with the target's name and what to do.
    pub fn open(to: &Destination, identity: Option<&Path>) -> Result<Self, OpenError> {
        let link = Arc::new(Link::new(Master::open(to, identity)?, to.to_string()));
        let (sftp, way) = own_files(&link)?;
        let (sftp, way, rights) = if runs_as_root(&sftp) {
            (sftp, way, Rights::Own { root: true })
        } else if let Some((root, way, sudo)) = files_of_root(&link, &sftp) {
            (root, way, Rights::Sudo(sudo))
        } else {
            (sftp, way, Rights::Own { root: false })
        };
        let asked = Instant::now();
        let root = sftp.call("/", Request::Stat { path: b"/", follow: true });
        let message = match root {
            Ok(Reply::Attributes(attributes)) if attributes.mode.is_some() => None,
            Ok(Reply::Attributes(_)) => Some(sftp::UNTOLD.to_owned()),
            Ok(other) => Some(other.error("/").to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(message) = message {
            return Err(OpenError::NoFiles { target: to.to_string(), message });
        }
        let files = RemoteFiles::new(Arc::clone(&link), Arc::new(sftp), way, asked.elapsed());
        Ok(Self { files, programs: Programs::new(rights), link })
    }

    /// What distance adds to the wait for each word of a connection.
    fn slack(&self) -> Duration {
        (self.delay() * 1_000).min(WORD)
    }
}

/// A server of files with the rights of the user that is logged in. Where sshd offers none, the program itself is tried,
/// unless that took so long that a host which does not answer would be waited for again and again.
fn own_files(link: &Link) -> Result<(Sftp, Way), OpenError> {
    let begun = Instant::now();
    let first = match link.sftp(&Way::Subsystem) {
        Ok(sftp) => return Ok((sftp, Way::Subsystem)),
        Err(message) => message,
    };
    for server in SFTP_SERVERS {
        if link.master().said().has_ended() || begun.elapsed() >= PATIENCE {
            break;
        }
        let way = Way::Words(vec![(*server).to_owned(), "-R".to_owned()]);
        if let Ok(sftp) = link.sftp(&way) {
            return Ok((sftp, way));
        }
    }
    Err(OpenError::NoFiles { target: link.target().to_owned(), message: first })
}

/// A read-only server of files with root's rights, when `sudo` gives them without a password; and that `sudo`.
fn files_of_root(link: &Link, own: &Sftp) -> Option<(Sftp, Way, String)> {
    // What runs as root must be root's.
    let is_roots = |path: &&str| {
        let request = Request::Stat { path: path.as_bytes(), follow: true };
        matches!(own.call(path, request), Ok(Reply::Attributes(attributes))
            if attributes.uid == 0 && attributes.mode.is_some_and(|mode| mode & 0o022 == 0))
    };
    let sudo = *SUDOS.iter().find(|path| is_roots(path))?;
    let server = *SFTP_SERVERS.iter().find(|path| is_roots(path))?;
    let way = Way::Words([sudo, "-n", "--", server, "-R"].map(str::to_owned).into());
    let sftp = link.sftp(&way).ok()?;
    runs_as_root(&sftp).then(|| (sftp, way, sudo.to_owned()))
}

/// Whether the server of files itself runs as root, as the kernel says of it.
fn runs_as_root(sftp: &Sftp) -> bool {
    const STATUS: &str = "/proc/self/status";
    let Ok(Reply::Handle(handle)) = sftp.call(STATUS, Request::Open(STATUS.as_bytes())) else { return false };
    let read = sftp.call(STATUS, Request::Read(&handle, 0));
    sftp.close(&handle);
    let Ok(Reply::Data(data)) = read else { return false };
    let text = String::from_utf8_lossy(&data);
    // `Uid:` real, effective, saved, file system.
    let ids = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

impl Backend for Ssh {
    fn is_live(&self) -> bool {
        true
    }

    fn is_root(&self) -> bool {
        self.programs.rights().are_root()
    }

    fn rights_wanted(&self) -> &'static str {
        "run as root (log in as root, or let this user run `sudo -n`)"
    }

    fn delay(&self) -> Duration {
        self.files.round_trip().max(BUSY)
    }

    fn files(&self) -> &dyn FileTree {
        &self.files
    }

    fn run(&self, program: &Program, args: &[&str], limit: Duration, output: usize) -> Result<Output, Error> {
        self.programs.run(&self.link, &self.files, program, args, limit, output)
    }

    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        match address {
            Address::Tcp(address) => connect::tcp(&self.link, *address, limit, self.slack()),
            Address::Unix(path) => connect::unix(self, path, limit),
        }
    }
}

#[doc(hidden)]
pub mod parsers {
    //! What fuzz targets feed: the parts that read what a server says.

    /// Takes an answer of an SFTP server apart.
    pub fn sftp_reply(bytes: &[u8]) {
        drop(super::sftp::reply(bytes));
    }

    /// Reads a destination.
    pub fn destination(text: &str) {
        drop(text.parse::<super::Destination>());
    }
}
