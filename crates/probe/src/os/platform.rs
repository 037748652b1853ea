//! What the system stands on: a machine, a hypervisor, a container.

use host::{Door, Error};
use model::Fact;
use model::facts::os::Product;

use crate::fact::{IntoFact, if_any};
use crate::kernel;

const DMI: &str = "/sys/class/dmi/id";

/// Words in the names of vendor and product, and the hypervisor they mean.
const HYPERVISORS: [(&str, &str); 15] = [
    ("kvm", "kvm"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("microsoft corporation virtual machine", "microsoft"),
    ("xen", "xen"),
    ("bochs", "bochs"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
    ("amazon ec2", "amazon"),
    ("google compute engine", "google"),
    ("openstack", "openstack"),
    ("apple virtualization", "apple"),
    ("vserver", "kvm"),
];

/// The hypervisor, as DMI, the device tree, Xen's own folder or the processor's flag tell.
pub(super) fn virtualisation(door: &Door) -> Fact<String> {
    let found = || -> Result<Option<(String, String)>, Error> {
        if let Some(kind) = if_any(kernel::read(door, "/sys/hypervisor/type"))? {
            return Ok(Some((kind, "/sys/hypervisor/type".to_owned())));
        }
        let mut names = String::new();
        for file in ["sys_vendor", "product_name", "board_vendor", "bios_vendor"] {
            names.push_str(&if_any(kernel::read(door, &format!("{DMI}/{file}")))?.unwrap_or_default());
            names.push(' ');
        }
        let names = names.to_ascii_lowercase();
        if let Some((_, kind)) = HYPERVISORS.iter().find(|(word, _)| names.contains(word)) {
            return Ok(Some(((*kind).to_owned(), DMI.to_owned())));
        }
        let tree = "/proc/device-tree/hypervisor/compatible";
        if let Some(compatible) = if_any(kernel::read(door, tree))? {
            let kind = compatible.split([',', '\0']).next().unwrap_or_default().to_owned();
            return Ok(Some((if kind == "linux" { "kvm".to_owned() } else { kind }, tree.to_owned())));
        }
        let processor = if_any(kernel::read(door, "/proc/cpuinfo"))?.unwrap_or_default();
        let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        let hypervised = flags.split_ascii_whitespace().any(|flag| flag == "hypervisor");
        Ok(hypervised.then(|| ("unknown".to_owned(), "/proc/cpuinfo".to_owned())))
    };
    match found() {
        Ok(Some((kind, place))) => Fact::read_at(kind, place),
        Ok(None) => Fact::Absent,
        Err(error) => Fact::unreadable(crate::fact::reason(&error, door)),
    }
}

/// The container engine, as the marks it leaves tell.
pub(super) fn container(door: &Door) -> Fact<String> {
    for (mark, engine) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")] {
        if door.stat(mark).is_ok() && !runs_on_its_own(door) {
            return Fact::read_at(engine.to_owned(), mark);
        }
    }
    match if_any(kernel::read(door, "/run/systemd/container")) {
        Ok(Some(engine)) => return Fact::read_at(engine, "/run/systemd/container"),
        Ok(None) => {}
        Err(error) => return Fact::unreadable(crate::fact::reason(&error, door)),
    }
    // Only root may read it, and it is a second opinion: no reason to call the whole fact unreadable.
    let environment = kernel::read(door, "/proc/1/environ").unwrap_or_default();
    if let Some(engine) = environment.split('\0').find_map(|entry| entry.strip_prefix("container=")) {
        return Fact::read_at(engine.to_owned(), "/proc/1/environ");
    }
    let groups = kernel::read(door, "/proc/1/cgroup").unwrap_or_default();
    for (mark, engine) in
        [("/docker", "docker"), ("/kubepods", "kubernetes"), ("/libpod", "podman"), ("/lxc", "lxc")]
    {
        if groups.contains(mark) {
            return Fact::read_at(engine.to_owned(), "/proc/1/cgroup");
        }
    }
    Fact::Absent
}

/// Whether the kernel's own threads are visible and the root is a file system of a disk. Then a container's marks are
/// only leftovers of the image that the machine was made from.
fn runs_on_its_own(door: &Door) -> bool {
    let threads = kernel::read(door, "/proc/2/comm").is_ok_and(|name| name == "kthreadd");
    let mounts = crate::mounts::mounted(door).unwrap_or_default();
    let overlay = mounts.iter().any(|mount| mount.point.as_os_str() == "/" && mount.kind.contains("overlay"));
    threads && !overlay
}

/// The processor's kind: what the kernel says, or the program loader that is installed.
pub(super) fn architecture(door: &Door) -> Fact<String> {
    if let Ok(arch) = kernel::read(door, "/proc/sys/kernel/arch") {
        return Fact::read_at(arch, "/proc/sys/kernel/arch");
    }
    const LOADERS: [(&str, &str); 7] = [
        ("/lib64/ld-linux-x86-64.so.2", "x86_64"),
        ("/lib/ld-linux-aarch64.so.1", "aarch64"),
        ("/lib/ld-linux-armhf.so.3", "armv7l"),
        ("/lib/ld-linux-riscv64-lp64d.so.1", "riscv64"),
        ("/lib/ld-musl-x86_64.so.1", "x86_64"),
        ("/lib/ld-musl-aarch64.so.1", "aarch64"),
        ("/lib/ld-linux.so.2", "i686"),
    ];
    match LOADERS.iter().find(|(path, _)| door.stat(path).is_ok()) {
        Some((path, arch)) => Fact::read_at((*arch).to_owned(), *path),
        None => Fact::unreadable("no program loader that Palisade knows is installed"),
    }
}

/// Maker and name of the hardware.
pub(super) fn product(door: &Door) -> Fact<Product> {
    match kernel::names(door, DMI) {
        Ok(_) => {
            let read = |file: &str| kernel::read(door, &format!("{DMI}/{file}")).into_fact(door);
            Fact::read_at(
                Product {
                    vendor: read("sys_vendor"),
                    name: read("product_name"),
                    firmware_date: read("bios_date"),
                    firmware_version: read("bios_version"),
                },
                DMI,
            )
        }
        Err(error) if error.is_not_found() => {
            let path = "/proc/device-tree/model";
            kernel::read(door, path).into_fact(door).and_then(|name| {
                let product = Product {
                    vendor: Fact::Absent,
                    name: Fact::known(name),
                    firmware_date: Fact::Absent,
                    firmware_version: Fact::Absent,
                };
                Fact::read_at(product, path)
            })
        }
        Err(error) => Fact::unreadable(crate::fact::reason(&error, door)),
    }
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn hypervisors_are_told_apart() {
        let cases = [
            ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "qemu"),
            ("VMware, Inc.", "VMware Virtual Platform", "vmware"),
            ("Microsoft Corporation", "Virtual Machine", "microsoft"),
            ("innotek GmbH", "VirtualBox", "virtualbox"),
            ("Amazon EC2", "t3.micro", "amazon"),
        ];
        for (vendor, name, expected) in cases {
            let (door, _root) = Machine::new()
                .file(&format!("{DMI}/sys_vendor"), format!("{vendor}\n"))
                .file(&format!("{DMI}/product_name"), format!("{name}\n"))
                .door();
            assert_eq!(virtualisation(&door).value().unwrap(), expected);
        }
        let (door, _root) = Machine::new()
            .file(&format!("{DMI}/sys_vendor"), "Dell Inc.\n")
            .file(&format!("{DMI}/product_name"), "Embedded Box PC 5000\n")
            .file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2\n")
            .door();
        assert!(virtualisation(&door).is_absent());
        assert!(container(&door).is_absent());
        assert_eq!(product(&door).value().unwrap().vendor.value().unwrap(), "Dell Inc.");
        let (door, _root) = Machine::new().file("/proc/cpuinfo", "flags\t\t: fpu hypervisor\n").door();
        assert_eq!(virtualisation(&door).value().unwrap(), "unknown");
    }

    #[test]
    fn containers_leave_marks_and_file_trees_tell_nothing() {
        let (door, _root) = Machine::new().file("/.dockerenv", "").offline_door();
        assert_eq!(container(&door).value().unwrap(), "docker");
        let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
        let machine = || Machine::new().file("/.dockerenv", "").file("/proc/self/mountinfo", mounts);
        let (door, _root) = machine().file("/proc/2/comm", "sh\n").door();
        assert_eq!(container(&door).value().unwrap(), "docker");
        let (door, _root) = machine().file("/proc/2/comm", "kthreadd\n").door();
        assert!(container(&door).is_absent());
        let (door, _root) = Machine::new().file("/proc/1/environ", "PATH=/\0container=lxc\0").door();
        assert_eq!(container(&door).value().unwrap(), "lxc");
        let (door, _root) = Machine::new().file("/lib/ld-linux-aarch64.so.1", "").offline_door();
        assert!(container(&door).is_unreadable() && virtualisation(&door).is_unreadable());
        assert_eq!(architecture(&door).value().unwrap(), "aarch64");
    }

    #[test]
    fn a_board_without_dmi_is_named_by_its_device_tree() {
        let (door, _root) = Machine::new().file("/proc/device-tree/model", "Raspberry Pi 4 Model B\0").door();
        assert_eq!(product(&door).value().unwrap().name.value().unwrap(), "Raspberry Pi 4 Model B");
    }
}
