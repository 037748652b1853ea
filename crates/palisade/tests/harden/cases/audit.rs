//! Audit rules and the audit daemon.

use test_support::Machine;

use crate::harness::Case;

const STATUS: &str = "enabled 1\nfailure 1\npid 7\nrate_limit 0\nbacklog_limit 64\nlost 0\nbacklog 0\n";

/// A machine with auditd and Debian's own rules; `loaded` are the kernel's.
fn auditd(loaded: &str) -> Machine {
    Machine::new()
        .file("/usr/sbin/auditd", "")
        .file_with_mode(
            "/etc/audit/rules.d/audit.rules",
            "## First rule - delete all\n-D\n\n-b 64\n--backlog_wait_time 60000\n-f 1\n",
            0o640,
        )
        .program("auditctl -s", STATUS)
        .program("auditctl -l", loaded)
}

/// The answers to rules that come and go.
fn rules(machine: Machine, rules: &[&str]) -> Machine {
    rules.iter().fold(machine, |machine, rule| {
        let back = rule.replacen("-w", "-W", 1).replacen("-a always", "-d always", 1);
        machine.program(&format!("auditctl {rule}"), "").program(&format!("auditctl {back}"), "")
    })
}

/// auditd with settings.
fn daemon(settings: &str) -> Machine {
    auditd("No rules\n").file_with_mode("/etc/audit/auditd.conf", settings, 0o640)
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = watches();
    all.extend(settings());
    all
}

