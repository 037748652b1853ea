//! Accounts, passwords, PAM and sudo.

use std::time::{SystemTime, UNIX_EPOCH};

use test_support::Machine;

use crate::harness::Case;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
                      alice:x:1000:1000:Alice:/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n";
const GROUP: &str =
    "root:x:0:\nadm:x:4:alice\nsudo:x:27:alice\nshadow:x:42:\ndocker:x:998:\nalice:x:1000:\nbob:x:1001:\n";
const COMMON_AUTH: &str =
    "# primary\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\tpam_deny.so\n";
const COMMON_PASSWORD: &str = "# primary\npassword\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\npassword\trequisite\tpam_deny.so\n";

/// The day as /etc/shadow counts it.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400
}

/// A machine with two persons; `more` are lines of /etc/shadow beside those of root and daemon.
fn people(more: &str) -> Machine {
    let shadow = format!("root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n{more}");
    Machine::new()
        .file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP)
        .file_with_mode("/etc/shadow", shadow, 0o640)
        .directory("/home/alice")
        .directory("/home/bob")
        .mode("/home/alice", 0o700)
        .mode("/home/bob", 0o700)
}

/// Both have passwords of today without an end.
fn with_passwords() -> Machine {
    let day = today();
    people(&format!("alice:$y$j9T$x:{day}:0:99999:7:::\nbob:$y$j9T$y:{day}:0:99999:7:90::\n"))
}

/// PAM as Debian installs it.
fn with_pam() -> Machine {
    with_passwords()
        .file("/etc/pam.d/common-auth", COMMON_AUTH)
        .file("/etc/pam.d/common-password", COMMON_PASSWORD)
        .file("/etc/pam.d/passwd", "@include common-password\n")
        .file(
            "/etc/pam.d/login",
            "auth optional pam_faildelay.so\n@include common-auth\n@include common-session\n",
        )
        .file("/etc/pam.d/sshd", "@include common-auth\n")
        .file("/etc/pam.d/common-session", "session optional pam_umask.so\n")
        .file("/etc/security/opasswd", "")
}

