//! Made-up machines for firmware, boot loader and kernel lockdown.

use test_support::Machine;

use super::*;

const SECURE: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
const SETUP: &str = "/sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The kind of file that Debian's grub-mkconfig writes, with a password of 40_custom.
const GRUB_CFG: &str = "### BEGIN /etc/grub.d/40_custom ###\nset superusers=\"admin\"\n\
                        password_pbkdf2 admin grub.pbkdf2.sha512.10000.AB.CD\nmenuentry 'Debian' --unrestricted {\n}\n";

fn boot(door: Door) -> Boot {
    match probe(&Context::new(door)) {
        Fact::Known(boot, _) => boot,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_locked_machine_is_recognised() {
    let (door, _root) = Machine::new()
        .file(SECURE, [6, 0, 0, 0, 1])
        .file(SETUP, [6, 0, 0, 0, 0])
        .file("/sys/class/tpm/tpm0/tpm_version_major", "2\n")
        .file("/sys/kernel/security/tpm0/binary_bios_measurements", "x")
        .file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
        .file("/sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor")
        .file("/sys/class/firmware-attributes/dell-wmi-sysman/authentication/Admin/is_enabled", "1\n")
        .file("/sys/class/firmware-attributes/dell-wmi-sysman/authentication/Admin/role", "bios-admin\n")
        .file("/sys/class/hwmon/hwmon2/name", "nct6775\n")
        .file("/sys/class/hwmon/hwmon2/intrusion0_alarm", "1\n")
        .file("/sys/class/hwmon/hwmon2/temp1_input", "40000\n")
        .file("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet audit=1 audit=0 dm=\"a b\" x.password=hunter2 -- init=x\n")
        .file("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n")
        .file("/sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable: Clear CPU buffers attempted, no microcode\n")
        .file("/sys/kernel/kexec_crash_loaded", "0\n")
        .file_with_mode("/boot/grub/grub.cfg", GRUB_CFG, 0o600)
        .door();
    let boot = boot(door);
    assert_eq!(boot.firmware.value().unwrap(), "uefi");
    assert_eq!((boot.secure_boot.value(), boot.setup_mode.value()), (Some(&true), Some(&false)));
    assert_eq!(boot.tpm.value().unwrap().version.value(), Some(&2));
    assert_eq!(boot.measured_boot_log.value(), Some(&true));
    assert_eq!(boot.lockdown.value().unwrap(), "integrity");
    assert_eq!(boot.module_signatures_enforced.value(), Some(&true));
    assert_eq!(boot.security_modules.value().unwrap().len(), 5);
    let password = &boot.firmware_passwords.value().unwrap()[0];
    assert_eq!((password.role.as_str(), password.set.value()), ("bios-admin", Some(&true)));
    let sensor = &boot.case_sensors.value().unwrap()[0];
    assert_eq!((sensor.name.as_str(), sensor.opened.value()), ("nct6775 intrusion0", Some(&true)));
    let parameters = boot.parameters.value().unwrap();
    assert_eq!((parameters["audit"].as_str(), parameters["quiet"].as_str()), ("0", "true"));
    assert_eq!((parameters["dm"].as_str(), parameters["x.password"].as_str()), ("a b", "(left out)"));
    assert!(!parameters.contains_key("init"));
    assert_eq!(boot.crash_kernel_loaded.value(), Some(&false));
    let weak: Vec<_> = boot.cpu_weaknesses.value().unwrap().iter().map(|one| one.vulnerable).collect();
    assert_eq!(weak, [true, false]);
    let loader = boot.loader.value().unwrap();
    assert_eq!(loader.password.value(), Some(&true));
    assert!(!loader.files[0].readable_by_others);
    assert_eq!(loader.files[0].mode, "600");
}

#[test]
fn a_legacy_machine_cannot_boot_securely() {
    let (door, _root) = Machine::new().file("/proc/cmdline", "quiet\n").door();
    let boot = boot(door);
    assert_eq!(boot.firmware.value().unwrap(), "legacy");
    assert_eq!(boot.secure_boot.value(), Some(&false));
    assert!(boot.setup_mode.is_absent() && boot.tpm.is_absent() && boot.loader.is_absent());
    assert!(boot.firmware_passwords.is_absent() && boot.case_sensors.is_absent());
    assert_eq!(boot.module_signatures_enforced.value(), Some(&false));
}

#[test]
fn variables_that_cannot_be_read_are_unknown() {
    let (door, _root) = Machine::new().directory("/sys/firmware/efi/efivars").door();
    assert!(boot(door).secure_boot.is_unreadable());
    let (door, _root) = Machine::new().file(SECURE, "").file(SETUP, [0; 100]).door();
    let found = boot(door);
    assert!(found.secure_boot.is_unreadable() && found.setup_mode.is_unreadable());
    let (door, _root) = Machine::new().file("/boot/grub/grub.cfg", GRUB_CFG).offline_door();
    let found = boot(door);
    assert!(found.firmware.is_unreadable() && found.secure_boot.is_unreadable() && found.tpm.is_unreadable());
    assert!(found.parameters.is_unreadable() && found.module_signatures_enforced.is_unreadable());
    assert_eq!(found.loader.value().unwrap().password.value(), Some(&true));
}

#[test]
fn a_password_needs_a_superuser_and_a_hash() {
    let cases: [(&[(&str, &str)], bool); 5] = [
        (&[("/boot/grub/grub.cfg", "menuentry 'x' {}\n")], false),
        (&[("/boot/grub/grub.cfg", "set superusers=\"\"\npassword_pbkdf2 a grub.pbkdf2.x\n")], false),
        (&[("/boot/grub/grub.cfg", "password_pbkdf2 a grub.pbkdf2.x\n")], false),
        (
            &[(
                "/boot/grub2/grub.cfg",
                "  set superusers=\"root\"\n  password_pbkdf2 root ${GRUB2_PASSWORD}\n",
            )],
            false,
        ),
        (
            &[
                (
                    "/boot/grub2/grub.cfg",
                    "  set superusers=\"root\"\n  password_pbkdf2 root ${GRUB2_PASSWORD}\n",
                ),
                ("/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.A.B\n"),
            ],
            true,
        ),
    ];
    for (files, expected) in cases {
        let machine = files.iter().fold(Machine::new(), |machine, (path, text)| machine.file(path, text));
        let (door, _root) = machine.door();
        assert_eq!(boot(door).loader.value().unwrap().password.value(), Some(&expected), "{files:?}");
    }
    let (door, _root) = Machine::new().file("/boot/loader/loader.conf", "timeout 3\neditor no\n").door();
    let found = boot(door);
    assert_eq!(found.loader.value().unwrap().password.value(), Some(&true));
}
