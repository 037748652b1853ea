//! A Docker engine of our own: own data, own socket, own network and mount namespaces. It never touches the engine,
//! the packet filter or the interfaces of the machine it runs on, and it ends with the test process, however that ends.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use host::Door;

use crate::Redirected;
use crate::wait::until;

/// Starting takes about a second; other tests may hold the processors.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the engine until told to end, then removes what it left. `$0` is the directory, the rest are the engine's flags.
const KEEPER: &str = r#"
ip link set lo up
if [ -e "$0/usual" ]; then
    mount -t tmpfs none /run
    for place in etc var/lib; do
        mkdir -p "/run/overlay/$place" "/run/overlay/$place.work"
        mount -t overlay -o "lowerdir=/$place,upperdir=/run/overlay/$place,workdir=/run/overlay/$place.work" none "/$place"
    done
    # Change sets of this machine are not those of the room.
    mkdir -p /etc/docker /var/lib/palisade-harden
    mount -t tmpfs -o mode=0700 none /var/lib/palisade-harden
    rm -f /etc/docker/daemon.json
    cp "$0/etc/daemon.json" /etc/docker/ 2>/dev/null
fi
echo $$ >"$0/keeper"
while :; do
    dockerd "$@" >>"$0/log" 2>&1 &
    engine=$!
    trap 'kill $engine' TERM INT
    wait $engine; wait $engine
    [ -e "$0/again" ] || break
    rm "$0/again"
