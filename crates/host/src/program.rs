//! Programs that may be run on a target, and how they are run: no shell, no input, bounded time and output.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// A program by its name and the absolute paths where it may stand, in order of preference.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// What people call it.
    pub name: &'static str,
    /// Where it may stand.
    pub paths: &'static [&'static str],
}

impl Program {
    /// Program and arguments in one line, for traces and messages.
    pub fn command_line(&self, args: &[&str]) -> String {
        std::iter::once(self.name).chain(args.iter().copied()).collect::<Vec<_>>().join(" ")
    }
}

/// The fixed list. A program is here because it is the authority on something that files alone do not tell.
pub mod programs {
    use super::Program;

    macro_rules! programs {
        ($($(#[$doc:meta])* $constant:ident = $name:literal in $($path:literal),+;)+) => {
            $($(#[$doc])* pub const $constant: Program = Program { name: $name, paths: &[$($path),+] };)+
            /// Every program that may be run.
            pub const ALL: &[&Program] = &[$(&$constant),+];
        };
    }

    programs! {
        /// Effective settings of the SSH server.
        SSHD = "sshd" in "/usr/sbin/sshd", "/usr/local/sbin/sshd";
        /// Kernel audit state and loaded rules.
        AUDITCTL = "auditctl" in "/usr/sbin/auditctl", "/sbin/auditctl";
        /// The nftables rule set.
        NFT = "nft" in "/usr/sbin/nft", "/sbin/nft";
        /// The iptables rule set, whichever back end.
        IPTABLES_SAVE = "iptables-save" in "/usr/sbin/iptables-save", "/sbin/iptables-save";
        /// The same for IPv6.
        IP6TABLES_SAVE = "ip6tables-save" in "/usr/sbin/ip6tables-save", "/sbin/ip6tables-save";
        /// The rule set of the older back end, where the newer one is the default.
        IPTABLES_LEGACY_SAVE = "iptables-legacy-save" in "/usr/sbin/iptables-legacy-save";
        /// The same for IPv6.
        IP6TABLES_LEGACY_SAVE = "ip6tables-legacy-save" in "/usr/sbin/ip6tables-legacy-save";
        /// State of a running chronyd.
        CHRONYC = "chronyc" in "/usr/bin/chronyc";
        /// State of a running ntpd.
        NTPQ = "ntpq" in "/usr/bin/ntpq", "/usr/sbin/ntpq";
        /// State of a running ptp4l.
        PMC = "pmc" in "/usr/sbin/pmc";
        /// systemd's clock state.
        TIMEDATECTL = "timedatectl" in "/usr/bin/timedatectl";
        /// systemd's units.
        SYSTEMCTL = "systemctl" in "/usr/bin/systemctl", "/bin/systemctl";
        /// Tells a service to read its settings again, where no service manager runs.
        KILL = "kill" in "/usr/bin/kill", "/bin/kill";
        /// Checks the rules of sudo.
        VISUDO = "visudo" in "/usr/sbin/visudo";
        /// Unloads kernel modules that must not be there, and loads them again.
        MODPROBE = "modprobe" in "/usr/sbin/modprobe", "/sbin/modprobe";
        /// Changes the options of a mount.
        MOUNT = "mount" in "/usr/bin/mount", "/bin/mount";
        /// Checks chrony's settings.
        CHRONYD = "chronyd" in "/usr/sbin/chronyd", "/usr/local/sbin/chronyd";
        /// Checks rsyslog's settings.
        RSYSLOGD = "rsyslogd" in "/usr/sbin/rsyslogd";
        /// Checks logrotate's settings.
        LOGROTATE = "logrotate" in "/usr/sbin/logrotate", "/usr/bin/logrotate";
        /// Checks apt's settings.
        APT_CONFIG = "apt-config" in "/usr/bin/apt-config";
        /// Starts the containers of a project as its files describe them.
        COMPOSE = "docker-compose" in
            "/usr/libexec/docker/cli-plugins/docker-compose",
            "/usr/lib/docker/cli-plugins/docker-compose",
            "/usr/local/libexec/docker/cli-plugins/docker-compose",
            "/usr/local/lib/docker/cli-plugins/docker-compose",
            "/root/.docker/cli-plugins/docker-compose",
            "/usr/bin/docker-compose",
            "/usr/local/bin/docker-compose";
        /// Leads to the engine's socket over SSH, where only root may enter it.
        DOCKER = "docker" in "/usr/bin/docker", "/usr/local/bin/docker";
        /// The Docker engine: checks its settings.
        DOCKERD = "dockerd" in "/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd";
        /// Checks the configuration of nginx.
        NGINX = "nginx" in "/usr/sbin/nginx", "/usr/local/sbin/nginx";
        /// Checks the configuration of Apache, with the environment that Debian gives it.
        APACHE2CTL = "apache2ctl" in "/usr/sbin/apache2ctl";
        /// Checks the configuration of Apache elsewhere.
        HTTPD = "httpd" in "/usr/sbin/httpd";
        /// Checks the configuration of MariaDB.
        MARIADBD = "mariadbd" in "/usr/sbin/mariadbd", "/usr/libexec/mariadbd";
        /// Starts the process that takes back what nobody confirmed, outside of the operator's session.
        SYSTEMD_RUN = "systemd-run" in "/usr/bin/systemd-run";
        /// Makes the account that the Management System runs as.
        USERADD = "useradd" in "/usr/sbin/useradd", "/sbin/useradd";
        /// State of Microsoft Defender.
        MDATP = "mdatp" in "/usr/bin/mdatp", "/opt/microsoft/mdatp/sbin/wdavdaemonclient";
        /// State of CrowdStrike Falcon.
        FALCONCTL = "falconctl" in "/opt/CrowdStrike/falconctl";
    }
}

/// What a program left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text, when the program succeeded.
    ///
    /// # Errors
    /// `Failed` with the first line of standard error.
    pub fn success(self, program: &Program, args: &[&str]) -> Result<String, Error> {
        if self.status == Some(0) {
            return Ok(String::from_utf8_lossy(&self.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&self.stderr);
        let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        Err(Error::Failed {
            program: program.command_line(args),
            status: self.status.map_or("a signal".to_owned(), |code| format!("status {code}")),
            message: said.trim().chars().take(200).collect(),
        })
    }
}

/// Runs `path` with `args` as its own process group, and ends the whole group at the limit.
#[expect(clippy::disallowed_methods, reason = "the one place where programs start")]
pub(crate) fn run(path: &str, name: &str, args: &[&str], limit: Duration, cap: usize) -> Result<Output, Error> {
    let deadline = Instant::now() + limit;
    let mut child = Command::new(path)
        .args(args)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| Error::io(path, &error))?;
    let (sender, receiver) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    for (index, pipe) in readers.into_iter().enumerate() {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.map_or(Ok(0), |pipe| pipe.take(cap as u64 + 1).read_to_end(&mut bytes));
            // The receiver is gone when the limit has passed: nobody waits for this any more.
            drop(sender.send((index, read.map(|_| bytes))));
        });
    }
    drop(sender);
    let mut pipes = [Vec::new(), Vec::new()];
    for _ in 0..pipes.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((index, read)) = receiver.recv_timeout(left) else {
            end(&mut child);
            return Err(Error::TimedOut { what: name.to_owned(), limit });
        };
        let bytes = read.map_err(|error| Error::io(name, &error))?;
        if bytes.len() > cap {
            end(&mut child);
            return Err(Error::TooLarge { what: format!("what {name} prints"), limit: cap });
        }
        if let Some(slot) = pipes.get_mut(index) {
            *slot = bytes;
        }
    }
    let status = wait(&mut child, deadline).ok_or_else(|| {
        end(&mut child);
        Error::TimedOut { what: name.to_owned(), limit }
    })?;
    let [stdout, stderr] = pipes;
    Ok(Output { status, stdout, stderr })
}

/// The exit status once the process has ended; none at the deadline. Its pipes are closed already, so this is short.
fn wait(child: &mut Child, deadline: Instant) -> Option<Option<i32>> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.signal().is_some() => return Some(None),
            Ok(Some(status)) => return Some(status.code()),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_micros(200)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends the process group and collects the child.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ended_by_itself = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let before = Instant::now();
        let error =
            run("/bin/sh", "sh", &["-c", "sleep 60 & sleep 60"], Duration::from_millis(200), 100).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(before.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_prints_too_much_is_cut_off() {
        let error = run("/bin/sh", "sh", &["-c", "yes"], Duration::from_secs(5), 1000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }

    #[test]
    fn the_environment_is_not_inherited() {
        let output = run("/usr/bin/env", "env", &[], Duration::from_secs(5), 1000).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
    }
}
