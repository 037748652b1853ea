//! What an audit over SSH takes beside one from inside: `cargo xtask bench ssh`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::chapter::with_chapter;
use super::harden::copy;
use super::process::{Runs, measure, median};
use super::{RESULTS, clean_root};
use crate::run::{output, root, run as call};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## A host over SSH\n";

/// Seconds that an audit over SSH may take on a loopback address.
const LIMIT: f64 = 1.5;

const RUNS: usize = 10;

/// How long the server may need to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Becomes the host: a network with nothing but itself, its own processes, and an SSH server as the first of them.
const HOST: &str = r#"
set -e
ip link set lo up
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mkdir -p "$1/run/sshd"
exec chroot "$1" /usr/sbin/sshd -D -e -f /etc/ssh/bench_config
"#;

/// Gives the SSH client settings of its own, then becomes the program.
const CLIENT: &str = "mount --bind \"$1\" /etc/ssh/ssh_config; shift; exec \"$@\"";

/// The clean root, running, with nothing but an SSH server.
struct Host {
    holder: Child,
    /// The number of its first process on this machine.
    first: u32,
    scratch: tempfile::TempDir,
}

impl Host {
    fn start() -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("palisade-bench-").tempdir()?;
        let at = |name: &str| scratch.path().join(name);
        let tree = at("tree").display().to_string();
        copy(&tree)?;
        for name in ["host", "user"] {
            output("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(name).display().to_string()])?;
        }
        let inside = |name: &str| at("tree/etc/ssh").join(name);
        fs::copy(at("host"), inside("bench_key"))?;
        fs::copy(at("user.pub"), inside("bench_users"))?;
        fs::write(
            inside("bench_config"),
            "HostKey /etc/ssh/bench_key\nAuthorizedKeysFile /etc/ssh/bench_users\nUsePAM no\nListenAddress 127.0.0.1\n\
             LogLevel VERBOSE\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
        )?;
        let known = format!("127.0.0.1 {}", fs::read_to_string(at("host.pub"))?);
        fs::write(at("known_hosts"), known)?;
        fs::write(at("ssh_config"), format!("UserKnownHostsFile {}\n", at("known_hosts").display()))?;
        fs::write(at("credentials.yaml"), "identity: user\n")?;
        let namespaces =
            ["--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--propagation", "private"];
        let mut holder = Command::new("unshare")
            .args(namespaces)
            .args(["--", "sh", "-c", HOST, "sh", &tree])
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("log"))?)
            .spawn()
            .context("cannot run unshare")?;
        let started = Instant::now();
        let listening = || fs::read_to_string(at("log")).is_ok_and(|log| log.contains("Server listening"));
        while !listening() {
            if started.elapsed() > PATIENCE || holder.try_wait()?.is_some() {
                let log = fs::read_to_string(at("log")).unwrap_or_default();
                drop(holder.kill());
                bail!("the SSH server does not come up: {log}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        let own = holder.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let first = children.split_whitespace().next().context("the host has ended")?.parse()?;
        Ok(Self { holder, first, scratch })
    }

    fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }

    /// A command line that runs on the host itself.
    fn inside(&self, line: &str) -> Vec<String> {
        let prefix = format!("nsenter --target {} --mount --net --pid --root --wd -- {line}", self.first);
        prefix.split_whitespace().map(str::to_owned).collect()
    }

    /// A command line that runs on this machine, where the host is the only thing on the network.
    fn beside(&self, line: &str) -> Vec<String> {
        let settings = self.file("ssh_config");
        let net = format!("--net=/proc/{}/ns/net", self.first);
        let prefix = ["nsenter", &net, "--", "unshare", "--mount", "--propagation", "private", "--"];
        let client = ["sh", "-c", CLIENT, "sh", &settings];
        prefix.into_iter().chain(client).chain(line.split_whitespace()).map(str::to_owned).collect()
    }

    fn logins(&self) -> usize {
        fs::read_to_string(self.file("log")).unwrap_or_default().matches("Accepted publickey").count()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// Measures, and writes the chapter.
pub(crate) fn run() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the benchmark starts an SSH server in namespaces: run it as root");
    }
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    clean_root::prepare()?;
    let program = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => Path::new(&directory).join("release/palisade"),
        None => root().join("target/release/palisade"),
    };
    let host = Host::start()?;
    let audit = "--format json --fail-on never";
    let key = host.file("user");
    let login = host.beside(&format!("ssh -o BatchMode=yes -i {key} root@127.0.0.1 true"));
    let login = measure(&login, RUNS, 1)?;
    let local = measure(&host.inside(&format!("/{}/palisade audit {audit}", clean_root::FOLDER)), RUNS, 1)?;
    let before = host.logins();
    let credentials = host.file("credentials.yaml");
    let line = format!("{} audit ssh://root@127.0.0.1 --credentials {credentials} {audit}", program.display());
    let remote = measure(&host.beside(&line), RUNS, 1)?;
    let logins = host.logins() - before;
    let ansible = ansible(&host, &key)?;
    let chapter = chapter(&login, &local, &remote, ansible.as_ref(), logins)?;
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &chapter))?;
    println!("{chapter}\nwritten to {RESULTS}");
    Ok(())
}

