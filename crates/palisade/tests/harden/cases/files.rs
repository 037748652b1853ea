//! Who may read and change files.

use test_support::Machine;

use crate::harness::Case;

fn machine() -> Machine {
    Machine::new()
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nplc:x:400:400::/var/lib/plc:/usr/sbin/nologin\n")
        .file("/etc/group", "root:x:0:\nadm:x:4:\nshadow:x:42:\ncrontab:x:105:\nplc:x:400:\n")
}

fn case(
    name: &'static str,
    fix: &'static str,
    rules: &'static [&'static str],
    machine: fn() -> Machine,
) -> Case {
    Case { name, fix, rules, machine, profile: "", answers_stay: false }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("account files that others write", "file-access", ACCOUNTS, || {
            machine()
                .mode("/etc/passwd", 0o666)
                .file_with_mode("/etc/shadow", "root:*:1::::::\n", 0o644)
                .file_with_mode("/etc/gshadow", "root:*::\n", 0o604)
                .file_with_mode("/etc/sudoers.d/x", "", 0o460)
        }),
        case("cron that others read, with its list of users", "file-access", CRON, || {
            machine()
                .file_with_mode("/etc/crontab", "", 0o666)
                .file_with_mode("/etc/cron.d/x", "", 0o664)
                .file_with_mode("/etc/cron.allow", "root\n", 0o644)
                .mode("/etc/cron.d", 0o755)
                .file_with_mode("/var/spool/cron/crontabs/root", "", 0o644)
        }),
        case("settings of the system", "file-access", SYSTEM, || {
            machine()
                .file_with_mode("/etc/profile", "", 0o664)
                .file_with_mode("/etc/audit/auditd.conf", "", 0o644)
                .file_with_mode("/etc/wireguard/wg0.conf", "", 0o644)
                .file_with_mode("/etc/ssh/ssh_config", "", 0o666)
                .directory("/usr/local/sbin")
                .mode("/usr/local/sbin", 0o777)
                .file_with_mode("/usr/local/bin/tool", "", 0o777)
        }),
        case("keys of packages and files of services", "file-access", &["packages.keys-protected"], || {
            machine()
                .file("/usr/bin/apt-get", "")
                .file("/usr/bin/dpkg", "")
                .file("/var/lib/dpkg/status", "")
                .file_with_mode("/etc/apt/trusted.gpg.d/x.gpg", "", 0o666)
        }),
        case("the boot loader's files", "file-access", &["boot.loader-files-root-only"], || {
            machine().file_with_mode("/boot/grub/grub.cfg", "set timeout=5\n", 0o644)
        }),
        case("secrets that others read", "secret-access", SECRETS, || {
            machine()
                .file_with_mode("/srv/x/key.pem", KEY, 0o644)
                .file_with_mode("/srv/x/store.p12", "x", 0o664)
                .file_with_mode("/srv/x/.env", "A=b\n", 0o644)
                .file_with_mode("/srv/backup/a.tar", "x", 0o644)
                .mode("/srv/backup", 0o755)
                .file_with_mode("/srv/x/docker-compose.yml", "services: {}\n", 0o664)
        }),
        case("logs that others read and write", "log-access", LOGS, || {
            machine()
                .file_with_mode("/var/log/auth.log", "", 0o644)
                .file_with_mode("/var/log/app/app.log", "", 0o666)
                .file_with_mode("/var/log/dpkg.log", "", 0o644)
        }),
        case("what everybody writes", "world-writable", WORLD, || {
            machine().file_with_mode("/srv/x/data", "", 0o666).directory("/srv/drop").mode("/srv/drop", 0o777)
        }),
        Case {
            profile: "declare:\n  setuid_programs: []\n",
            ..case(
                "setuid programs",
                "setuid-drop",
                &["files.setuid-programs-approved", "files.no-hidden-setuid-programs"],
                || {
                    machine().file_with_mode("/opt/x/tool", "", 0o4755).file_with_mode(
                        "/srv/x/.hidden/tool",
                        "",
                        0o2755,
                    )
                },
            )
        },
        case("files of trust", "trust-files", &["files.no-trust-files"], || {
            machine().file("/root/.rhosts", "+ +\n").file("/etc/hosts.equiv", "+\n")
        }),
        case("old copies and dumps", "leftovers", LEFTOVERS, || {
            let machine = machine()
                .file("/etc/x.conf.bak", "password=1\n")
                .file("/var/www/html/dump.sql", "x")
                .file("/var/www/html/phpinfo.php", "<?php phpinfo();");
            let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100 * 86_400);
            let file = std::fs::File::options().write(true).open(machine.place("/etc/x.conf.bak")).unwrap();
            file.set_modified(old).unwrap();
            machine
        }),
    ]
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n";
const ACCOUNTS: &[&str] =
    &["files.account-files-only-roots", "files.password-hashes-private", "files.sudo-rules-only-roots"];
const CRON: &[&str] = &["files.cron-jobs-only-roots", "files.cron-jobs-private", "files.crontabs-private"];
const SYSTEM: &[&str] = &[
    "files.system-settings-only-roots",
    "files.audit-settings-private",
    "files.network-secrets-private",
    "files.ssh-settings-only-roots",
    "files.path-directories-only-roots",
    "files.path-programs-only-roots",
];
const SECRETS: &[&str] = &[
    "files.private-keys-private",
    "files.keystores-private",
    "files.environment-files-private",
    "files.backup-files-private",
    "files.backup-directories-private",
    "files.deployment-files-protected",
];
const LOGS: &[&str] = &["logging.not-writable-by-all", "logging.security-logs-private", "logging.logs-private"];
const WORLD: &[&str] = &["files.no-world-writable-files", "files.no-world-writable-directories"];
const LEFTOVERS: &[&str] = &["files.no-leftovers-in-web-roots", "files.no-samples", "files.old-copies-removed"];
