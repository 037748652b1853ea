//! Keys of SSH users, and who can read and change SSH's files.

use super::ssh::{ALICE, people, server};
use crate::harness::Case;

const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDL+q2UqGgJn90mHcieccLiCm9UTCcxNwlrskE2Or3oyDoE/lgns+2htGR6x16vADt\
                   YUKUY2OSkIrD3TBbaN8Orh7Hi3+8y85OPHlFjr3F0JR+1SvPGjrmVrC8QjSgqMHR/VK7/bZhYbWfjfrxq5LpCrR62bsRZkUTylzQbNCK\
                   A/nNDrVF5t/lHKomWpxKHmefVc6NQKkswDD0CDsh6Jx7s31JZwbJasXu/lzEm8i13e6HRCltH5vNkWU9v410CobtdiXsKy0q1njssIK5\
                   oaUPLCWojZ110UAe++KS4WdU3HzMbGgxJ0S4O/saRsPalI5KiJt7hRLqw4sa2keWly8J7 alice@old";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJ9Yqy0CwVTMvNL3UVsrv3H0uf\
                     ndYlfd1XGnwggnMLAcGh9aMQjfFXiYjoy8YV1QIXfmPPJE/3dx/YeqCV6VSIc= bob@desk";
const CAROL: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBWNOpukwUi/ycF/0Z+D6XeviO1WnyL/bFsJQs1yGK6j carol@desk";

pub(super) fn cases() -> Vec<Case> {
    let quarantine = |name, rules, machine, profile| Case {
        name,
        fix: "ssh-keys-quarantine",
        rules,
        machine,
        profile,
        answers_stay: false,
    };
    vec![
        quarantine(
            "keys that are weak or no keys, some twice, with options, blanks and no newline at the end",
            &["ssh.keys-well-formed", "ssh.keys-of-strong-type", "ssh.rsa-keys-long"],
            || {
                let alice = format!(
                    "# alice's\n\n  {RSA}\n{ALICE}\nssh-ed25519 AAAA broken\nfrom=\"10.0.0.1\" {RSA}\n{RSA}"
                );
                people(server(""))
                    .file("/home/alice/.ssh/authorized_keys", alice)
                    .file("/home/bob/.ssh/authorized_keys", format!("restrict,pty {ECDSA}\r\n"))
                    .file("/home/bob/.ssh/authorized_keys2", format!("{CAROL}\n"))
            },
            "",
        ),
        quarantine(
            "keys that are retired, unregistered or overdue, and an older quarantine",
            &["ssh.retired-keys-removed", "ssh.keys-registered", "ssh.keys-fresh"],
            || {
                people(server(""))
                    .file("/home/bob/.ssh/authorized_keys", format!("{ECDSA}\n"))
                    .file("/home/carol/.ssh/authorized_keys", format!("{CAROL}\n"))
                    .file_with_mode(
                        "/etc/ssh/quarantined_keys",
                        "# kept\ndave 2026-01-01 by-hand: ssh-rsa AAAA\n",
                        0o600,
                    )
            },
            "declare:\n  retired_ssh_keys: [\"SHA256:6sDdN+MiEDZcccg4s5tNP4flfNv0DMuvx0aRLiMV+Bk\"]\n  ssh_keys:\n  \
             - {user: alice, fingerprint: \"SHA256:hseSkz3mm1hV67ei8E9Aiao0kQhbkjckUYbHK5VooeY\", registered: \"2999-01-01\"}\n  \
             - {user: carol, fingerprint: \"SHA256:0Chl78d3WWbpAK0+qGR200nS+c7LPvummC7y6VdjNGM\", registered: \"2001-01-01\"}\n",
        ),
        Case {
            name: "key files, host keys and settings that others can read or write",
            fix: "ssh-key-access",
            rules: &["ssh.key-files-private", "ssh.host-keys-private", "ssh.config-protected"],
            machine: || {
                people(server("HostKey /etc/ssh/ssh_host_ed25519_key\nInclude /etc/ssh/sshd_config.d/*.conf\n"))
                    .mode("/home/alice/.ssh/authorized_keys", 0o666)
                    .mode("/home/alice/.ssh", 0o777)
                    .file_with_mode("/home/bob/.ssh/authorized_keys", format!("{ECDSA}\n"), 0o644)
                    .file_with_mode("/etc/ssh/ssh_host_ed25519_key", "secret", 0o644)
                    .file_with_mode("/etc/ssh/sshd_config.d/50-x.conf", "X11Forwarding no\n", 0o666)
                    .mode("/etc/ssh/sshd_config", 0o664)
            },
            profile: "",
            answers_stay: false,
        },
    ]
}