fn watches() -> Vec<Case> {
    vec![
        Case {
            name: "no rule on users, one of two is in the kernel",
            fix: "audit-watch",
            rules: &["audit.identity-watched", "audit.sudo-watched"],
            machine: || {
                let machine = auditd("-w /etc/sudoers -p wa -k privilege\n")
                    .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
                    .file("/etc/shadow", "root:*:1::::::\n")
                    .file("/etc/sudoers", "");
                rules(
                    machine,
                    &[
                        "-w /etc/passwd -p wa -k identity",
                        "-w /etc/shadow -p wa -k identity",
                        "-w /etc/audit -p wa -k audit",
                    ],
                )
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "rules of users are only in the kernel, and audit.rules is old",
            fix: "audit-watch",
            rules: &["audit.identity-watched"],
            machine: || {
                auditd("-w /etc/passwd -p wa -k identity\n-w /etc/audit -p wa -k audit\n")
                    .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
                    .file_with_mode("/etc/audit/audit.rules", "-D\n-w /gone -p wa\n", 0o600)
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "paths of the site, one below a watched folder",
            fix: "audit-site-watch",
            rules: &["audit.site-paths-watched"],
            machine: || {
                let machine =
                    auditd("-w /opt/connector -p wa -k mine\n").directory("/opt/connector/etc").file_with_mode(
                        "/etc/audit/rules.d/10-mine.rules",
                        "-w /opt/connector -p wa -k mine\n",
                        0o640,
                    );
                rules(machine, &["-w /srv/site -p wa -k site"])
            },
            profile: "declare: {audit_paths: [/opt/connector/etc, /srv/site]}\n",
            answers_stay: true,
        },
        Case {
            name: "nothing is recorded of what changes the system",
            fix: "audit-activity",
            rules: &["audit.activities-recorded"],
            machine: || {
                let times = "-F auid!=-1 -F auid>=1000";
                let access = "-a always,exit -F arch=b64 -S creat,ftruncate,open,openat,truncate";
                let perm = "chmod,chown,fchmod,fchmodat,fchown,fchownat,fremovexattr,fsetxattr,lchown,lremovexattr,\
                            lsetxattr,removexattr,setxattr";
                let all = [
                    "-a always,exit -F arch=b64 -S setdomainname,sethostname -k host-name".to_owned(),
                    format!("-a always,exit -F arch=b64 -S {perm} {times} -k permissions"),
                    format!(
                        "-a always,exit -F arch=b64 -S rename,renameat,unlink,unlinkat {times} -k deletion"
                    ),
                    format!("{access} {times} -F exit=-EACCES -k denied"),
                    format!("{access} {times} -F exit=-EPERM -k denied"),
                    format!("-a always,exit -F arch=b64 -S mount {times} -k mounts"),
                    "-a always,exit -F arch=b64 -S delete_module,finit_module,init_module -k kernel-modules"
                        .to_owned(),
                    "-a always,exit -F arch=b64 -S execve -C euid!=uid -F euid=0 -k as-root".to_owned(),
                ];
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                let loaded = "-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -F key=clock\n";
                rules(auditd(loaded), &all)
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "rules only typed, with a comparison of two fields",
            fix: "audit-persist",
            rules: &["audit.rules-persisted"],
            machine: || {
                auditd(
                    "-w /opt -p wa -k opt\n-a always,exit -F arch=b64 -S execve -C uid!=euid -F euid=0 -F key=up\n\
                     -a always,exit -S all -F path=/etc/x -F perm=wa -F auid>=1000 -F auid!=-1\n",
                )
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "rules only written",
            fix: "audit-load",
            rules: &["audit.rules-loaded", "audit.rules-compiled"],
            machine: || {
                let machine = auditd("No rules\n").file_with_mode(
                    "/etc/audit/rules.d/10-site.rules",
                    "-w /opt/ -p wa -k opt\n",
                    0o640,
                );
                rules(machine, &["-w /opt -p wa -k opt"])
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "audit.rules is not what rules.d gives",
            fix: "audit-load",
            rules: &["audit.rules-compiled"],
            machine: || {
                auditd("-w /opt -p wa -k opt\n")
                    .file_with_mode(
                        "/etc/audit/rules.d/10-site.rules",
                        "# ours\n-w /opt/ -p wa -k opt\n-e 1\n",
                        0o640,
                    )
                    .file_with_mode("/etc/audit/audit.rules", "-D\n", 0o640)
            },
            profile: "",
            answers_stay: false,
        },
    ]
}

fn settings() -> Vec<Case> {
    vec![
        Case {
            name: "a short queue",
            fix: "audit-setting",
            rules: &["audit.queue-large-enough"],
            machine: || auditd("No rules\n").program("auditctl -b 8192", "").program("auditctl -b 64", ""),
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "audit rules can be changed",
            fix: "audit-immutable",
            rules: &["audit.rules-locked"],
            machine: || {
                auditd("No rules\n").file_with_mode("/etc/audit/rules.d/99-lock.rules", "# -e 2\n-e 1\n", 0o640)
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "auditd does nothing when its disk is full, takes foreign events, settings stand twice",
            fix: "auditd-setting",
            rules: &[
                "audit.log-size-set",
                "audit.little-space-told",
                "audit.failure-answered",
                "audit.log-written",
                "audit.takes-no-foreign-events",
            ],
            machine: || {
                daemon(
                    "#\n# Settings\nlog_file = /var/log/audit/audit.log\nWrite_Logs=no\nmax_log_file = 8\n\
                     max_log_file_action = IGNORE\nspace_left_action = EMAIL\nadmin_space_left_action = SUSPEND\n\
                     disk_full_action = SUSPEND\ndisk_full_action = IGNORE\ndisk_error_action = SUSPEND\n\
                     ##tcp_listen_port = 61\ntcp_listen_port = 60\n",
                )
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "an audit log for everybody",
            fix: "audit-log-access",
            rules: &["audit.log-folder-private", "audit.log-files-private"],
            machine: || {
                daemon("log_file = /var/log/audit/audit.log\n")
                    .file_with_mode("/var/log/audit/audit.log", "type=USER\n", 0o644)
                    .file_with_mode("/var/log/audit/audit.log.1", "type=USER\n", 0o466)
                    .mode("/var/log/audit", 0o775)
            },
            profile: "",
            answers_stay: false,
        },
    ]
}
