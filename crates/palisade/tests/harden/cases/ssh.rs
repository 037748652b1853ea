//! The SSH server.

use test_support::Machine;

use crate::harness::Case;

const DEBIAN: &str = "# Debian's own\nInclude /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n\
                      X11Forwarding yes\nPrintMotd no\nSubsystem sftp /usr/lib/openssh/sftp-server\n";

pub(super) const ALICE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBLDPS0bVqMHypm9QGuW/0Cx0nJJR8O4VxvgUiMpHk99 alice@desk";

/// A server of Debian 12 with this main file.
pub(super) fn server(main: &str) -> Machine {
    Machine::new()
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("/usr/sbin/sshd", "")
        .file("/etc/ssh/sshd_config", main)
        .program("sshd -t", "")
        .program("sshd -V", "OpenSSH_9.2, OpenSSL 3.0.11")
}

/// Three people: alice administers with a key, bob has a password, carol neither.
pub(super) fn people(machine: Machine) -> Machine {
    machine
        .file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n\
             bob:x:1001:1001::/home/bob:/bin/bash\ncarol:x:1002:1002::/home/carol:/bin/bash\n",
        )
        .file(
            "/etc/group",
            "root:x:0:\nsudo:x:27:alice\nssh_login_group:x:300:alice\nplant:x:301:alice,bob\n\
             alice:x:1000:\nbob:x:1001:\ncarol:x:1002:\n",
        )
        .file(
            "/etc/shadow",
            "root:*:19000:0:99999:7:::\nalice:$y$j9T$x$y:19000:0:99999:7:::\nbob:$y$j9T$x$y:19000:0:99999:7:::\n\
             carol:!:19000:0:99999:7:::\n",
        )
        .file("/home/alice/.ssh/authorized_keys", format!("{ALICE}\n"))
        .directory("/home/bob")
        .directory("/home/carol")
}

