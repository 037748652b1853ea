//! The SSH server and keys.

use test_support::Machine;

use crate::harness::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: "sshd options, the main file's own setting comes before the include",
        fix: "sshd-option",
        rules: &["ssh.password-login-off", "ssh.root-login-off"],
        machine: || {
            Machine::new()
                .file("/usr/sbin/sshd", "")
                .file(
                    "/etc/ssh/sshd_config",
                    "PermitRootLogin yes\nInclude /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
                )
                .file("/etc/ssh/sshd_config.d/50-cloud.conf", "PasswordAuthentication yes\n")
                .program("sshd -t", "")
        },
        profile: "",
        answers_stay: false,
    }]
}
