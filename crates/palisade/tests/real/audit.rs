//! The kernel's audit system with a real auditd and real rules, loaded and persisted.

use serde_json::json;
use test_support::{audit_lock, room_among_processes};

use crate::verdicts::{PALISADE, Verdicts, assert_all_shown, documents};

/// Rules for everything that is asked for, put into the kernel and into files. The lock of `-e 2` stands only in a file:
/// in the kernel it would hold until the machine restarts.
const GOOD: &str = r#"
backlog=$(auditctl -s | sed -n 's/^backlog_limit //p')
end() {
    [ -z "$daemon" ] || { kill $daemon; wait $daemon || true; }
    auditctl -D; auditctl -e 0; auditctl -b $backlog
}
trap end EXIT
mkdir -p -m 700 /var/log/audit
mkdir -p /etc/apparmor.d
touch /var/log/wtmp /var/log/btmp /var/log/lastlog
rm -f /etc/audit/rules.d/* /etc/audit/audit.rules
cat > /etc/audit/rules.d/10-site.rules <<END
-D
-b 8192
-w /etc -p wa -k etc
-w /usr/bin -p wa -k programs
-w /usr/sbin -p wa -k programs
-w /usr/local/bin -p wa -k programs
-w /usr/lib/systemd/system -p wa -k units
-w /var/lib/docker -p wa -k docker
-w /var/spool/cron -p wa -k cron
-w /var/log -p wa -k logs
-w /root -p wa -k root
-w /run -p wa -k run
-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -k clock
-a always,exit -F arch=b64 -S sethostname,setdomainname -k name
-a always,exit -F arch=b64 -S chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr -F auid>=1000 -F auid!=unset -k perm
-a always,exit -F arch=b64 -S unlink,unlinkat,rename,renameat -F auid>=1000 -F auid!=unset -k delete
-a always,exit -F arch=b64 -S creat,open,openat,truncate,ftruncate -F exit=-EACCES -F auid>=1000 -F auid!=unset -k access
-a always,exit -F arch=b64 -S creat,open,openat,truncate,ftruncate -F exit=-EPERM -F auid>=1000 -F auid!=unset -k access
-a always,exit -F arch=b64 -S mount -F auid>=1000 -F auid!=unset -k mount
-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -k modules
-a always,exit -F arch=b64 -C euid!=uid -F euid=0 -S execve -k root
END
chmod 640 /etc/audit/rules.d/10-site.rules
auditctl -R /etc/audit/rules.d/10-site.rules
auditctl -e 1
echo '-e 2' > /etc/audit/rules.d/99-lock.rules
chmod 640 /etc/audit/rules.d/99-lock.rules
augenrules
set_to() { sed -i "/^$1 *=/d" /etc/audit/auditd.conf; echo "$1 = $2" >> /etc/audit/auditd.conf; }
set_to space_left_action email
set_to admin_space_left_action single
set_to disk_full_action halt
set_to disk_error_action halt
set_to log_group root
[ -e /etc/audit/plugins.d/syslog.conf ] && sed -i 's/^active.*/active = yes/' /etc/audit/plugins.d/syslog.conf
sed 's/$/ audit=1/' /proc/cmdline > /run/cmdline
mount --bind /run/cmdline /proc/cmdline
"#;

/// Nothing recorded, files and kernel at odds, settings that lose records.
const BAD: &str = r#"
kill $daemon; wait $daemon || true; daemon=
umount /proc/cmdline
auditctl -D; auditctl -e 0; auditctl -b 64
auditctl -w /etc/hostname -p wa -k only-loaded
auditctl -a never,task
printf '%s\n' '-w /etc/issue -p wa -k only-persisted' '-w nonsense -q' '-e 0' > /etc/audit/rules.d/10-site.rules
rm /etc/audit/rules.d/99-lock.rules
chmod 666 /etc/audit/rules.d/10-site.rules
set_to max_log_file_action ignore
set_to space_left_action ignore
set_to disk_full_action ignore
set_to write_logs no
set_to tcp_listen_port 60
sed -i 's/^active.*/active = no/' /etc/audit/plugins.d/syslog.conf
touch /var/log/audit/audit.log
chmod 644 /var/log/audit/audit.log; chmod 755 /var/log/audit
"#;

#[test]
fn every_rule_on_auditing_is_passed_and_failed_by_the_real_kernel() {
    let _lock = audit_lock();
    let script = format!(
        r#"{GOOD}
        auditd -n & daemon=$!
        for i in $(seq 100); do auditctl -s | grep -q "^pid $daemon" && break; sleep 0.05; done
        look audit logging
        {BAD}
        look audit logging"#
    );
    let states = documents(room_among_processes(PALISADE, &script));
    let declared = json!({"audit_paths": ["/etc/ssh/sshd_config"]});
    let good = Verdicts::new("good", &states[0], declared.clone());
    let bad = Verdicts::new("bad", &states[1], declared);
    good.are(
        "pass audit.daemon-runs
         pass audit.kernel-records
         pass audit.queue-large-enough
         pass audit.rules-locked
         pass audit.rules-persisted
         pass audit.rules-loaded
         pass audit.rules-compiled
         pass audit.identity-watched /etc/shadow
         pass audit.sudo-watched
         pass audit.docker-watched
         pass audit.activities-recorded
         pass audit.site-paths-watched
         pass audit.records-leave-host",
    );
    bad.are(
        "fail audit.daemon-runs
         fail audit.kernel-records
         fail audit.queue-large-enough
         fail audit.recorded-from-boot
         fail audit.rules-locked
         fail audit.processes-not-exempt
         fail audit.rules-persisted
         fail audit.rules-loaded
         fail audit.rule-files-valid
         fail audit.identity-watched /etc/shadow
         fail audit.activities-recorded
         fail audit.log-size-set
         fail audit.takes-no-foreign-events
         fail audit.log-folder-private
         fail audit.log-files-private",
    );
    let not_shown = [
        ("audit.no-events-lost", "losing events would need a flood; covered by its examples"),
        ("audit.docker-volumes-watched", "no container has volumes here; covered by its examples"),
    ];
    assert_all_shown("audit.", &[&good, &bad], &not_shown);
}
