//! A small Debian with systemd that really runs: built once by debootstrap, then started as a container.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::Engine;
use crate::wait::until;

/// What is installed besides the least that Debian needs. Another list needs another name of the archive.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,auditd,chrony,nftables,rsyslog,cron,procps,iproute2,sudo,\
                        ca-certificates";
const ARCHIVE: &str = "debian-1.tar";

const PATIENCE: Duration = Duration::from_secs(120);

/// The root as a tar archive in `target/test-roots`; made when it is not there, which takes a minute or two.
///
/// # Panics
/// When debootstrap is missing or fails; it needs root and the Debian archive.
pub fn debian_root() -> PathBuf {
    // <target>/debug/deps/<test>
    let own = std::env::current_exe().unwrap();
    let roots = own.ancestors().nth(3).unwrap().join("test-roots");
    fs::create_dir_all(&roots).unwrap();
    let lock = File::create(roots.join("lock")).unwrap();
    lock.lock().unwrap();
    let archive = roots.join(ARCHIVE);
    if !archive.exists() {
        make(&roots, &archive);
    }
    archive
}

fn make(roots: &Path, archive: &Path) {
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let suite =
        release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("a release of Debian");
    let directory = tempfile::Builder::new().prefix("root-").tempdir_in(roots).unwrap();
    let root = directory.path().join("root");
    succeed(
        Command::new("debootstrap")
            .args(["--variant=minbase", &format!("--include={PACKAGES}"), suite])
            .arg(&root),
        "debootstrap (package debootstrap)",
    );
    let partial = directory.path().join("tar");
    succeed(
        Command::new("tar")
            .args(["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./dev/*", "-C"])
            .arg(&root)
            .arg("-cf")
            .arg(&partial)
            .arg("."),
        "tar",
    );
    fs::rename(&partial, archive).unwrap();
}

fn succeed(command: &mut Command, name: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{name}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A running Debian with systemd as its first process. It ends with the engine that it runs on.
pub struct Debian {
    engine: Engine,
}

impl Debian {
    /// Starts it; `programs` are files of this machine and where they stand in it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(programs: &[(&str, &str)]) -> Self {
        let archive = debian_root();
        let debian = Self { engine: Engine::start("{}\n", &[]) };
        succeed(debian.docker(&["import"]).arg(&archive).arg("debian:1"), "docker import");
        let mut run = debian.docker(&["run", "--detach", "--name", "host", "--hostname", "plant-7"]);
        run.args(["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined"]);
        run.args(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "--network", "none"]);
        run.args(["--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro", "--stop-signal", "SIGRTMIN+3"]);
        for (from, to) in programs {
            run.arg("--volume").arg(format!("{from}:{to}:ro"));
        }
        succeed(run.args(["debian:1", "/lib/systemd/systemd"]), "docker run");
        debian.wait();
        debian
    }

    /// Ends all processes and boots again, with the same disk.
    ///
    /// # Panics
    /// When it does not come up again.
    pub fn restart(&self) {
        succeed(&mut self.docker(&["restart", "host"]), "docker restart");
        self.wait();
    }

    fn wait(&self) {
        until(PATIENCE, || {
            let state = self.docker(&["exec", "host", "systemctl", "is-system-running"]).output().unwrap();
            let state = String::from_utf8_lossy(&state.stdout);
            let is_up = ["running", "degraded"].contains(&state.trim());
            if is_up { Ok(()) } else { Err(format!("systemd does not come up: {state}")) }
        });
    }

    fn docker(&self, args: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.arg("--host").arg(format!("unix://{}", self.engine.socket().display())).args(args);
        docker
    }

    /// Runs a shell's text in it.
    pub fn shell(&self, script: &str) -> Output {
        self.docker(&["exec", "host", "sh", "-c", script]).output().expect("docker (package docker.io)")
    }

    /// As [`Debian::shell`], for what must succeed; gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn succeed(&self, script: &str) -> String {
        let output = succeed(&mut self.docker(&["exec", "host", "sh", "-ec", script]), script);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