/// sudo with `main` as its policy.
fn with_sudo(main: &str) -> Machine {
    with_passwords()
        .file("/usr/bin/sudo", "")
        .file("/usr/sbin/visudo", "")
        .file_with_mode("/etc/sudoers", main, 0o440)
        .directory("/etc/sudoers.d")
        .program("visudo -c -q", "")
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
    let mut all = vec![
        case(
            "login.defs, set twice and in a comment",
            "login-defs",
            &["accounts.password-age-limited"],
            || {
                people("").file(
                    "/etc/login.defs",
                    "# PASS_MAX_DAYS 10\nPASS_MAX_DAYS\t99999\nUMASK 027\nPASS_MAX_DAYS 5000\n",
                )
            },
        ),
        case("login.defs is missing", "login-defs", &["accounts.password-age-limited"], || people("")),
        case(
            "inactive accounts",
            "account-inactivity",
            &["accounts.inactive-locked", "accounts.inactive-accounts-lock"],
            || with_passwords().file("/etc/default/useradd", "# INACTIVE=-1\nSHELL=/bin/sh\nINACTIVE=-1\n"),
        ),
        case(
            "inactive accounts, no defaults of useradd",
            "account-inactivity",
            &["accounts.inactive-locked"],
            || people(""),
        ),
        case("passwords that never expire", "password-age", &["accounts.passwords-expire"], with_passwords),
        case("an empty password", "account-lock", &["accounts.passwords-not-empty"], || {
            people(&format!("alice:$y$j9T$x:{}:0:99999:7:::\nbob::19000:0:99999:7:::\n", today()))
        }),
        case("an empty password in /etc/passwd", "account-lock", &["accounts.passwords-not-empty"], || {
            with_passwords().file("/etc/passwd", format!("{PASSWD}guest::1002:1002::/home/guest:/bin/sh\n"))
        }),
        case(
            "a service with a password",
            "account-lock",
            &["accounts.system-accounts-without-password"],
            || {
                people(&format!("alice:$y$j9T$x:{}:0:99999:7:::\nplc:$6$a$b:19000:0:99999:7:::\n", today()))
                    .file("/etc/passwd", format!("{PASSWD}plc:x:400:400::/var/lib/plc:/usr/sbin/nologin\n"))
            },
        ),
        case("root with a password", "root-lock", &["accounts.root-password-locked"], || {
            with_sudo("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n").file_with_mode(
                "/etc/shadow",
                format!("root:$y$j9T$r:19000:0:99999:7:::\nalice:$y$j9T$x:{}:0:99999:7:::\n", today()),
                0o640,
            )
        }),
        case("a service with a shell", "system-shell", &["accounts.system-accounts-without-shell"], || {
            people("plc:*:19000:0:99999:7:::\n").file(
                "/etc/passwd",
                format!("{PASSWD}plc:x:400:400::/var/lib/plc:/bin/bash\nodd:x:401:401::/:\n"),
            )
        }),
        Case {
            profile: "declare:\n  docker_users: []\n  administrators: [root, alice]\n",
            ..case(
                "members that nobody approved",
                "group-members",
                &["accounts.docker-group-approved", "accounts.privileged-groups-approved"],
                || {
                    with_passwords()
                    .file("/etc/group", "root:x:0:\nsudo:x:27:alice,bob\nshadow:x:42:\ndocker:x:998:bob\nalice:x:1000:\nbob:x:1001:\n")
                    .file_with_mode("/etc/gshadow", "root:*::\nsudo:*::alice,bob\nshadow:*::\n", 0o640)
                },
            )
        },
        case("pwquality, loose in file, drop-in and PAM", "password-quality", PASSWORDS, || {
            with_pam()
                .file(
                    "/etc/pam.d/common-password",
                    format!("password requisite pam_pwquality.so retry=3 minlen=6\n{COMMON_PASSWORD}"),
                )
                .file("/etc/security/pwquality.conf", "# minlen = 8\ndictcheck = 0\nenforcing = 0\n")
                .file("/etc/security/pwquality.conf.d/a.conf", "minlen = 4\ndictcheck=0\n")
        }),
        case(
            "pwquality without its file",
            "password-quality",
            &["accounts.password-length", "accounts.password-policy-binds-root"],
            || {
                with_pam().file(
                    "/etc/pam.d/common-password",
                    format!("password requisite pam_pwquality.so retry=3\n{COMMON_PASSWORD}"),
                )
            },
        ),
        case(
            "former passwords, as Debian installs it",
            "password-history",
            &["accounts.password-history"],
            with_pam,
        ),
        case("former passwords, too few", "password-history", &["accounts.password-history"], || {
            with_pam().file("/etc/pam.d/common-password", "password required pam_unix.so remember=2 sha512\n")
        }),
        case(
            "former passwords, pam_pwhistory with its file",
            "password-history",
            &["accounts.password-history"],
            || {
                with_pam()
                    .file(
                        "/etc/pam.d/common-password",
                        format!("password required pam_pwhistory.so use_authtok\n{COMMON_PASSWORD}"),
                    )
                    .file("/etc/security/pwhistory.conf", "remember=3\n")
            },
        ),
        case("weak hashes", "password-hashing", &["accounts.password-hashing"], || {
            with_pam()
                .file(
                    "/etc/pam.d/common-password",
                    "password [success=1 default=ignore] pam_unix.so obscure md5 shadow\n",
                )
                .file("/etc/login.defs", "ENCRYPT_METHOD MD5\n")
        }),
        case("empty passwords are let in", "empty-passwords", &["accounts.empty-passwords-refused"], with_pam),
        case("failed logins", "faillock", &["accounts.lockout-on", "accounts.lockout-lasts"], || {
            with_pam()
                .file("/etc/pam.d/common-auth", format!("auth required pam_faillock.so preauth\n{COMMON_AUTH}"))
                .file("/etc/security/faillock.conf", "# deny = 3\ndeny = 20\nunlock_time=60\n")
        }),
    ];
    all.extend(sudo_cases());
    all.extend(session_cases());
    all
}

const PASSWORDS: &[&str] =
    &["accounts.password-length", "accounts.password-dictionary", "accounts.password-policy-binds-root"];

