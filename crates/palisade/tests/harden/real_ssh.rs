//! A real sshd on a private host, hardened by the real program: who gets in before, after, and after it is undone.
//!
//! Needs root and the packages openssh-server, openssh-client, sudo, iproute2 and util-linux.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use test_support::PrivateHost;

use crate::snapshot;

const PALISADE: &str = "/palisade";
const PASSWORD: &str = "plant-7-secret";
const HASH: &str =
    "$6$palisade$DLEvA6/VlW6fq5L8bNTn1kLKPYaqXJJK8aTnUC.i32pvYIoeqJvRTxZHBDT3FYnhf8RUuWqSuJEzYSYVL8BYO1";

/// As Debian ships it, with logins by password.
const SSHD_CONFIG: &str = "Include /etc/ssh/sshd_config.d/*.conf\nPort 22\nPasswordAuthentication yes\n\
                           KbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\n\
                           AcceptEnv LANG LC_*\nSubsystem sftp /usr/lib/openssh/sftp-server\n";

/// Everything of sshd's that a site without a special need changes.
const RULES: &[&str] = &[
    "ssh.agent-forwarding-off",
    "ssh.auth-tries-limited",
    "ssh.banner-set",
    "ssh.idle-sessions-end",
    "ssh.login-time-limited",
    "ssh.login-users-key-only",
    "ssh.macs-strong",
    "ssh.password-login-off",
    "ssh.root-login-off",
    "ssh.rsa-keys-long-enough-required",
    "ssh.startups-limited",
    "ssh.tcp-forwarding-off",
    "ssh.x11-forwarding-off",
    "ssh-server.macs-strong",
    "ssh-server.package-hidden",
];

/// A private host whose sshd runs.
struct Plant {
    host: PrivateHost,
}

impl Plant {
    /// Alice works there with a key and a password, rescue administers with a key; root has a key too.
    fn start(group: &str) -> Self {
        let group = format!(
            "root:x:0:\nshadow:x:42:\nsudo:x:27:rescue\nssh_login_group:x:300:{group}\nalice:x:1000:\nrescue:x:1001:\nnogroup:x:65534:\n"
        );
        let shadow = format!(
            "root:*:19000:0:99999:7:::\nalice:{HASH}:19000:0:99999:7:::\nrescue:{HASH}:19000:0:99999:7:::\nsshd:!:19000::::::\n"
        );
        let pam = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n";
        let with_login = format!("{pam}session optional pam_loginuid.so\n");
        let files = [
            (
                "/etc/passwd",
                "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n\
                 rescue:x:1001:1001::/home/rescue:/bin/bash\nsshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n",
                0o644,
            ),
            ("/etc/group", &group, 0o644),
            ("/etc/shadow", &shadow, 0o640),
            ("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n", 0o644),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n", 0o644),
            ("/etc/hosts", "127.0.0.1 localhost\n", 0o644),
            ("/etc/pam.d/sshd", &with_login, 0o644),
            ("/etc/pam.d/sudo", pam, 0o644),
            ("/etc/pam.d/other", pam, 0o644),
            ("/etc/sudoers", "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
            ("/etc/ssh/sshd_config", SSHD_CONFIG, 0o644),
            ("/etc/ssh/sshd_config.d/50-site.conf", "# The site's own\nMaxAuthTries 6\n", 0o644),
            ("/askpass", &format!("#!/bin/sh\necho {PASSWORD}\n"), 0o755),
        ];
        let host = PrivateHost::start(&files, &[(Path::new(env!("CARGO_BIN_EXE_palisade")), PALISADE)]);
        host.must(
            "mkdir -p /run/sshd /home && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key \
             && ssh-keygen -q -t ed25519 -N '' -C tester -f /root/key \
             && for user in alice rescue; do mkdir -p /home/$user/.ssh; cp /root/key.pub /home/$user/.ssh/authorized_keys; \
                chown -R $user:$user /home/$user; chmod -R go-rwx /home/$user; done \
             && mkdir -m 700 /root/.ssh && cp /root/key.pub /root/.ssh/authorized_keys \
             && /usr/sbin/sshd",
        );
        let plant = Self { host };
        until("sshd runs", || plant.by_key("alice", "true").status.success());
        plant
    }

    /// A command line run over SSH, logged in with a key.
    fn by_key(&self, user: &str, line: &str) -> Output {
        self.ssh("-i /root/key -o BatchMode=yes", user, line)
    }

    /// The same with a password and nothing else.
    fn by_password(&self, user: &str, line: &str) -> Output {
        self.ssh("-o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1", user, line)
    }

    fn ssh(&self, options: &str, user: &str, line: &str) -> Output {
        self.host.run(&format!(
            "SSH_ASKPASS=/askpass SSH_ASKPASS_REQUIRE=force ssh -F none {options} -o ConnectTimeout=10 \
             -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no {user}@127.0.0.1 '{line}'"
        ))
    }

    /// Starts `palisade harden` at the console.
    fn harden(&self, args: &str) -> Output {
        self.host.run(&format!("{PALISADE} harden {args}"))
    }

    fn etc(&self) -> snapshot::Snapshot {
        snapshot::take(&self.host.path("/etc"))
    }

    fn effective(&self, option: &str) -> String {
        let all = self.host.must("/usr/sbin/sshd -T");
        let value = all.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix(' '));
        value.unwrap_or_default().to_owned()
    }

