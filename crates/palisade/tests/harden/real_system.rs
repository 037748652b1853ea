//! Fixes on a whole Debian with systemd, and on the real kernel's audit system: broken, told, mended, told, taken back.

use model::Report;
use model::report::Verdict;
use test_support::{Debian, audit_lock, room_among_processes};

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");
const PROGRAM: &str = "/usr/local/sbin/palisade";

/// One thing that falls short on a real host.
struct Check {
    rule: &'static str,
    /// More of `palisade harden`'s options.
    options: &'static str,
    /// Makes it fall short.
    break_it: &'static str,
    /// Looks, while it is mended, at what the rule does not.
    holds: &'static str,
}

const CHECKS: &[Check] = &[
    Check {
        rule: "services.insecure-off",
        options: "",
        break_it: "printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\nAlias=files.service\\n' \
                   > /usr/lib/systemd/system/tftpd.service; systemctl daemon-reload; systemctl enable --now tftpd.service",
        holds: "[ \"$(systemctl is-enabled tftpd.service)\" = masked ]; ! systemctl -q is-active tftpd.service",
    },
    Check {
        rule: "services.cron-runs",
        options: "",
        break_it: "systemctl disable --now cron.service; systemctl mask cron.service",
        holds: "[ \"$(systemctl is-enabled cron.service)\" = enabled ]; systemctl -q is-active cron.service",
    },
    Check {
        rule: "services.cron-users-listed",
        options: "",
        break_it: "true",
        holds: "[ \"$(stat -c '%a %G' /etc/cron.allow)\" = '640 crontab' ]; crontab -l -u root 2>&1 | grep -q 'no crontab'",
    },
    Check {
        rule: "services.audit-scheduled",
        options: "",
        break_it: "true",
        holds: "systemctl -q is-active palisade-audit.timer; systemctl start palisade-audit.service; \
                test -s /var/lib/palisade/audit.json; rm /var/lib/palisade/audit.json",
    },
    Check {
        rule: "disks.storage-watched",
        options: "",
        break_it: "true",
        holds: "systemctl -q is-active storage-watch.timer; systemctl start storage-watch.service; \
                mkdir -p /run/systemd/system/storage-watch.service.d; \
                sed -n 's/-ge 80/-ge 0/; s/^ExecStart=/[Service]\\nExecStart=\\n&/p' /etc/systemd/system/storage-watch.service \
                > /run/systemd/system/storage-watch.service.d/low.conf; systemctl daemon-reload; \
                systemctl start storage-watch.service; \
                for i in $(seq 50); do journalctl -t storage-watch | grep -q '/ is [0-9]*% full' && break; sleep 0.1; done; \
                journalctl -t storage-watch -p alert | grep -q '/ is [0-9]*% full'; \
                rm -r /run/systemd/system/storage-watch.service.d; systemctl daemon-reload",
    },
    Check {
        rule: "logging.journal-persistent",
        options: "",
        break_it: "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nStorage=volatile\\n' \
                   > /etc/systemd/journald.conf.d/zz-site.conf; systemctl restart systemd-journald",
        holds: "systemctl -q is-active systemd-journald; logger here; journalctl --sync; journalctl -n 5 | grep -q here",
    },
    Check {
        rule: "logging.rsyslog-files-private",
        options: "",
        break_it: "sed -i 's/^.FileCreateMode .*/$FileCreateMode 0644/' /etc/rsyslog.conf; systemctl restart rsyslog",
        holds: "systemctl -q is-active rsyslog; grep -q 'FileCreateMode 0640' /etc/rsyslog.conf",
    },
    Check {
        rule: "time.sources-approved",
        options: "",
        break_it: "printf 'pool unknown.example iburst\\n' >> /etc/chrony/chrony.conf",
        holds: "! chronyd -p -f /etc/chrony/chrony.conf | grep -q '^pool'; \
                chronyd -p -f /etc/chrony/chrony.conf | grep -q '^sourcedir /etc/chrony/sources.d'; \
                grep -qx 'server b.example iburst' /etc/chrony/sources.d/palisade.sources",
    },
    Check {
        rule: "updates.automatic",
        options: "",
        break_it: "printf '\\nPackage: unattended-upgrades\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 2.9.1\\n' \
                   >> /var/lib/dpkg/status; systemctl mask --now apt-daily.timer",
        holds: "apt-config dump | grep -q 'APT::Periodic::Unattended-Upgrade \"1\"'; systemctl -q is-active apt-daily.timer",
    },
    Check {
        rule: "net.redirects-not-sent",
        options: "",
        break_it: "mount -o remount,rw /proc/sys; echo 1 > /proc/sys/net/ipv4/conf/all/send_redirects; \
                   echo 'net.ipv4.conf.all.send_redirects=1' > /etc/sysctl.d/zzz.conf",
        holds: "[ $(cat /proc/sys/net/ipv4/conf/all/send_redirects) = 0 ]; \
                /lib/systemd/systemd-sysctl --cat-config | grep send_redirects | tail -n 1 | grep -q '= 0'",
    },
    Check {
        rule: "os.no-graphical-desktop",
        options: "--opt-in boot-target",
        break_it: "touch /usr/sbin/gdm3; printf '[Service]\\nExecStart=/usr/sbin/gdm3\\n' > /usr/lib/systemd/system/gdm.service; \
                   ln -sf /usr/lib/systemd/system/gdm.service /etc/systemd/system/display-manager.service; \
                   systemctl set-default graphical.target",
        holds: "[ \"$(systemctl get-default)\" = multi-user.target ]",
    },
];