fn option(name: &'static str, rules: &'static [&'static str], machine: fn() -> Machine) -> Case {
    Case { name, fix: "sshd-option", rules, machine, profile: "", answers_stay: false }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = options();
    cases.extend([
        Case {
            name: "sshd without PAM",
            fix: "sshd-without-pam",
            rules: &["ssh.pam-off"],
            machine: || people(server(DEBIAN)),
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "ssh login group",
            fix: "ssh-login-group",
            rules: &["ssh.logins-restricted", "ssh.login-group-set"],
            machine: || people(server(DEBIAN)),
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "ssh login group that the site names, with users listed and a Match block",
            fix: "ssh-login-group",
            rules: &["ssh.login-group-set"],
            machine: || people(server("AllowUsers alice bob\nMatch User bob\n\tX11Forwarding yes\n")),
            profile: "params:\n  ssh.login-group-set:\n    group: plant\n",
            answers_stay: false,
        },
        Case {
            name: "ssh banner, and a Match block without one",
            fix: "ssh-banner",
            rules: &["ssh.banner-set"],
            machine: || {
                people(server(DEBIAN))
                    .file("/etc/ssh/sshd_config.d/10-bob.conf", "Match User bob\n  Banner none\n")
            },
            profile: "",
            answers_stay: false,
        },
    ]);
    cases
}

fn options() -> Vec<Case> {
    vec![
        option(
            "sshd options, the main file's own setting comes before the include",
            &["ssh.password-login-off", "ssh.root-login-off"],
            || {
                server(
                    "PermitRootLogin yes\nInclude /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
                )
                .file("/etc/ssh/sshd_config.d/50-cloud.conf", "PasswordAuthentication yes\n")
            },
        ),
        option("sshd options, no include", &["ssh.password-login-off", "ssh.auth-tries-limited"], || {
            server("# Only this file\nPasswordAuthentication yes\n\n")
        }),
        option("sshd options, an include and nothing in the folder", &["ssh.x11-forwarding-off"], || {
            server(DEBIAN)
        }),
        option("sshd options, a drop-in is read before ours", &["ssh.password-login-off"], || {
            server(DEBIAN).file("/etc/ssh/sshd_config.d/00-a.conf", "PasswordAuthentication yes\n")
        }),
        option("sshd options, an include of another folder comes first", &["ssh.password-login-off"], || {
            server("Include /etc/ssh/site/*.conf\nInclude /etc/ssh/sshd_config.d/*.conf\n")
                .file("/etc/ssh/site/zz.conf", "PasswordAuthentication yes\n")
        }),
        option("sshd options, the include stands in a Match block", &["ssh.password-login-off"], || {
            server("Match User bob\nInclude /etc/ssh/sshd_config.d/*.conf\nX11Forwarding yes\n")
                .file("/etc/ssh/sshd_config.d/50-bob.conf", "PasswordAuthentication yes\n")
        }),
        option(
            "sshd options, values in Match blocks",
            &["ssh.password-login-off", "ssh.root-login-off", "ssh.x11-forwarding-off"],
            || {
                server(
                    "PasswordAuthentication yes\nPermitRootLogin no\nMatch Address 10.0.0.0/8\n\
                     \x20   PasswordAuthentication yes\n\tpermitrootlogin=yes # for the backup\nMatch User bob\n\
                     \x20 X11Forwarding yes\n  AllowTcpForwarding no\n",
                )
            },
        ),
        option(
            "sshd options, twice, commented and in other letters",
            &["ssh.password-login-off", "ssh.keyboard-interactive-off"],
            || {
                server(
                    "#PasswordAuthentication no\npasswordauthentication yes\nPASSWORDAUTHENTICATION no\n\
                     ChallengeResponseAuthentication yes\nMatch User bob\nPasswordauthentication \"yes\"\n",
                )
            },
        ),
        option("sshd options, the main file is a link", &["ssh.password-login-off"], || {
            Machine::new()
                .file("/usr/sbin/sshd", "")
                .file("/srv/config/sshd", "PasswordAuthentication yes\n")
                .link("/etc/ssh/sshd_config", "../../srv/config/sshd")
                .program("sshd -t", "")
        }),
        option(
            "sshd options, a release without Include",
            &["ssh.password-login-off", "ssh.auth-tries-limited"],
            || {
                Machine::new()
                    .file("/usr/sbin/sshd", "")
                    .file(
                        "/etc/ssh/sshd_config",
                        "PasswordAuthentication yes\nMatch User bob\nX11Forwarding no\n",
                    )
                    .program("sshd -t", "")
                    .program("sshd -V", "OpenSSH_7.9p1 Debian-10, OpenSSL 1.1.1")
            },
        ),
        option("sshd options, our own file is there already", &["ssh.x11-forwarding-off"], || {
            server(DEBIAN).file(
                "/etc/ssh/sshd_config.d/00-palisade.conf",
                "# Written by Palisade; `palisade harden undo` takes it back.\nX11Forwarding yes\nMaxAuthTries 3\n",
            )
        }),
        option("sshd options, one user's Match block takes passwords", &["ssh.login-users-key-only"], || {
            people(server(
                "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch User bob\nPasswordAuthentication yes\n",
            ))
        }),
        option("sshd options, algorithms that are built in", &["ssh.macs-strong"], || server(DEBIAN)),
        option("sshd options, all at their worst", WORST, || people(server(WORST_FILE))),
    ]
}

const WORST: &[&str] = &[
    "ssh.agent-forwarding-off",
    "ssh.auth-tries-limited",
    "ssh.ciphers-strong",
    "ssh.empty-passwords-off",
    "ssh.gateway-ports-off",
    "ssh.gssapi-off",
    "ssh.host-signatures-strong",
    "ssh.hostbased-login-off",
    "ssh.idle-sessions-end",
    "ssh.key-exchanges-strong",
    "ssh.key-login-on",
    "ssh.keyboard-interactive-off",
    "ssh.login-time-limited",
    "ssh.login-users-key-only",
    "ssh.logins-logged",
    "ssh.macs-strong",
    "ssh.password-login-off",
    "ssh.rhosts-ignored",
    "ssh.root-login-off",
    "ssh.root-password-login-off",
    "ssh.rsa-keys-long-enough-required",
    "ssh.sessions-limited",
    "ssh.startups-limited",
    "ssh.strict-modes-on",
    "ssh.tcp-forwarding-off",
    "ssh.tunnel-off",
    "ssh.user-environment-off",
    "ssh.user-signatures-strong",
    "ssh.x11-forwarding-off",
];

const WORST_FILE: &str = "\
Port 2222
LoginGraceTime 0
PermitRootLogin yes
StrictModes no
MaxAuthTries 10
MaxSessions 100
PubkeyAuthentication no
PermitEmptyPasswords yes
PasswordAuthentication yes
KbdInteractiveAuthentication yes
GSSAPIAuthentication yes
HostbasedAuthentication yes
IgnoreRhosts no
AllowAgentForwarding yes
AllowTcpForwarding yes
GatewayPorts yes
X11Forwarding yes
PermitTunnel yes
PermitUserEnvironment yes
LogLevel QUIET
MaxStartups 100
RequiredRSASize 1024
ClientAliveInterval 0
Ciphers aes256-gcm@openssh.com,aes128-cbc
MACs hmac-sha2-512,hmac-sha1
KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1
PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512,ssh-rsa
HostKeyAlgorithms ssh-ed25519,ssh-rsa
UsePAM yes
Include /etc/ssh/sshd_config.d/*.conf
";
