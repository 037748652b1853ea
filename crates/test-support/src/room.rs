//! A room of this machine for itself: own processes, network, host name, `/etc`, `/run`, `/root`, `/home` and `/var/log`.
//! Real programs run in it at their usual places, and nothing of it is left when its shell ends.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest a room may be open, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(240);

/// Stands between two outputs of `look`.
const SEPARATOR: char = '\u{1e}';

/// What is done first in every room. `look SECTION...` prints these sections of facts for the
/// test, on descriptor 3; what programs say while they are set up goes to standard error.
const FURNISH: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/room/etc /run/room/work /run/sshd /run/lock
mount -t overlay -o lowerdir=/etc,upperdir=/run/room/etc,workdir=/run/room/work none /etc
for place in /root /home /var/log /tmp; do mount -t tmpfs -o mode=0755 none "$place"; done
chmod 1777 /tmp
hostname room
ip link set lo up
exec 3>&1 >&2
look() { "$PALISADE" facts "$@" >&3; printf '\036' >&3; }
listening() {
    for i in $(seq 400); do
        [ -z "$(ss -Hln "sport = :$1" 2> /dev/null)" ] || return 0
        sleep 0.05
    done
    echo "nothing listens at $1" >&2; return 1
}
"#;

/// Runs a shell's text in a new room; needs root. `palisade` is the program that `$PALISADE` names there.
///
/// # Panics
/// When the room cannot be made, a command of the script fails, or it takes too long.
pub fn room(palisade: &str, script: &str) -> Output {
    open_room(palisade, &["--pid", "--fork", "--kill-child", "--mount-proc"], script)
}

/// As [`room`], but among the processes of this machine: the kernel's audit system answers nobody else. The script must
/// end what it starts.
///
/// # Panics
/// As [`room`].
pub fn room_among_processes(palisade: &str, script: &str) -> Output {
    open_room(palisade, &[], script)
}

fn open_room(palisade: &str, processes: &[&str], script: &str) -> Output {
    let mut child = Command::new("unshare")
        .args(["--mount", "--net", "--uts", "--ipc", "--propagation", "private"])
        .args(processes)
        .args(["sh", "-s"])
        .env("PALISADE", Path::new(palisade))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare (package util-linux) can be started");
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{FURNISH}{script}\n").as_bytes()).unwrap();
    drop(input);
    let pid = child.id().to_string();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        _ = sender.send(());
        output
    });
    if receiver.recv_timeout(PATIENCE).is_err() {
        drop(Command::new("kill").args(["-KILL", &pid]).status());
        panic!("the room was not left within {PATIENCE:?}:\n{script}");
    }
    let output = reader.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} (are you root?)\n{errors}\n{script}", output.status);
    output
}

/// What each `look` printed in a room.
///
/// # Panics
/// When it is no text.
pub fn looks(output: Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator(SEPARATOR).map(str::to_owned).collect()
}

/// Whoever holds this file may change the rules of the kernel's audit system: there is one for the whole machine.
///
/// # Panics
/// When the file cannot be made.
pub fn audit_lock() -> File {
    let file = File::create(std::env::temp_dir().join("palisade-test-audit.lock")).unwrap();
    file.lock().unwrap();
    file
}