/// The tree of /etc byte by byte, with owners, modes and times of files, and how every unit stands.
const LOOK: &str = "find /etc /usr/local/sbin -xdev \\( -type f -printf '%p %m %U %G %T@\\n' -o -printf '%p %m %U %G %l\\n' \\) \
                    | grep -v '^/etc ' | sort; find /etc -xdev -type f -exec sha256sum {} + | sort; \
                    systemctl list-unit-files --no-legend --no-pager | sort; \
                    systemctl list-units --all --plain --no-legend --no-pager --type=service,socket,timer | \
                    grep -v 'session-\\|user@\\|user-runtime\\|systemd-sysctl\\|palisade-watch' | awk '{print $1, $3}' | \
                    grep -v 'storage-watch\\|palisade-audit' | sort; cat /proc/sys/net/ipv4/conf/*/send_redirects";

fn verdicts(host: &Debian, rule: &str) -> Vec<Verdict> {
    let output = host.shell(&format!("{PROGRAM} audit --profile /root/site.yaml --rule {rule} --format json"));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{rule}: {error}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    report.findings.iter().map(|finding| finding.verdict).collect()
}

fn different(one: &str, other: &str) -> Vec<String> {
    let only = |a: &str, b: &str, sign: &str| -> Vec<String> {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(|line| format!("{sign} {line}"))
            .collect()
    };
    [only(one, other, "-"), only(other, one, "+")].concat()
}

fn there_and_back(host: &Debian, check: &Check) {
    let Check { rule, options, break_it, holds } = check;
    host.succeed(break_it);
    let before = host.succeed(LOOK);
    let found = verdicts(host, rule);
    assert!(found.contains(&Verdict::Fail), "does not fail: {found:?}");
    let harden = format!("{PROGRAM} harden --profile /root/site.yaml --rule {rule} {options}");
    host.succeed(&harden);
    assert_eq!(
        different(&before, &host.succeed(LOOK)),
        Vec::<String>::new(),
        "the plan alone changed something"
    );
    let apply = format!("{harden} --apply --yes");
    let told = host.succeed(&apply);
    // What reverts by itself is kept; what does not is kept already.
    host.shell(&format!("{PROGRAM} harden confirm"));
    let found = verdicts(host, rule);
    assert!(found.iter().all(|verdict| *verdict == Verdict::Pass), "still fails: {found:?}\n{told}");
    host.succeed(holds);
    let after = host.succeed(LOOK);
    host.succeed(&apply);
    assert_eq!(
        different(&after, &host.succeed(LOOK)),
        Vec::<String>::new(),
        "the second time changed something"
    );
    host.succeed(&format!("{PROGRAM} harden undo --yes"));
    assert_eq!(different(&before, &host.succeed(LOOK)), Vec::<String>::new(), "not as before");
}

#[test]
fn services_of_a_real_host_are_mended_and_taken_back() {
    let host = Debian::start(&[(PALISADE, PROGRAM)]);
    host.succeed("printf 'declare:\\n  time_sources: [a.example, b.example]\\n' > /root/site.yaml");
    // It comes and goes where the kernel's audit system answers another.
    host.succeed("systemctl mask --now auditd.service; systemctl reset-failed");
    let mut wrong = Vec::new();
    for check in CHECKS {
        if let Err(panic) =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| there_and_back(&host, check)))
        {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
            wrong.push(format!("{}: {text}", check.rule));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CHECKS.len(), wrong.join("\n\n"));
    a_fix_that_cannot_be_made_keeps_no_other_from_it(&host);
}

