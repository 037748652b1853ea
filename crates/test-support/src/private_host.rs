//! A host of its own on this machine: this machine's programs, but another root, network and set of processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// `$1` is the root that is being furnished; what follows are pairs of a file here and its place there.
const FURNISH: &str = r#"
set -e
root=$1; shift
for directory in usr bin sbin lib lib32 lib64; do
    if [ -L /$directory ]; then ln -sf "$(readlink /$directory)" "$root/$directory"
    elif [ -d /$directory ]; then mkdir -p "$root/$directory"; mount --rbind /$directory "$root/$directory"; fi
done
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ $# -gt 0 ]; do : > "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
ip link set lo up
exec chroot "$root" /bin/sh -c 'echo ready; exec sleep 86400'
"#;

/// A host with root, `/etc`, `/home`, `/run` and `/var` of its own, and a network that holds only itself. Everything
/// that runs in it ends with it. Needs root, and the programs unshare, nsenter and ip.
pub struct PrivateHost {
    root: TempDir,
    child: Child,
    pid: u32,
}

impl PrivateHost {
    /// Starts a host with these files (path, content, mode); `programs` are files of this machine that stand in it too,
    /// each with its place there.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(files: &[(&str, &str, u32)], programs: &[(&Path, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (directory, mode) in
            [("tmp", 0o1777), ("etc", 0o755), ("run", 0o755), ("var/lib", 0o755), ("root", 0o700)]
        {
            fs::create_dir_all(root.path().join(directory)).unwrap();
            fs::set_permissions(root.path().join(directory), fs::Permissions::from_mode(mode)).unwrap();
        }
        for (path, content, mode) in files {
            let place = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, content).unwrap();
            fs::set_permissions(place, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--fork",
                "--kill-child=SIGKILL",
                "sh",
                "-c",
                FURNISH,
                "sh",
            ])
            .arg(root.path())
            .args(programs.iter().flat_map(|(here, there)| [here.as_os_str(), there.as_ref()]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare (package util-linux)");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "the private host did not start");
        let own = child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        let pid = children.split_whitespace().next().unwrap().parse().unwrap();
        Self { root, child, pid }
    }

    /// The number of its first process on this machine.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where a path of the host stands on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// A command line for the host's shell, as its root at a console.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.pid.to_string(), "--mount", "--net", "--pid", "--ipc", "--root", "--wd"])
            .args(["--", "/bin/sh", "-c", line])
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line and gives what came of it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, line: &str) -> Output {
        self.shell(line).output().expect("nsenter (package util-linux)")
    }

    /// Runs a command line that must succeed, and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn must(&self, line: &str) -> String {
        let output = self.run(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}: {}\n{}", text(&output.stderr), text(&output.stdout));
        text(&output.stdout)
    }
}

impl Drop for PrivateHost {
    fn drop(&mut self) {
        // Its first process goes with this one, and all others with that.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