const DEFAULTS: &[&str] = &[
    "accounts.sudo-in-own-terminal",
    "accounts.sudo-logged",
    "accounts.sudo-password-soon-forgotten",
    "accounts.sudo-environment-clean",
];

fn sudo_cases() -> Vec<Case> {
    vec![
        case("sudo without a password", "sudo-password", &["accounts.sudo-asks-for-password"], || {
            with_sudo("root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n").file_with_mode(
                "/etc/sudoers.d/90-cloud",
                "# cloud\nalice ALL=(ALL) NOPASSWD:ALL\n  %sudo  ALL=(ALL) NOPASSWD: /bin/a, /bin/b # both\n",
                0o440,
            )
        }),
        case(
            "sudo, authentication switched off",
            "sudo-password",
            &["accounts.sudo-authentication-on"],
            || {
                with_sudo(
                    "Defaults env_reset, !authenticate\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n",
                )
            },
        ),
        case("sudo's defaults, as Debian had them", "sudo-defaults", DEFAULTS_OF_OLD, || {
            with_sudo(
                "Defaults env_reset\nDefaults secure_path=\"/usr/sbin:/usr/bin\"\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
            )
        }),
        case(
            "sudo's defaults, set wrong in front of and behind the include",
            "sudo-defaults",
            DEFAULTS,
            || {
                with_sudo(
                    "Defaults !env_reset\n#includedir /etc/sudoers.d\nDefaults timestamp_timeout=-1,!use_pty\nroot ALL=(ALL:ALL) ALL",
                )
            },
        ),
        case(
            "sudo's defaults, set wrong in a later file and without an include",
            "sudo-defaults",
            &["accounts.sudo-in-own-terminal"],
            || {
                with_sudo("@includedir /etc/sudoers.d\nroot ALL=(ALL:ALL) ALL\n").file_with_mode(
                    "/etc/sudoers.d/zzz",
                    "Defaults !use_pty\n",
                    0o440,
                )
            },
        ),
        case(
            "sudo's defaults, an older wish of our own",
            "sudo-defaults",
            &["accounts.sudo-password-soon-forgotten"],
            || {
                with_sudo("@includedir /etc/sudoers.d\n").file_with_mode(
                "/etc/sudoers.d/zz-palisade",
                "# Written by Palisade; `palisade harden undo` takes it back.\nDefaults timestamp_timeout=20\nDefaults use_pty\n",
                0o440,
            )
            },
        ),
        case("su for everybody", "su-restricted", &["accounts.su-restricted"], || {
            with_pam().file("/etc/pam.d/su", "#\nauth       sufficient pam_rootok.so\n# auth       required   pam_wheel.so\n@include common-auth\n")
        }),
    ]
}

const DEFAULTS_OF_OLD: &[&str] = &["accounts.sudo-in-own-terminal", "accounts.sudo-logged"];

fn session_cases() -> Vec<Case> {
    vec![
        case("idle shells", "shell-timeout", &["accounts.idle-shells-end"], || {
            people("").file("/etc/profile", "umask 022\n")
        }),
        case(
            "idle shells, a limit that users may change",
            "shell-timeout",
            &["accounts.idle-shells-end"],
            || people("").file("/etc/profile.d/site.sh", "TMOUT=300\nexport TMOUT\n"),
        ),
        case(
            "idle shells, a fixed limit that is too long",
            "shell-timeout",
            &["accounts.idle-shells-end"],
            || people("").file("/etc/bash.bashrc", "[ -z \"$PS1\" ] || declare -rx TMOUT=36000\n"),
        ),
        case("umask, loose in three places", "umask", &["accounts.umask-hides"], || {
            with_pam()
                .file("/etc/login.defs", "UMASK\t\t022\n")
                .file("/etc/profile", "if true; then\n  umask 002; fi\n")
                .file("/etc/pam.d/common-session", "session optional pam_umask.so umask=0022\n")
        }),
        case("umask, set nowhere", "umask", &["accounts.umask-hides"], with_pam),
        case("open homes", "home-access", &["accounts.homes-private", "accounts.homes-owned"], || {
            people("").mode("/home/alice", 0o755).mode("/home/bob", 0o777)
        }),
    ]
}