done
# With live-restore containers outlive the engine: end the first process of each, then what watches over it.
for shim in $(grep -ls "$0/exec" /proc/[0-9]*/cmdline); do
    shim=${shim#/proc/}; shim=${shim%/cmdline}
    [ "$shim" = $$ ] || kill -9 $(cat /proc/$shim/task/*/children 2>/dev/null) $shim
done
grep " $0/" /proc/self/mounts | cut -d' ' -f2 | tac | xargs -r umount -l
rm -rf "$0"
"#;

/// A running engine.
pub struct Engine {
    directory: PathBuf,
}

impl Engine {
    /// Starts an engine with `daemon_json` as its configuration and further flags.
    pub fn start(daemon_json: &str, flags: &[&str]) -> Self {
        let engine = Self::place();
        fs::write(engine.path("etc/daemon.json"), daemon_json).unwrap();
        let places = [
            format!("--config-file={}", engine.path("etc/daemon.json").display()),
            format!("--pidfile={}", engine.path("pid").display()),
            format!("--host=unix://{}", engine.socket().display()),
        ];
        engine.begin(places.into_iter().chain(flags.iter().map(|&flag| flag.to_owned())));
        engine
    }

    /// Starts an engine whose daemon.json, socket and process number stand at their usual places, for programs that
    /// [`Engine::enter`] runs: these see `/etc`, `/run` and `/var/lib` of their own.
    pub fn start_as_usual(daemon_json: &str) -> Self {
        let engine = Self::place();
        fs::write(engine.path("usual"), "").unwrap();
        fs::write(engine.path("etc/daemon.json"), daemon_json).unwrap();
        engine.begin(std::iter::empty());
        engine
    }

    fn place() -> Self {
        let directory = tempfile::Builder::new().prefix("palisade-engine-").tempdir().unwrap().keep();
        let engine = Self { directory };
        fs::create_dir(engine.path("etc")).unwrap();
        engine
    }

    fn begin(&self, flags: impl Iterator<Item = String>) {
        let engine = self;
        let places = [
            format!("--data-root={}", engine.path("data").display()),
            format!("--exec-root={}", engine.path("exec").display()),
        ];
        let arguments: Vec<String> = places.into_iter().chain(flags).collect();
        let directory = engine.directory.clone();
        // The kernel tells the keeper when the thread that started it ends: that thread must live as long as the process.
        thread::spawn(move || {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM", "unshare", "--net", "--mount", "--propagation", "private"]);
            command.args(["sh", "-c", KEEPER]).arg(&directory).args(arguments);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
            drop(command.spawn().expect("setpriv and unshare (util-linux) are installed").wait());
            loop {
                thread::park();
            }
        });
        engine.wait_for_answer();
    }

    fn wait_for_answer(&self) {
        until(PATIENCE, || {
            if self.answers() {
                return Ok(());
            }
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            Err(format!("dockerd (package docker.io) does not start:\n{log}"))
        });
    }

    /// Ends the engine and starts it again, with the same flags.
    pub fn restart(&self) {
        let pid = || fs::read_to_string(self.inside("/run/docker.pid")).unwrap_or_default();
        let before = pid();
        fs::write(self.path("again"), "").unwrap();
        assert!(Command::new("kill").arg(before.trim()).status().unwrap().success());
        until(PATIENCE, || {
            let now = pid();
            if now == before || now.is_empty() { Err("dockerd does not end".to_owned()) } else { Ok(()) }
        });
        self.wait_for_answer();
    }

    fn keeper(&self) -> String {
        fs::read_to_string(self.path("keeper")).unwrap_or_default().trim().to_owned()
    }

    /// Where a path that the engine sees is for everybody else.
    pub fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.keeper()))
    }

    /// Runs a program among the files that the engine sees.
    pub fn enter(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.keeper(), "--mount", "--", program]).args(args);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        command.output().expect("nsenter (util-linux) is installed")
    }

    /// A directory for files of the test; it goes with the engine.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn answers(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok() && self.request("GET", "/_ping", "").0 == 200
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The socket it listens on.
    pub fn socket(&self) -> PathBuf {
        if self.path("usual").exists() { self.inside("/run/docker.sock") } else { self.path("docker.sock") }
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The door to this machine as if this engine were its only one.
    pub fn door(&self) -> Door {
        let places = [("/run/docker.pid", self.path("pid")), ("/etc/docker", self.path("etc"))];
        Door::new(Arc::new(Redirected::new(places)))
    }

    /// Asks the engine; status and body.
    pub fn request(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let body = body.as_ref();
        let kind = if body.first() == Some(&b'{') { "application/json" } else { "application/x-tar" };
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // HTTP/1.0: the answer is neither in chunks nor followed by another.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: d\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, body.to_owned())
    }

    /// Asks the engine for something that must succeed.
    pub fn succeed(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.request(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}\n{body}");
        answer
    }

    /// Makes an image of busybox with these programs (paths that become links to it); `changes` are lines of a
    /// Dockerfile such as `USER 1000`.
    pub fn import(&self, name: &str, programs: &[&str], changes: &[&str]) {
        let (name, tag) = name.rsplit_once(':').unwrap();
        let mut query = format!("/images/create?fromSrc=-&repo={name}&tag={tag}");
        for change in changes {
            query.push_str("&changes=");
            query.extend(change.bytes().map(|byte| format!("%{byte:02X}")));
        }
        let (status, answer) = self.request("POST", &query, busybox(programs));
        assert!(status == 200 && !answer.contains("\"error\""), "{status} {answer}");
    }

    /// Builds an image from the text of a Dockerfile. Its steps run, without a network beyond the engine's own.
    pub fn build(&self, name: &str, dockerfile: &str) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("Dockerfile"), dockerfile).unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let (status, answer) = self.request("POST", &format!("/build?t={name}"), archive(directory.path()));
        assert!(status == 200 && !answer.contains("\"error\""), "{status} {answer}");
    }

    /// Asks until the answer fulfils a condition.
    pub fn wait(&self, path: &str, fulfilled: impl Fn(&str) -> bool) {
        until(PATIENCE, || {
            let (_, answer) = self.request("GET", path, "");
            if fulfilled(&answer) { Ok(()) } else { Err(format!("{path}: {answer}")) }
        });
    }

    /// Makes a container from the JSON of `POST /containers/create`.
    pub fn create(&self, name: &str, description: &str) {
        self.succeed("POST", &format!("/containers/create?name={name}"), description);
    }

    /// Makes a container and starts it.
    pub fn run(&self, name: &str, description: &str) {
        self.create(name, description);
        self.succeed("POST", &format!("/containers/{name}/start"), "");
    }
}

/// A root filesystem as a tar archive: busybox-static and links to it.
fn busybox(programs: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let place = |path: &str| directory.path().join(path.trim_start_matches('/'));
    let busybox = Path::new("/bin/busybox");
    fs::create_dir_all(place("/bin")).unwrap();
    fs::copy(busybox, place("/bin/busybox")).expect("/bin/busybox (package busybox-static) is installed");
    for path in programs {
        fs::create_dir_all(place(path).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/bin/busybox", place(path)).unwrap();
    }
    archive(directory.path())
}

fn archive(directory: &Path) -> Vec<u8> {
    let tar = Command::new("tar").arg("-C").arg(directory).args(["-cf", "-", "."]).output().unwrap();
    assert!(tar.status.success(), "{tar:?}");
    tar.stdout
}