/// A file of somebody else's that rsyslog refuses: its fix is named and put back, the journal's is kept.
fn a_fix_that_cannot_be_made_keeps_no_other_from_it(host: &Debian) {
    let [journal, rsyslog] = ["logging.journal-persistent", "logging.rsyslog-files-private"];
    for check in CHECKS.iter().filter(|check| [journal, rsyslog].contains(&check.rule)) {
        host.succeed(check.break_it);
    }
    host.succeed("echo 'module(load=\"nothing-of-this-name\") nonsense' > /etc/rsyslog.d/zz-broken.conf");
    let rules = format!("--rule {journal} --rule {rsyslog}");
    let before = host.succeed("cat /etc/rsyslog.conf");
    let output = host.shell(&format!("{PROGRAM} harden {rules} --apply --yes"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("rsyslogd") && told.contains("put back"), "{told}");
    assert_eq!(verdicts(host, journal), [Verdict::Pass]);
    assert_eq!(verdicts(host, rsyslog), [Verdict::Fail]);
    assert_eq!(before, host.succeed("cat /etc/rsyslog.conf"));
    host.succeed(&format!("{PROGRAM} harden undo --yes; rm /etc/rsyslog.d/zz-broken.conf"));
    assert_eq!(verdicts(host, journal), [Verdict::Fail]);
}

/// In a room of its own: the files of rules are not this machine's, the kernel is.
const AUDIT: &str = r#"
backlog=$(auditctl -s | sed -n 's/^backlog_limit //p')
trap 'auditctl -D > /dev/null; auditctl -e 0 > /dev/null; auditctl -b $backlog > /dev/null' EXIT
auditctl -D; auditctl -e 1; auditctl -b 64
mkdir -p /var/log/audit /srv/site
rm -f /etc/audit/rules.d/* /etc/audit/audit.rules
printf -- '-D\n-b 64\n-f 1\n-w /etc/hosts -p wa -k network\n' > /etc/audit/rules.d/audit.rules
augenrules
auditctl -w /etc/passwd -p wa -k identity
auditctl -a always,exit -F arch=b64 -S execve -C uid!=euid -F euid=0 -k up
printf 'declare:\n  audit_paths: [/srv]\n' > /root/site.yaml
look_at() { find /etc/audit -printf '%p %m %U %G %l\n' | sort; find /etc/audit -type f -exec sha256sum {} + | sort; auditctl -l | sort; auditctl -s | grep -vE '^(lost|backlog|backlog_wait_time_actual) '; }
judge() {
    "$PALISADE" audit --profile /root/site.yaml $rules --format json > /run/report.json || true
    [ "$(grep -c "\"verdict\": \"$1\"" /run/report.json)" -ge "$2" ] || { cat /run/report.json; echo "not $1"; exit 1; }
}
rules="--rule audit.identity-watched --rule audit.own-settings-watched --rule audit.network-settings-watched \
    --rule audit.site-paths-watched --rule audit.activities-recorded --rule audit.rules-persisted --rule audit.rules-loaded \
    --rule audit.rules-compiled --rule audit.queue-large-enough"
look_at > /run/before
judge fail 9
"$PALISADE" harden --profile /root/site.yaml $rules --apply --yes
judge pass 20
! grep -q '"verdict": "fail"' /run/report.json
look_at > /run/after
grep -q 'uid!=euid' /run/after
# What augenrules would make is what stands there, and the kernel takes every line of it.
[ "$(augenrules --check)" = "/usr/sbin/augenrules: No change" ]
auditctl -l | sort > /run/rules
auditctl -R /etc/audit/audit.rules
auditctl -l | sort | diff /run/rules -
"$PALISADE" harden --profile /root/site.yaml $rules --apply --yes
look_at | diff /run/after -
"$PALISADE" harden undo --yes
look_at | diff /run/before -
# Locked from the next boot on: only the file says so.
rules="--rule audit.rules-locked"
judge fail 1
"$PALISADE" harden --profile /root/site.yaml $rules --opt-in audit-immutable --apply --yes
judge pass 1
[ "$(tail -n 1 /etc/audit/audit.rules)" = "-e 2" ]
"$PALISADE" harden undo --yes
look_at | diff /run/before -
# A running daemon takes up its settings.
sed -i 's/^disk_full_action.*/disk_full_action = IGNORE/' /etc/audit/auditd.conf
look_at > /run/before
auditd -n & daemon=$!
for i in $(seq 100); do auditctl -s | grep -q "^pid $daemon" && break; sleep 0.05; done
rules="--rule audit.failure-answered"
judge fail 1
"$PALISADE" harden --profile /root/site.yaml $rules --apply --yes
judge pass 1
kill -0 $daemon
"$PALISADE" harden undo --yes
kill $daemon; wait $daemon || true
look_at | sed 's/^pid .*/pid 0/' > /run/now
sed 's/^pid .*/pid 0/' /run/before | diff - /run/now
echo mended >&3
"#;

#[test]
fn audit_rules_are_put_into_the_real_kernel_and_taken_back() {
    let _lock = audit_lock();
    let output = room_among_processes(PALISADE, AUDIT);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mended\n");
}
