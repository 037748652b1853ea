//! The rules that record what guides want recorded, by the names that facts use.

/// Name and rules, spelled as facts spell them so that no rule is written twice. Of what the system itself does all the
/// time only ordinary users' doings are recorded.
const DOINGS: &[(&str, &[&str])] = &[
    ("clock", &["-a always,exit -F arch=b64 -S adjtimex,clock_settime,settimeofday -k clock"]),
    ("host name", &["-a always,exit -F arch=b64 -S setdomainname,sethostname -k host-name"]),
    (
        "permissions",
        &["-a always,exit -F arch=b64 -S chmod,chown,fchmod,fchmodat,fchown,fchownat,fremovexattr,\
         fsetxattr,lchown,lremovexattr,lsetxattr,removexattr,setxattr -F auid!=-1 -F auid>=1000 -k permissions"],
    ),
    (
        "deletion",
        &[
            "-a always,exit -F arch=b64 -S rename,renameat,unlink,unlinkat -F auid!=-1 -F auid>=1000 -k deletion",
        ],
    ),
    (
        "denied access",
        &[
            "-a always,exit -F arch=b64 -S creat,ftruncate,open,openat,truncate -F auid!=-1 -F auid>=1000 \
         -F exit=-EACCES -k denied",
            "-a always,exit -F arch=b64 -S creat,ftruncate,open,openat,truncate -F auid!=-1 -F auid>=1000 \
         -F exit=-EPERM -k denied",
        ],
    ),
    ("mounts", &["-a always,exit -F arch=b64 -S mount -F auid!=-1 -F auid>=1000 -k mounts"]),
    (
        "kernel modules",
        &["-a always,exit -F arch=b64 -S delete_module,finit_module,init_module -k kernel-modules"],
    ),
    ("programs as root", &["-a always,exit -F arch=b64 -S execve -C euid!=uid -F euid=0 -k as-root"]),
];

/// The rules for one of them.
pub(super) fn rules(name: &str) -> &'static [&'static str] {
    DOINGS.iter().find(|(known, _)| *known == name).map_or(&[], |(_, rules)| rules)
}
