//! Confirm or revert on a Debian that really runs: the shell, the program, the process that watches and the machine end,
//! and the host comes back by itself each time.

use std::time::{Duration, Instant};

use test_support::Debian;

use crate::verdicts::PALISADE;

const PROGRAM: &str = "/usr/local/sbin/palisade";

/// Mends something that reverts by itself: the SSH server's password logins.
const MEND: &str = "/usr/local/sbin/palisade harden --rule ssh.password-login-off --apply --yes";

/// Everything below `/etc` (but the times of what the engine writes at each start), and what the SSH server that runs lets in.
const STATE: &str = "cd /etc && find . -printf '%p %M %U %G %l\\n' | sort
                     find . -type f ! -path ./hosts ! -path ./hostname ! -path ./resolv.conf -printf '%p %T@\\n' | sort
                     find . -type f -exec sha256sum {} + | sort
                     systemctl is-active ssh.service
                     sshd -T | grep -i passwordauthentication";

fn state(host: &Debian) -> String {
    host.succeed(STATE)
}

fn assert_same(what: &str, before: &str, host: &Debian) {
    let now = state(host);
    let new: Vec<&str> = now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    let gone: Vec<&str> = before.lines().filter(|line| !now.lines().any(|new| new == *line)).collect();
    assert!(new.is_empty() && gone.is_empty(), "{what}: new {new:#?}, gone {gone:#?}");
}

/// Waits until the host is as it was; how long that took.
fn until_same(what: &str, before: &str, host: &Debian) -> f64 {
    let begun = Instant::now();
    let settled = "palisade harden status | grep -q '^No change set is in force' && ! systemctl list-units --all | grep palisade-revert";
    while !host.shell(settled).status.success() {
        assert!(
            begun.elapsed() < Duration::from_secs(90),
            "{what}: {}",
            host.succeed("palisade harden status || true")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_same(what, before, host);
    begun.elapsed().as_secs_f64()
}

/// What `status` ends with and says, in one line.
fn status(host: &Debian) -> (Option<i32>, String) {
    let output = host.shell("palisade harden status");
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code(), said)
}

fn is_mended(host: &Debian) -> bool {
    host.succeed("sshd -T | grep -i passwordauthentication").trim() == "passwordauthentication no"
}

#[test]
fn a_running_host_comes_back_by_itself_whatever_ends() {
    let host = Debian::start(&[(PALISADE, PROGRAM)]);
    host.succeed("systemctl start ssh.service; install -d /etc/ssh/sshd_config.d");
    let before = state(&host);
    let mut runs = 0;

    // Nobody confirms; the session that applied it is gone.
    host.succeed(&format!("{MEND} --window 0.1"));
    assert!(is_mended(&host));
    let job = "/etc/systemd/system/sysinit.target.wants/palisade-recover.service";
    let (_, said) = status(&host);
    assert!(
        said.contains("unless confirmed") && host.shell(&format!("test -L {job}")).status.success(),
        "{said}"
    );
    until_same("nobody confirmed", &before, &host);
    let late = host.shell("palisade harden confirm");
    let said = String::from_utf8_lossy(&late.stderr);
    assert_eq!(late.status.code(), Some(2));
    assert!(said.contains("nobody confirmed it in time"), "{said}");
    runs += 1;

    // Somebody confirms: kept, and nothing is left that would revert it; then undone.
    host.succeed(&format!("{MEND} --window 60; palisade harden confirm"));
    assert!(is_mended(&host));
    host.succeed(&format!("! test -e {job}; ! test -e /etc/systemd/system/palisade-recover.service; sleep 1"));
    host.succeed("! systemctl list-units --all | grep palisade-revert; palisade harden undo --yes");
    until_same("undone", &before, &host);
    runs += 1;

    // Killed in the middle, while the SSH server takes its time to reload: the process that watches takes it back.
    host.succeed(
        "install -d /run/systemd/system/ssh.service.d
         printf '[Service]\\nExecReload=\\nExecReload=/bin/sleep 3\\nExecReload=/bin/kill -HUP $MAINPID\\n' \
             > /run/systemd/system/ssh.service.d/slow.conf
         systemctl daemon-reload",
    );
    let applying = "for i in $(seq 300); do grep -qs applying /var/lib/palisade-harden/*/status.json \
                    && pgrep -x sleep >/dev/null && break; sleep 0.1; done; pgrep -x sleep";
    host.succeed(&format!("{MEND} --window 10 >/dev/null 2>&1 & {applying}; kill -9 $!"));
    until_same("killed", &before, &host);
    runs += 1;

    // Ctrl-C in the middle: it ends by itself with everything put back.
    let output = host.shell(&format!(
        "{MEND} --window 10 >/tmp/out 2>&1 & palisade=$!; {applying}; kill -INT $palisade; wait $palisade; \
         code=$?; cat /tmp/out; exit $code"
    ));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("interrupted; everything was put back"), "{said}");
    until_same("interrupted", &before, &host);
    runs += 1;

    // The process that watches is killed too: `status` says so, and the next run takes it back when its time has come.
    host.succeed("rm -r /run/systemd/system/ssh.service.d; systemctl daemon-reload");
    host.succeed(&format!("{MEND} --window 0.05; systemctl kill --signal=KILL 'palisade-revert-*'"));
    let (code, said) = status(&host);
    assert!(code == Some(2) && said.contains("The process that reverts it is gone"), "{said}");
    host.succeed("sleep 6; palisade harden undo --yes | grep Undone");
    until_same("the watch was killed", &before, &host);
    runs += 1;

    // The machine goes down before anybody confirms: it is taken back before the SSH server starts.
    host.succeed(&format!("{MEND} --window 60"));
    assert!(is_mended(&host));
    host.restart();
    until_same("restarted", &before, &host);
    let order = host.succeed(
        "palisade harden history --format json | grep -c 'the machine restarted before anybody confirmed it'
         journalctl --boot --output=short-monotonic --unit=palisade-recover.service --unit=ssh.service --no-pager",
    );
    let lines: Vec<&str> = order.lines().collect();
    assert_eq!(lines[0], "1", "{order}");
    // A container's restart is no other boot for the journal.
    let boot = lines.rsplit(|line| line.contains("Stopped ssh.service")).next().unwrap();
    let back = boot.iter().position(|line| line.contains("Taken back: "));
    let listens = boot.iter().position(|line| line.contains("Server listening"));
    assert!(back.is_some() && listens.is_some() && back < listens, "{order}");
    runs += 1;
    println!("reliability: {runs} runs on a Debian that really runs, with its SSH server and systemd");
}
