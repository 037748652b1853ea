//! The journal, rsyslog, rotation, records of logins.

use test_support::Machine;

use crate::harness::Case;

const JOURNALD: &str = "/usr/lib/systemd/systemd-journald";
const GROUPS: &str = "root:x:0:\nadm:x:4:\nutmp:x:43:\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "the journal is lost at a reboot, a later file says so",
            fix: "journald-setting",
            rules: &["logging.journal-persistent", "logging.journal-bounded", "logging.journal-compressed"],
            machine: || {
                Machine::new()
                    .file(JOURNALD, "")
                    .file(
                        "/etc/systemd/journald.conf",
                        "[Journal]\nStorage=volatile\nCompress=no\n#SystemMaxUse=\n",
                    )
                    .file(
                        "/etc/systemd/journald.conf.d/zz-site.conf",
                        "[Journal]\nstorage = none\nStorage=volatile\n",
                    )
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "rsyslog says nothing of modes",
            fix: "rsyslog-file-mode",
            rules: &["logging.rsyslog-files-private"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/rsyslogd", "")
                    .file("/etc/rsyslog.conf", "$IncludeConfig /etc/rsyslog.d/*.conf\n*.* /var/log/syslog\n")
                    .program("rsyslogd -N1", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "rsyslog opens its logs, twice",
            fix: "rsyslog-file-mode",
            rules: &["logging.rsyslog-files-private"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/rsyslogd", "")
                    .file(
                        "/etc/rsyslog.conf",
                        "$FileCreateMode 0644\n*.* /var/log/syslog\n$FileCreateMode 0644\n",
                    )
                    .program("rsyslogd -N1", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "logs are kept a week, and created for all",
            fix: "log-rotation",
            rules: &["logging.kept-long-enough", "logging.rotation-keeps-logs-private"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/logrotate", "")
                    .file(
                        "/etc/logrotate.conf",
                        "# rotate 9\nweekly\nrotate 1\ncreate\ninclude /etc/logrotate.d\n",
                    )
                    .file(
                        "/etc/logrotate.d/wtmp",
                        "/var/log/wtmp {\n    monthly\n\tcreate 0664 root  utmp\n    rotate 1\n}\n",
                    )
                    .program("logrotate --debug /etc/logrotate.conf", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "logrotate says nothing",
            fix: "log-rotation",
            rules: &["logging.kept-long-enough"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/logrotate", "")
                    .file("/etc/logrotate.conf", "")
                    .program("logrotate --debug /etc/logrotate.conf", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "records of logins are missing or open",
            fix: "login-records",
            rules: &["logging.logins-recorded"],
            machine: || {
                Machine::new()
                    .file("/etc/group", GROUPS)
                    .file_with_mode("/var/log/wtmp", "someone", 0o666)
                    .file_with_mode("/var/log/lastlog", "", 0o664)
            },
            profile: "",
            answers_stay: false,
        },
    ]
}
