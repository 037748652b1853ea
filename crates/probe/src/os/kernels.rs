//! The running kernel against those on the disk.

use std::cmp::Ordering;

use host::{Door, Error, FileKind};
use model::Fact;
use model::facts::os::{InstalledKernel, Kernel};
use model::version::vercmp;

use crate::fact::{IntoFact, if_any, reason};
use crate::kernel;

/// The most kernels that are listed.
const MOST: usize = 100;

const MODULES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

pub(super) fn read(door: &Door) -> Kernel {
    let release_path = "/proc/sys/kernel/osrelease";
    let release = kernel::read(door, release_path).into_fact(door);
    let installed = installed(door);
    let newest = match &installed {
        Ok(kernels) => Fact::from_option(newest(kernels, release.value()).map(|kernel| kernel.release.clone())),
        Err(error) => Fact::unreadable(reason(error, door)),
    };
    let newest_is_running = match (&newest, &release) {
        (Fact::Known(newest, _), Fact::Known(release, _)) => {
            Fact::read_at(newest == release, format!("{release_path}, /boot, /lib/modules"))
        }
        (Fact::Absent, _) => Fact::Absent,
        (Fact::Unreadable(why), _) | (_, Fact::Unreadable(why)) => Fact::Unreadable(why.clone()),
        (_, Fact::Absent) => Fact::unreadable(format!("{release_path} does not exist")),
    };
    Kernel {
        release: release.and_then(|value| Fact::read_at(value, release_path)),
        installed: installed.into_fact(door),
        newest,
        newest_is_running,
    }
}

/// Kernels in /boot, and those that stand beside their modules. Modules without a kernel are leftovers.
fn installed(door: &Door) -> Result<Vec<InstalledKernel>, Error> {
    let mut kernels: Vec<InstalledKernel> = Vec::new();
    let mut add = |release: &str, source: String| {
        if !release.is_empty()
            && kernels.len() < MOST
            && !kernels.iter().any(|kernel| kernel.release == release)
        {
            kernels.push(InstalledKernel { release: release.to_owned(), source });
        }
    };
    for entry in listed(door, "/boot")? {
        let release = ["vmlinuz-", "vmlinux-", "Image-", "zImage-", "uImage-", "bzImage-", "kernel-"]
            .iter()
            .find_map(|prefix| entry.name.strip_prefix(prefix));
        if let Some(release) = release.filter(|_| entry.kind == FileKind::File) {
            // A rescue image is no version; backups of package tools end so.
            if !release.contains("rescue") && !release.ends_with(".old") && !release.ends_with(".dpkg-bak") {
                add(release, format!("/boot/{}", entry.name));
            }
        }
    }
    for folder in MODULES {
        for entry in listed(door, folder)? {
            let image = format!("{folder}/{}/vmlinuz", entry.name);
            if door.stat(&image).is_ok() {
                add(&entry.name, image);
            }
        }
    }
    Ok(kernels)
}

fn listed(door: &Door, folder: &str) -> Result<Vec<host::DirEntry>, Error> {
    if_any(door.read_dir(folder)).map(Option::unwrap_or_default)
}

/// The newest kernel of the running one's flavour, or of all when none has it.
fn newest<'a>(kernels: &'a [InstalledKernel], running: Option<&String>) -> Option<&'a InstalledKernel> {
    let wanted = running.map(|release| flavour(release));
    let by_version =
        |a: &&InstalledKernel, b: &&InstalledKernel| -> Ordering { vercmp(&a.release, &b.release) };
    kernels
        .iter()
        .filter(|kernel| Some(flavour(&kernel.release)) == wanted)
        .max_by(by_version)
        .or_else(|| kernels.iter().max_by(by_version))
}

/// `cloud-amd64` of `6.1.0-18-cloud-amd64`: what follows the parts that begin with a digit.
fn flavour(release: &str) -> &str {
    let mut rest = release;
    while rest.starts_with(|c: char| c.is_ascii_digit()) {
        rest = rest.split_once('-').map_or("", |(_, after)| after);
    }
    rest
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    fn machine(running: &str) -> Machine {
        Machine::new()
            .file("/proc/sys/kernel/osrelease", format!("{running}\n"))
            .file("/boot/vmlinuz-6.1.0-9-amd64", "x")
            .file("/boot/vmlinuz-6.1.0-18-amd64", "x")
            .file("/boot/vmlinuz-6.1.0-25-cloud-amd64", "x")
            .file("/boot/initrd.img-6.1.0-30-amd64", "x")
            .directory("/lib/modules/6.9.0-1-amd64")
            .link("/boot/vmlinuz-latest", "vmlinuz-6.1.0-18-amd64")
    }

    #[test]
    fn the_newest_kernel_of_the_same_flavour_should_run() {
        let (door, _root) = machine("6.1.0-9-amd64").door();
        let kernel = read(&door);
        assert_eq!(kernel.newest.value().unwrap(), "6.1.0-18-amd64");
        assert_eq!(kernel.newest_is_running.value(), Some(&false));
        assert_eq!(kernel.installed.value().unwrap().len(), 3);
        let (door, _root) = machine("6.1.0-25-cloud-amd64").door();
        assert_eq!(read(&door).newest_is_running.value(), Some(&true));
    }

    #[test]
    fn a_kernel_from_elsewhere_is_absent_and_a_file_tree_is_unreadable() {
        let (door, _root) = Machine::new().file("/proc/sys/kernel/osrelease", "6.18.44-fc\n").door();
        let kernel = read(&door);
        assert!(kernel.newest.is_absent() && kernel.newest_is_running.is_absent());
        assert_eq!(kernel.release.value().unwrap(), "6.18.44-fc");
        let (door, _root) = machine("6.1.0-9-amd64").offline_door();
        let kernel = read(&door);
        assert!(kernel.release.is_unreadable() && kernel.newest_is_running.is_unreadable());
        assert_eq!(kernel.newest.value().unwrap(), "6.1.0-25-cloud-amd64");
    }
}
