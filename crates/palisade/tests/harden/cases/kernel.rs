//! Kernel settings, modules, mounts, core dumps.

use test_support::Machine;

use crate::harness::Case;

/// A machine whose kernel has some settings.
fn kernel(settings: &[(&str, &str)]) -> Machine {
    settings.iter().fold(Machine::new(), |machine, (name, value)| {
        machine.file(&format!("/proc/sys/{}", name.replace('.', "/")), format!("{value}\n"))
    })
}

/// A machine with an interface `eth0`.
fn network(settings: &[(&str, &str)]) -> Machine {
    kernel(settings)
        .file("/sys/class/net/eth0/flags", "0x1003\n")
        .file("/sys/class/net/eth0/type", "1\n")
        .file("/sys/class/net/eth0/device/vendor", "0x8086\n")
        .file("/sys/class/net/eth0/carrier", "1\n")
}

const RELEASE: (&str, &str) = ("kernel.osrelease", "6.1.0");

pub(super) fn cases() -> Vec<Case> {
    let mut all = sysctl();
    all.extend(modules());
    all.extend(mounts());
    all
}

fn sysctl() -> Vec<Case> {
    vec![
        Case {
            name: "kernel settings, nothing written down yet",
            fix: "sysctl",
            rules: &["kernel.pointers-hidden", "kernel.links-and-pipes-protected", "kernel.log-restricted"],
            machine: || {
                kernel(&[
                    ("kernel.kptr_restrict", "0"),
                    ("fs.protected_fifos", "0"),
                    ("kernel.dmesg_restrict", "0"),
                ])
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "kernel settings, twice in sysctl.conf behind a link, in a drop-in and with slashes",
            fix: "sysctl",
            rules: &["kernel.address-space-randomised", "kernel.privileged-programs-not-dumped"],
            machine: || {
                kernel(&[("kernel.randomize_va_space", "0"), ("fs.suid_dumpable", "2")])
                    .file("/usr/lib/systemd/systemd-sysctl", "")
                    .file(
                        "/etc/sysctl.conf",
                        "# ours\nkernel.randomize_va_space=1\n  kernel/randomize_va_space = 0\n-fs.suid_dumpable = 2\n",
                    )
                    .link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf")
                    .file("/etc/sysctl.d/10-site.conf", "kernel.randomize_va_space = 0\n")
                    .file("/usr/lib/sysctl.d/99-dumps.conf", "fs.suid_dumpable = 2\n")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "user namespaces",
            fix: "sysctl-user-namespaces",
            rules: &["kernel.user-namespaces-for-administrators"],
            machine: || kernel(&[("kernel.unprivileged_userns_clone", "1")]),
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "a setting that the kernel never takes back waits for the boot",
            fix: "sysctl-at-boot",
            rules: &["kernel.old-kernel-replacement-off"],
            machine: || kernel(&[("kernel.kexec_load_disabled", "0")]),
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "network settings of all, new and existing interfaces",
            fix: "sysctl-network",
            rules: &[
                "net.redirects-refused",
                "net.redirects-not-sent",
                "net.interfaces-refuse-redirects",
                "net.false-senders-dropped",
                "net.impossible-packets-logged",
            ],
            machine: || {
                network(&[
                    ("net.ipv4.conf.all.accept_redirects", "1"),
                    ("net.ipv4.conf.all.send_redirects", "1"),
                    ("net.ipv4.conf.all.rp_filter", "0"),
                    ("net.ipv4.conf.all.log_martians", "0"),
                    ("net.ipv4.conf.default.rp_filter", "2"),
                    ("net.ipv4.conf.eth0.rp_filter", "2"),
                    ("net.ipv4.conf.eth0.log_martians", "0"),
                    ("net.ipv4.conf.eth0.accept_redirects", "1"),
                    ("net.ipv6.conf.eth0.accept_redirects", "1"),
                ])
                .file("/usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "routing off where the file says on",
            fix: "sysctl-routing",
            rules: &["net.packets-not-forwarded", "net.router-advertisements-ignored"],
            machine: || {
                network(&[
                    ("net.ipv4.ip_forward", "1"),
                    ("net.ipv4.conf.all.accept_redirects", "0"),
                    ("net.ipv6.conf.eth0.accept_ra", "1"),
                ])
                .file("/etc/sysctl.d/zzz-router.conf", "net.ipv4.ip_forward=1\n")
            },
            profile: "",
            answers_stay: false,
        },
    ]
}

fn modules() -> Vec<Case> {
    vec![
        Case {
            name: "modules, one with an install line of its own",
            fix: "kernel-module",
            rules: &["kernel.rare-filesystems-off", "kernel.rare-protocols-off"],
            machine: || {
                kernel(&[RELEASE])
                    .file("/proc/modules", "")
                    .file(
                        "/lib/modules/6.1.0/modules.dep",
                        "kernel/fs/udf/udf.ko:\nkernel/net/dccp/dccp.ko.xz:\n",
                    )
                    .file("/etc/modprobe.d/udf.conf", "install udf /sbin/modprobe --ignore-install udf\n")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "a module that is loaded and that nothing uses",
            fix: "kernel-module",
            rules: &["kernel.rare-protocols-off"],
            machine: || {
                kernel(&[RELEASE])
                    .file("/proc/modules", "sctp 400000 0 - Live 0x0\n")
                    .file("/lib/modules/6.1.0/modules.dep", "kernel/net/sctp/sctp.ko:\n")
                    .program("modprobe -r sctp", "")
                    .program("modprobe sctp", "")
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "drivers of USB sticks",
            fix: "device-module",
            rules: &["kernel.usb-storage-off"],
            machine: || {
                kernel(&[RELEASE])
                    .file("/proc/modules", "")
                    .file("/lib/modules/6.1.0/modules.dep", "kernel/drivers/usb/storage/usb-storage.ko:\n")
                    .file("/etc/modprobe.d/00-palisade.conf", "# somebody's note\nblacklist floppy\n")
            },
            profile: "",
            answers_stay: false,
        },
    ]
}

/// A machine with /tmp and /home of their own.
fn mounted(fstab: &str) -> Machine {
    Machine::new()
        .file("/etc/fstab", fstab)
        .file(
            "/proc/self/mountinfo",
            "30 1 0:25 / /tmp rw,relatime shared:1 - tmpfs tmpfs rw\n31 1 8:2 / /home rw,nodev - ext4 /dev/sda2 rw\n\
             32 1 0:26 / /dev/shm rw,nosuid,nodev - tmpfs tmpfs rw\n33 1 0:27 / /proc rw - proc proc rw\n",
        )
        .program("mount -o remount,nodev,noexec,nosuid /tmp", "")
        .program("mount -o remount,dev,exec,suid /tmp", "")
        .program("mount -o remount,nosuid /home", "")
        .program("mount -o remount,suid /home", "")
        .program("mount -o remount,noexec /dev/shm", "")
        .program("mount -o remount,exec /dev/shm", "")
        .program("mount -o remount,hidepid=2 /proc", "")
        .program("mount -o remount,hidepid=0 /proc", "")
}

fn mounts() -> Vec<Case> {
    vec![
        Case {
            name: "mounts with tabs, with the opposite option, and one that is not in fstab",
            fix: "mount-option",
            rules: &["mounts.device-files-ignored", "mounts.setuid-ignored", "mounts.programs-not-started"],
            machine: || {
                mounted(
                    "# <device>\nUUID=1\t/\text4\terrors=remount-ro 0 1\ntmpfs /tmp tmpfs rw,exec,size=1G 0 0\n/dev/sda2\t/home ext4 defaults",
                )
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "processes of others",
            fix: "hide-processes",
            rules: &["mounts.processes-of-others-hidden"],
            machine: || mounted("proc /proc proc defaults,hidepid=0 0 0\n"),
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "core dumps to files, a later line allows them",
            fix: "core-dumps",
            rules: &["kernel.core-dumps-off"],
            machine: || {
                kernel(&[("kernel.core_pattern", "core")])
                    .file("/etc/security/limits.conf", "* hard core 0\n")
                    .file("/etc/security/limits.d/zzz.conf", "*   hard  core  unlimited\n")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "core dumps that systemd takes",
            fix: "core-dumps",
            rules: &["kernel.core-dumps-off"],
            machine: || {
                kernel(&[("kernel.core_pattern", "|/lib/systemd/systemd-coredump %P %u")])
                    .file("/etc/systemd/coredump.conf", "[Coredump]\n#Storage=external\n")
            },
            profile: "",
            answers_stay: false,
        },
    ]
}
