//! The machine that is audited: containers, a TLS server, an SSH server, and the clean root with its mounts.
//!
//! All of it lives in the namespaces of this process and ends with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use test_support::{Engine, Nginx, Server, free_port, self_signed};

use super::ballast::Ballast;
use super::clean_root::{self, FOLDER};
use super::room::Room;
use crate::run::{output, run};

/// How many containers run.
pub(crate) const CONTAINERS: usize = 20;

/// What stands ready to be audited.
pub(crate) struct Stage {
    engine: Engine,
    _tls: Nginx,
    lone_tls: Nginx,
    ssh: Server,
    /// Where the TLS server is alone.
    pub(crate) tls_room: Room,
    /// Where no server is.
    pub(crate) empty_room: Room,
    /// The clean root.
    pub(crate) root: PathBuf,
    scratch: TempDir,
    _ballast: Ballast,
}

impl Stage {
    /// Starts everything.
    pub(crate) fn set() -> Result<Self> {
        run("ip", &["link", "set", "lo", "up"], &[])?;
        let scratch = tempfile::tempdir()?;
        let tls = start_nginx("");
        // It hangs up on every request: what is measured there is TLS.
        let tls_room = Room::open()?;
        let lone_tls = tls_room.inside(|| start_nginx("location / { return 444; }"))?;
        let empty_room = Room::open()?;
        let ssh = start_sshd(scratch.path())?;
        let engine = start_containers();
        let root = clean_root::place();
        mount(&root, scratch.path())?;
        let ballast = Ballast::make(&root.join(FOLDER).join("palisade").display().to_string())?;
        Ok(Self { engine, _tls: tls, lone_tls, ssh, tls_room, empty_room, root, scratch, _ballast: ballast })
    }

    /// The port of the TLS server that is alone.
    pub(crate) fn tls_port(&self) -> u16 {
        self.lone_tls.address().port()
    }

    /// The SSH server's port on the loopback address.
    pub(crate) fn ssh_port(&self) -> u16 {
        self.ssh.address.port()
    }

    /// A place for files, the same from inside the clean root.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Ends the containers; everything else ends with this process.
    pub(crate) fn strike(self) {
        for number in 0..CONTAINERS {
            self.engine.request("DELETE", &format!("/containers/bench-{number}?force=1"), "");
        }
    }
}

/// A TLS server with every version and suite of its library; `more` stands in its configuration.
fn start_nginx(more: &str) -> Nginx {
    let tls = format!(
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;
         ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key; {more}"
    );
    Nginx::start(true, &tls, |dir| {
        self_signed(dir, "own", "-newkey rsa:2048 -sha256 -days 30");
    })
}

fn start_sshd(scratch: &Path) -> Result<Server> {
    // sshd wants its directory for privilege separation.
    fs::create_dir_all("/run/sshd").context("cannot make /run/sshd")?;
    let (key, config) = (scratch.join("ssh_host_ed25519_key"), scratch.join("sshd_config"));
    output("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key.display().to_string()])?;
    let port = free_port();
    fs::write(
        &config,
        format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nPidFile {}\n",
            key.display(),
            scratch.join("sshd.pid").display()
        ),
    )?;
    Ok(Server::start("/usr/sbin/sshd", &["-D", "-f", &config.display().to_string()], port))
}

fn start_containers() -> Engine {
    let engine = Engine::start("{\"log-opts\": {\"max-size\": \"5m\"}}", &[]);
    engine.import("bench:1", &["/bin/sh", "/bin/sleep"], &["USER 1000", "EXPOSE 8080"]);
    for number in 0..CONTAINERS {
        engine.run(
            &format!("bench-{number}"),
            "{\"Image\": \"bench:1\", \"Cmd\": [\"/bin/sleep\", \"100000\"], \"StopSignal\": \"SIGKILL\",
              \"HostConfig\": {\"Memory\": 33554432, \"PidsLimit\": 20, \"CapDrop\": [\"ALL\"]}}",
        );
    }
    engine
}

/// Gives the clean root the running machine: its processes, devices and the engine's socket.
fn mount(root: &Path, scratch: &Path) -> Result<()> {
    let shared = std::env::temp_dir();
    if !scratch.starts_with(&shared) {
        bail!("{} is not in {}", scratch.display(), shared.display());
    }
    for path in [Path::new("/proc"), Path::new("/sys"), Path::new("/dev"), &shared] {
        let inside = root.join(path.strip_prefix("/")?);
        fs::create_dir_all(&inside)?;
        run("mount", &["--rbind", &path.display().to_string(), &inside.display().to_string()], &[])?;
    }
    Ok(())
}