    /// What reverts unless confirmed must not run any more.
    fn nobody_watches(&self) {
        until("the watching process ends", || !self.host.run("pgrep -f '[h]arden watch'").status.success());
        assert!(!self.host.path("/etc/cron.d/palisade-recover").exists());
    }
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{out}\n{err}", output.status);
    one_line(&out)
}

/// The text without the line breaks of a terminal page; a single line keeps its end.
fn one_line(text: &str) -> String {
    if text.trim_end().contains('\n') {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.to_owned()
    }
}

/// Both outputs, of a command that must fail.
#[track_caller]
fn fails(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{out}\n{err}");
    one_line(&format!("{out}{err}"))
}

#[test]
fn passwords_are_refused_keys_still_work_and_undo_brings_everything_back() {
    let plant = Plant::start("alice,rescue");
    let before = plant.etc();
    assert_eq!(plant.effective("passwordauthentication"), "yes");
    assert_eq!(succeeds(&plant.by_password("alice", "id -un")), "alice\n");

    let rules: Vec<String> = RULES.iter().map(|rule| format!("--rule {rule}")).collect();
    let rules = rules.join(" ");
    let done = succeeds(&plant.harden(&format!("{rules} --apply --yes")));
    assert!(done.contains("mended and seen to pass"), "{done}");
    assert!(fails(&plant.by_password("alice", "id -un")).contains("Permission denied (publickey)"));
    assert_eq!(succeeds(&plant.by_key("alice", "id -un")), "alice\n");
    assert_eq!(succeeds(&plant.by_key("rescue", "sudo -n id -un")), "root\n");
    fails(&plant.by_key("root", "true"));
    for (option, value) in [("passwordauthentication", "no"), ("permitrootlogin", "no"), ("maxauthtries", "4")]
    {
        assert_eq!(plant.effective(option), value);
    }
    assert!(!plant.effective("macs").contains("sha1"));
    let greeting = plant.by_key("alice", "true");
    assert!(String::from_utf8_lossy(&greeting.stderr).contains("Authorised use only"));
    succeeds(&plant.harden("confirm"));
    plant.nobody_watches();

    // A second run finds nothing to do.
    let again = plant.harden(&format!("{rules} --format json"));
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["fixes"], serde_json::json!([]), "{again:#}");

    succeeds(&plant.harden("undo --yes"));
    let after = plant.etc();
    assert!(after == before, "{:?}", snapshot::difference(&before, &after));
    assert_eq!(succeeds(&plant.by_password("alice", "id -un")), "alice\n");
    assert!(fails(&plant.harden("undo --yes")).contains("nothing to undo"));
}

#[test]
fn what_sshd_refuses_is_put_back_and_the_server_never_reads_it() {
    let plant = Plant::start("alice,rescue");
    plant.host.must("mkdir -p /content/rules");
    let rule = "- id: ssh.nonsense\n  title: A cipher that nobody knows\n  severity: low\n  \
                when: facts.ssh.server != null\n  expect: 'facts.ssh.server.options.ciphers == \"nonsense\"'\n  \
                why: It is wrong.\n  remedy: Leave it.\n  fix: {sshd-option: {Ciphers: nonsense}}\n  examples:\n    \
                pass: [{ssh: {server: {options: {ciphers: nonsense}}}}]\n    \
                fail: [{ssh: {server: {options: {ciphers: aes}}}}]\n    not_applicable: [{ssh: {server: null}}]\n";
    std::fs::write(plant.host.path("/content/rules/ssh.yaml"), rule).unwrap();
    let before = plant.etc();
    let pid = plant.host.must("cat /run/sshd.pid");
    let said = fails(&plant.harden("--content /content --rule ssh.nonsense --apply --yes"));
    assert!(said.contains("the new files are refused") && said.contains("Ciphers"), "{said}");
    let after = plant.etc();
    assert!(after == before, "{:?}", snapshot::difference(&before, &after));
    assert_eq!(plant.host.must("cat /run/sshd.pid"), pid);
    assert_eq!(succeeds(&plant.by_key("alice", "id -un")), "alice\n");
    plant.nobody_watches();
    assert!(fails(&plant.harden("undo --yes")).contains("nothing to undo"));
}

