//! A host of its own on this machine that is reached over SSH, and only from its own network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::PrivateHost;
use crate::wait::until;

/// The user that is not root.
pub const USER: &str = "ann";

const PATIENCE: Duration = Duration::from_secs(20);

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n\
                      ann:x:1000:1000::/home/ann:/bin/sh\n";
const SHADOW: &str = "root:*:20000::::::\nsshd:!:20000::::::\nann:*:20000:0:99999:7:::\n";
const PAM: &str = "auth required pam_deny.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
const SERVER: &str = "HostKey /etc/ssh/host_key\nAuthorizedKeysFile /etc/ssh/keys\nUsePAM no\nLogLevel VERBOSE\n\
                      PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";
/// As distributions ship it.
pub const SUBSYSTEM: &str = "Subsystem sftp /usr/lib/openssh/sftp-server\n";

/// Takes the configuration of the SSH client away from this machine's, then becomes the program.
const CLIENT: &str = "mount --bind \"$1\" /etc/ssh/ssh_config; shift; exec \"$@\"";

/// A host with an SSH server; root and [`USER`] may log in with one key. Needs root.
pub struct SshHost {
    host: PrivateHost,
    /// What the client side needs: its key, known hosts and settings.
    folder: TempDir,
}

impl SshHost {
    /// Starts a host. `server` is added to its `sshd_config`, `sudoers` are its rules of sudo; `programs` are files of this
    /// machine that stand in it too, `files` are more files (path, content, mode).
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(server: &str, sudoers: &str, programs: &[(&Path, &str)], files: &[(&str, &str, u32)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["host", "user", "other"] {
            make_key(&folder.path().join(name));
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let config = format!("{SERVER}{server}");
        let sudoers = format!("Defaults env_reset\n{sudoers}\n");
        let (host_key, keys) = (read("host"), read("user.pub"));
        let mut all = vec![
            ("/etc/passwd", PASSWD, 0o644),
            ("/etc/group", "root:x:0:\nnogroup:x:65534:\nann:x:1000:\n", 0o644),
            ("/etc/shadow", SHADOW, 0o600),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0o644),
            ("/etc/os-release", "ID=debian\nVERSION_ID=12\n", 0o644),
            ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444),
            ("/etc/pam.d/sudo", PAM, 0o644),
            ("/etc/pam.d/other", PAM, 0o644),
            ("/etc/sudoers", &sudoers, 0o440),
            ("/etc/ssh/sshd_config", &config, 0o644),
            ("/etc/ssh/host_key", &host_key, 0o600),
            ("/etc/ssh/keys", &keys, 0o644),
        ];
        all.extend(files);
        let host = PrivateHost::start(&all, programs);
        host.must("mkdir -p /run/sshd /var/log /home/ann && chown 1000:1000 /home/ann && chmod 700 /home/ann");
        host.must("/usr/sbin/sshd -E /var/log/sshd.log");
        let ssh = Self { host, folder };
        ssh.trust(&ssh.public("host"));
        until(PATIENCE, || {
            let log = ssh.log();
            if log.contains("Server listening") { Ok(()) } else { Err(format!("sshd does not listen: {log}")) }
        });
        ssh
    }

    /// The host itself.
    pub fn host(&self) -> &PrivateHost {
        &self.host
    }

    /// What sshd has logged.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.host.path("/var/log/sshd.log")).unwrap()
    }

    /// A file of the client's side: `user` is the key that opens, `other` one that does not.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The public key of `name`.
    ///
    /// # Panics
    /// When there is none.
    pub fn public(&self, name: &str) -> String {
        fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap()
    }

    /// From now on the client takes this key, and no other, for the host's; an empty one makes the host unknown.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn trust(&self, public_key: &str) {
        let line = if public_key.is_empty() { String::new() } else { format!("127.0.0.1 {public_key}") };
        fs::write(self.file("known_hosts"), line).unwrap();
        self.settings("");
    }

    /// More settings of the client.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn settings(&self, more: &str) {
        let text = format!("{more}\nUserKnownHostsFile {}\n", self.file("known_hosts").display());
        fs::write(self.file("ssh_config"), text).unwrap();
        fs::write(self.file("credentials.yaml"), "identity: user\n").unwrap();
    }

    /// A program of this machine, run where the host is the only thing on the network. Its process number is that of the
    /// started command.
    pub fn beside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.host.pid()))
            .args(["--", "unshare", "--mount", "--propagation", "private", "--", "sh", "-c", CLIENT, "sh"])
            .arg(self.file("ssh_config"))
            .arg(program)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }
}

/// Makes a key pair without a passphrase.
fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(made.expect("ssh-keygen (package openssh-client)").success(), "ssh-keygen makes a key");
}
