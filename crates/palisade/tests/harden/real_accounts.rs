//! Accounts, sudo and PAM of a Debian that runs: what was let in is not after the fix, and all is as before when undone.

use test_support::Debian;

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");
const PROGRAM: &str = "/usr/local/sbin/palisade";

/// A host with careless settings.
const CARELESS: &str = r"
useradd -m -s /bin/bash -G sudo alice
useradd -m -s /bin/bash bob
passwd -q -d bob
useradd -r -s /bin/bash plc
printf '%s\n' 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/90-lazy
chmod 0440 /etc/sudoers.d/90-lazy
chmod 0666 /etc/crontab
chmod 0755 /home/alice
";

/// What must come back: content, owner and permissions of everything in /etc, and of what else is changed.
const STATE: &str = "find /etc /home /var/spool/cron -xdev -printf '%p %y %m %u %g %l\\n' | sort; \
                     find /etc -xdev -type f -exec sha256sum {} + | sort";

fn harden(host: &Debian, arguments: &str) -> (Option<i32>, String) {
    let output = host.shell(&format!("{PROGRAM} harden {arguments}"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

/// Applies and confirms.
fn apply(host: &Debian, arguments: &str) {
    let (code, text) = harden(host, &format!("{arguments} --apply --yes"));
    assert_eq!(code, Some(0), "{arguments}: {text}");
    host.shell(&format!("{PROGRAM} harden confirm"));
}

fn undo(host: &Debian) {
    let (code, text) = harden(host, "undo --yes");
    assert_eq!(code, Some(0), "{text}");
}

/// Whether everything is as it was then.
fn as_before(host: &Debian, before: &str) {
    let now = host.succeed(STATE);
    let only = |one: &str, other: &str| {
        one.lines()
            .filter(|line| !other.lines().any(|known| known == *line))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(now == before, "gone: {:#?}\nnew: {:#?}", only(before, &now), only(&now, before));
}

fn works(host: &Debian, script: &str) -> bool {
    host.shell(script).status.success()
}

#[test]
fn accounts_and_sudo_of_a_whole_host_are_mended_and_are_as_before_when_undone() {
    let host = Debian::start(&[(PALISADE, PROGRAM)]);
    host.succeed(CARELESS);
    nobody_takes_from_themselves_what_they_cannot_get_back(&host);
    // sudo leaves a file in the home of whom it serves for the first time.
    host.succeed("echo 'alice:correct horse' | chpasswd; su alice -c 'sudo -n true'");
    let before = host.succeed(STATE);

    sudo_asks(&host);
    as_before(&host, &before);
    a_policy_that_visudo_refuses_changes_nothing(&host);
    as_before(&host, &before);
    accounts_and_passwords(&host);
    as_before(&host, &before);
    everything_twice(&host);
    as_before(&host, &before);
}

fn nobody_takes_from_themselves_what_they_cannot_get_back(host: &Debian) {
    let plan = host.shell(&format!("SUDO_USER=alice {PROGRAM} harden --rule accounts.sudo-asks-for-password"));
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(text.contains("you work as alice"), "{text}");
}

fn sudo_asks(host: &Debian) {
    const SILENT: &str = "su alice -c 'sudo -n true'";
    assert!(works(host, SILENT), "NOPASSWD does not hold before");
    let before = host.succeed(STATE);

    let (code, text) = harden(host, "--rule accounts.sudo-asks-for-password --apply --yes");
    assert_eq!(code, Some(0), "{text}");
    assert!(!works(host, SILENT), "sudo still asks for nothing");
    assert!(
        works(host, "su alice -c \"echo 'correct horse' | sudo -S true\""),
        "the password does not open sudo"
    );
    let (code, text) = harden(host, "confirm");
    assert_eq!(code, Some(0), "{text}");
    undo(host);
    assert!(works(host, SILENT), "NOPASSWD does not come back");
    as_before(host, &before);
}

fn a_policy_that_visudo_refuses_changes_nothing(host: &Debian) {
    host.succeed("echo 'this is no policy' > /etc/sudoers.d/50-broken");
    let before = host.succeed(STATE);
    let (code, text) = harden(host, "--rule accounts.sudo-logged --apply --yes");
    assert_ne!(code, Some(0), "{text}");
    as_before(host, &before);
    host.succeed("rm /etc/sudoers.d/50-broken");
}

fn accounts_and_passwords(host: &Debian) {
    const WITH_SU: &str = "su bob -c \"echo 'correct horse' | su alice -c true\"";
    assert!(works(host, WITH_SU), "bob cannot become alice before");
    assert!(works(host, "su alice -c 'echo | su bob -c true'"), "the empty password does not open before");
    apply(
        host,
        "--rule accounts.su-restricted --rule accounts.passwords-not-empty --rule accounts.passwords-expire \
         --rule accounts.inactive-accounts-lock --rule accounts.system-accounts-without-shell \
         --rule accounts.empty-passwords-refused --rule accounts.password-history",
    );
    assert!(!works(host, WITH_SU), "bob still becomes alice");
    let states = host.succeed("passwd -S alice; passwd -S bob; chage -l alice; getent passwd plc");
    assert!(states.contains("alice P") && states.contains("bob L"), "{states}");
    assert!(states.lines().any(|line| line.starts_with("Maximum") && line.ends_with("365")), "{states}");
    assert!(
        !states.lines().any(|line| line.starts_with("Password inactive") && line.ends_with("never")),
        "{states}"
    );
    assert!(states.contains("/usr/sbin/nologin"), "{states}");
    // An administrator gets in as before.
    assert!(works(host, "su alice -c \"echo 'correct horse' | sudo -S true\""));
    undo(host);
    assert!(works(host, WITH_SU), "su does not come back");
}

fn everything_twice(host: &Debian) {
    let rules = host.succeed(&format!("{PROGRAM} audit --format json --fail-on never"));
    let report: model::Report = serde_json::from_str(&rules).unwrap();
    let mine = |rule: &str| rule.starts_with("accounts.") || rule.starts_with("files.");
    let failing: std::collections::BTreeSet<String> = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == model::report::Verdict::Fail && mine(&finding.rule))
        .map(|finding| format!("--rule {}", finding.rule))
        .collect();
    let failing = failing.into_iter().collect::<Vec<_>>().join(" ");
    apply(host, &format!("{failing} --opt-in root-lock --opt-in leftovers"));
    assert!(works(host, "su alice -c \"echo 'correct horse' | sudo -S true\""), "alice is locked out");
    assert!(works(host, "visudo -c -q"));
    let after = host.succeed(STATE);
    let (_, again) = harden(host, &format!("{failing} --format json"));
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["files"], serde_json::json!([]), "{again:#}");
    as_before(host, &after);
    undo(host);
}