#[test]
fn a_cut_off_operator_gets_in_again_by_itself_when_nobody_confirms() {
    let plant = Plant::start("rescue");
    let before = plant.etc();
    // Started in a shell of its own that is killed with everything it started.
    let line = format!(
        "echo $$ > /tmp/shell; {PALISADE} harden --rule ssh.login-group-set --apply --yes --window 0.1 > /tmp/said 2>&1; \
         echo over >> /tmp/said; exec sleep 600"
    );
    let mut shell: Command = plant.host.shell(&format!("exec setsid /bin/sh -c '{line}'"));
    let mut shell = shell.spawn().unwrap();
    let said = || std::fs::read_to_string(plant.host.path("/tmp/said")).unwrap_or_default();
    until("the change is made", || said().ends_with("over\n"));
    assert!(one_line(&said()).contains("these could not log in over SSH any more: root, alice"), "{}", said());
    let cut_off = plant.by_key("alice", "true");
    plant.host.must("/bin/kill -KILL -- -$(cat /tmp/shell)");
    shell.wait().unwrap();
    assert!(fails(&cut_off).contains("Permission denied"), "alice was never cut off\n{}", said());

    let start = Instant::now();
    until("alice gets in again", || plant.by_key("alice", "true").status.success());
    println!("back after {:?}", start.elapsed());
    until("everything is as before", || plant.etc() == before);
    plant.nobody_watches();
    let history = succeeds(&plant.harden("history"));
    assert!(history.contains("nobody confirmed it in time"), "{history}");
}

#[test]
fn an_operator_over_ssh_is_told_what_would_lock_them_out() {
    let plant = Plant::start("alice");
    let before = plant.etc();
    // As root by key: who came in as root would not come in again.
    let said =
        succeeds(&plant.by_key("root", &format!("{PALISADE} harden --rule ssh.root-login-off --apply --yes")));
    assert!(said.contains("you are logged in as root over SSH"), "{said}");
    // By sudo: the account that logged in counts, not root.
    let harden = format!("sudo -n {PALISADE} harden");
    let said = succeeds(&plant.by_key("rescue", &format!("{harden} --rule ssh.login-group-set --apply --yes")));
    assert!(said.contains("rescue") && said.contains("gpasswd -a rescue ssh_login_group"), "{said}");
    // Without a key, passwords stay.
    plant.host.must("rm /home/rescue/.ssh/authorized_keys");
    let off = format!("{harden} --rule ssh.password-login-off --apply --yes");
    let said = succeeds(&plant.by_password("rescue", &off));
    assert!(said.contains("you are logged in as rescue over SSH, and rescue has no key"), "{said}");
    let after = plant.etc();
    assert!(after == before, "{:?}", snapshot::difference(&before, &after));
}

#[test]
fn keys_go_to_the_quarantine_but_the_last_ones_stay() {
    let plant = Plant::start("alice,rescue");
    plant.host.must(
        "ssh-keygen -q -t ecdsa -N '' -C weak -f /root/weak && cat /root/weak.pub >> /home/alice/.ssh/authorized_keys \
         && rm /root/.ssh/authorized_keys && cp /root/weak.pub /home/rescue/.ssh/authorized_keys && chmod 644 /home/alice/.ssh/authorized_keys",
    );
    let home = snapshot::take(&plant.host.path("/home"));
    let before = plant.etc();
    let weak = |user: &str| plant.ssh("-i /root/weak -o IdentitiesOnly=yes -o BatchMode=yes", user, "id -un");
    assert_eq!(succeeds(&weak("alice")), "alice\n");
    let said = succeeds(&plant.harden(
        "--rule ssh.keys-of-strong-type --rule ssh.key-files-private --rule ssh.root-login-off --apply --yes",
    ));
    assert!(said.contains("last key that an administrator could log in with"), "{said}");
    fails(&weak("alice"));
    assert_eq!(succeeds(&plant.by_key("alice", "id -un")), "alice\n");
    assert_eq!(succeeds(&weak("rescue")), "rescue\n");
    let kept = plant.host.must("stat -c %a:%u /etc/ssh/quarantined_keys && cat /etc/ssh/quarantined_keys");
    assert!(
        kept.starts_with("600:0\n") && kept.contains("ssh.keys-of-strong-type: ecdsa-sha2-nistp256"),
        "{kept}"
    );
    succeeds(&plant.harden("undo --yes"));
    assert!(plant.etc() == before && snapshot::take(&plant.host.path("/home")) == home);
    assert_eq!(succeeds(&weak("alice")), "alice\n");
}
