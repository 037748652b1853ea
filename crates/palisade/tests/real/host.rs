//! A whole Debian host with systemd, audited from inside by the program; then something changes, and exactly that is
//! told.

use std::collections::BTreeSet;

use model::Report;
use test_support::Debian;

use crate::verdicts::{PALISADE, Verdicts};

const PROGRAM: &str = "/usr/local/sbin/palisade";

/// Runs an audit of the host against its own first profile.
fn audit(host: &Debian, more: &str) -> Report {
    let command = format!("{PROGRAM} audit --profile /root/site.yaml --format json {more}");
    let output = host.shell(&command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{errors}"))
}

#[test]
fn a_whole_host_is_judged_and_a_change_is_told_by_exactly_its_findings() {
    let host = Debian::start(&[(PALISADE, PROGRAM)]);
    host.succeed(&format!("{PROGRAM} profile init --output /root/site.yaml"));
    host.succeed(&format!(
        "{PROGRAM} audit --profile /root/site.yaml --format json --output /root/before.json --fail-on never"
    ));
    let first = audit(&host, "");
    for probe in &first.probes {
        assert!(!probe.reason.contains("panicked"), "{probe:?}");
    }
    Verdicts::of("fresh", first.findings).are(
        "pass services.declared-only ssh.service
         pass services.cron-runs
         pass services.no-web-or-database
         fail ssh.password-login-off
         fail firewall.filters-traffic
         fail firewall.input-refused-by-default
         pass ssh.config-accepted
         fail audit.rules-locked
         fail accounts.lockout-on",
    );
    let same = audit(&host, "--baseline /root/before.json").changes.unwrap();
    assert!(
        same.new.is_empty() && same.mended.is_empty() && same.lost.is_empty(),
        "nothing changed: {same:#?}"
    );

    // More tries than six, which fail already, are no news.
    host.succeed(
        "printf 'PermitEmptyPasswords yes\\nMaxAuthTries 50\\n' > /etc/ssh/sshd_config.d/10-careless.conf
         cat > /etc/systemd/system/historian.service <<'END'
[Service]
ExecStart=/usr/bin/perl -MIO::Socket::INET -e 'my $$s = IO::Socket::INET->new(Listen => 5, LocalAddr => \"0.0.0.0:3306\") or die; sleep'
[Install]
WantedBy=multi-user.target
END
         systemctl enable --now historian.service
         systemctl disable --now cron.service
         for i in $(seq 100); do [ -z \"$(ss -Hltn 'sport = :3306')\" ] || break; sleep 0.1; done",
    );
    let changes = audit(&host, "--baseline /root/before.json").changes.unwrap();
    let new: BTreeSet<String> =
        changes.new.iter().map(|change| format!("{} [{}]", change.rule, change.subject)).collect();
    let expected: BTreeSet<String> = [
        "ssh.empty-passwords-off [all connections]",
        "services.declared-only [historian.service]",
        "services.cron-runs [plant-7]",
        "listeners.approved [tcp 0.0.0.0:3306]",
        "listeners.databases-local [tcp 0.0.0.0:3306]",
        "listeners.services-unprivileged [tcp 0.0.0.0:3306]",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(new, expected, "{changes:#?}");
    assert!(changes.mended.is_empty() && changes.lost.is_empty(), "{changes:#?}");
    let passwords = changes.new.iter().find(|change| change.rule == "ssh.empty-passwords-off").unwrap();
    assert!(passwords.cause.iter().any(|line| line.ends_with("\"no\" -> \"yes\"")), "{passwords:#?}");
}