/// Ansible's gathering of facts, which reads far less; none where the tests have not installed it.
fn ansible(host: &Host, key: &str) -> Result<Option<Runs>> {
    let program = root().join("target/test-venv/bin/ansible");
    if !program.is_file() {
        return Ok(None);
    }
    let line = format!(
        "env ANSIBLE_SSH_ARGS=-oControlMaster=no {} all -i 127.0.0.1, -u root --private-key {key} -m setup",
        program.display()
    );
    let runs = measure(&host.beside(&line), 3, 1)?;
    if !runs.output.contains("ansible_facts") {
        bail!("ansible gathers nothing: {}", runs.output);
    }
    Ok(Some(runs))
}

fn chapter(login: &Runs, local: &Runs, remote: &Runs, ansible: Option<&Runs>, logins: usize) -> Result<String> {
    let summary = |runs: &Runs| -> Result<(Value, usize)> {
        let report: Value = serde_json::from_str(&runs.output).context("the report is no JSON")?;
        let findings = report.get("findings").and_then(Value::as_array).map_or(0, Vec::len);
        Ok((report.get("summary").cloned().unwrap_or_default(), findings))
    };
    let ((inside, _), (outside, findings)) = (summary(local)?, summary(remote)?);
    if outside.get("pass").and_then(Value::as_u64).unwrap_or(0) == 0 {
        bail!("the audit over SSH passes nothing: {outside}");
    }
    let same = if inside == outside {
        "the same".to_owned()
    } else {
        format!("{inside} from inside, {outside} over SSH")
    };
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench ssh` (as root): the clean root runs in namespaces of its own with nothing but an \
         SSH\nserver, reached over its loopback address. {findings} findings; verdicts: {same}. {logins} logins for {} \
         audits\nover SSH.\n\n\
         | what | runs | wall s: median (min–max) | processor s, this side | peak MiB |\n|---|---|---|---|---|\n",
        RUNS + 1,
    );
    let rows = [
        ("ssh root@host true: connecting and logging in", Some(login)),
        ("palisade audit, on the host", Some(local)),
        ("palisade audit ssh://root@host", Some(remote)),
        ("ansible -m setup (facts of hardware, network and system only)", ansible),
    ];
    for (name, runs) in rows.into_iter().filter_map(|(name, runs)| Some((name, runs?))) {
        let (least, most) =
            runs.wall.iter().fold((f64::MAX, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
        text.push_str(&format!(
            "| {name} | {} | {:.3} ({least:.3}–{most:.3}) | {:.2} | {:.0} |\n",
            runs.wall.len(),
            median(&runs.wall),
            median(&runs.cpu),
            runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib)),
        ));
    }
    let wall = median(&remote.wall);
    let met = |is_met: bool| if is_met { "yes" } else { "**no**" };
    text.push_str(&format!(
        "\n| target | measured | met |\n|---|---|---|\n\
         | an audit over SSH on the loopback address: at most {LIMIT:.1} s | {wall:.3} s | {} |\n\
         | one login for each audit | {logins} for {} | {} |\n",
        met(wall <= LIMIT),
        RUNS + 1,
        met(logins == RUNS + 1),
    ));
    Ok(text)
}
