//! Section `vms`: virtual machines as libvirt's domain XML defines them. Passwords are never read, only whether one is set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `vms`; absent when libvirt's QEMU driver keeps no definitions on the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Vms {
    /// All machines, in the order of their files.
    pub machines: Fact<Vec<Machine>>,
}

/// One virtual machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The file, line and column of its definition.
    pub source: String,
    /// Its identifier; absent when libvirt gives it one at each start.
    pub uuid: Fact<String>,
    /// `kvm`, `qemu` (without the help of the processor), ...
    pub kind: Fact<String>,
    /// The machine type: `pc-q35-7.2`.
    pub machine_type: Fact<String>,
    /// Permission bits of its file, octal.
    pub file_mode: Fact<String>,
    /// Whether everybody on the host may read its file.
    pub others_may_read: Fact<bool>,

    /// Devices of the host handed through to it: PCI, USB, SCSI, mediated.
    pub host_devices: Fact<Vec<HostDevice>>,
    /// Channels by which a viewer may plug its own USB devices in.
    pub usb_redirections: Fact<Vec<Channel>>,
    /// Directories of the host that it sees (virtiofs, 9p).
    pub shares: Fact<Vec<Share>>,
    /// Memory shared with the host or other machines (`shmem`): names.
    pub shared_memory: Fact<Vec<String>>,
    /// Its disks and drives.
    pub disks: Fact<Vec<Disk>>,
    /// Screens that can be watched and used from outside.
    pub graphics: Fact<Vec<Graphics>>,
    /// Serial ports, consoles, parallel ports and channels.
    pub consoles: Fact<Vec<Channel>>,
    /// Whether the host can talk to an agent inside (`org.qemu.guest_agent.0`).
    pub has_guest_agent_channel: Fact<bool>,
    /// Its network cards.
    pub interfaces: Fact<Vec<Interface>>,

    /// The memory it may have at most, bytes.
    pub memory_bytes: Fact<u64>,
    /// The memory that it and its emulator may take from the host (`memtune` `hard_limit`), bytes; absent when unlimited.
    pub memory_hard_limit_bytes: Fact<u64>,
    /// Whether its memory stays in memory (`memoryBacking` `locked`).
    pub memory_locked: Fact<bool>,
    /// Its processors.
    pub processors: Fact<u64>,
    /// Processors of the host that its own may use together, by quota and period; absent when unlimited.
    pub processor_limit: Fact<f64>,
    /// Its weight against others (`cputune` `shares`).
    pub processor_shares: Fact<u64>,
    /// Whether its processors are bound to some of the host's (`vcpupin`, `vcpu` `cpuset`).
    pub processors_pinned: Fact<bool>,
    /// Its weight of input and output against others (`blkiotune`).
    pub disk_weight: Fact<u64>,

    /// How the host confines it: `default` (the driver's own), `dynamic`, `static`, `none`; the first that is `none` counts.
    pub confinement: Fact<String>,
    /// `host-passthrough`, `host-model`, `custom`, `maximum`; absent for the driver's default.
    pub processor_mode: Fact<String>,
    /// Whether it may run machines inside itself: `vmx` or `svm` is required, or the host's processor is handed through with
    /// it.
    pub nested_virtualization: Fact<bool>,
    /// Whether it starts by UEFI.
    pub uefi: Fact<bool>,
    /// Whether its firmware starts signed code only.
    pub secure_boot: Fact<bool>,
    /// The version of its TPM, `2.0` or `1.2`, `default` when not said; absent without one.
    pub tpm: Fact<String>,
    /// How its memory is encrypted against the host: `sev`, `sev-snp`, `tdx`, `s390-pv`; absent when it is not.
    pub memory_encryption: Fact<String>,
    /// What its clock counts from: `utc`, `localtime`, `timezone`, `variable`.
    pub clock: Fact<String>,
    /// What its watchdog does when the machine hangs: `reset`, `poweroff`, ...; absent without one.
    pub watchdog_action: Fact<String>,
    /// Whether it has a source of randomness from the host.
    pub has_random_source: Fact<bool>,
    /// What happens after it crashed: `destroy`, `restart`, ...
    pub on_crash: Fact<String>,
    /// Whether libvirt starts it with the host; absent when only the definition was read.
    pub starts_with_host: Fact<bool>,
    /// Names of its snapshots; absent when only the definition was read.
    pub snapshots: Fact<Vec<String>>,
    /// Flags and variables given to the emulator past libvirt (`qemu:commandline`, `qemu:override`): names only.
    pub raw_arguments: Fact<Vec<String>>,
    /// Names in metadata, description and kernel command line whose values look like secrets.
    pub secrets: Fact<Vec<String>>,
}

/// A device of the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostDevice {
    /// `pci`, `usb`, `scsi`, `scsi_host`, `mdev`, `net`, `storage`, `misc`.
    pub kind: String,
    /// Which: `0000:00:1f.2`, `vendor 0x046d product 0xc52b`, a path, a UUID.
    pub address: String,
    /// Where it was read.
    pub source: String,
}

/// A directory of the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Share {
    /// `virtiofs`, `path` (9p) or another driver.
    pub driver: String,
    /// The directory on the host.
    pub host_path: String,
    /// The name under which the machine mounts it.
    pub target: String,
    /// Whether the machine may only read.
    pub read_only: bool,
    /// Whether it is a directory of the host's system: `/`, `/etc`, `/usr` and the like.
    pub is_sensitive_host_path: bool,
    /// Where it was read.
    pub source: String,
}

/// A disk or drive.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Disk {
    /// What the machine calls it: `vda`.
    pub name: String,
    /// `disk`, `cdrom`, `floppy`, `lun`.
    pub device: String,
    /// `file`, `block`, `dir`, `network`, `volume`, `nvme`, `vhostuser`.
    pub kind: String,
    /// The file, device or remote name behind it; absent for an empty drive.
    pub path: Fact<String>,
    /// `qcow2`, `raw`, ...; absent when the emulator has to guess.
    pub format: Fact<String>,
    /// `none`, `writeback`, `writethrough`, `directsync`, `unsafe`; absent for the default.
    pub cache: Fact<String>,
    /// Whether the machine may only read.
    pub read_only: bool,
    /// Whether other machines may write it at the same time.
    pub shareable: bool,
    /// Whether the emulator encrypts it (LUKS).
    pub encrypted: bool,
    /// Whether it is a whole disk, or a partition, of the host; logical volumes are not.
    pub is_host_disk: bool,
    /// Where it was read.
    pub source: String,
}

/// A screen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Graphics {
    /// `vnc`, `spice`, `rdp`, `sdl`, `dbus`, `egl-headless`.
    pub kind: String,
    /// Addresses it listens on; empty when it listens on none.
    pub addresses: Vec<String>,
    /// Whether only this host reaches it: loopback, a socket, or no listener. A name or a network is not known to be.
    pub is_local: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// When that password stops to be one, as written; absent when it never does.
    pub password_valid_to: Fact<String>,
    /// Whether all its channels must be encrypted (`defaultMode='secure'` of SPICE).
    pub tls_required: bool,
    /// Where it was read.
    pub source: String,
}

/// A serial port, console, channel or redirection and its other end.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Channel {
    /// `serial`, `console`, `parallel`, `channel`, `redirdev`.
    pub device: String,
    /// `pty`, `unix`, `tcp`, `udp`, `file`, `dev`, `spicevmc`, ...
    pub kind: String,
    /// The name inside (`org.qemu.guest_agent.0`), or empty.
    pub target: String,
    /// The address or path of the other end, or empty.
    pub address: String,
    /// Whether others on the network can reach it, or are reached by it: TCP or UDP beyond loopback.
    pub is_on_network: bool,
    /// Whether it is encrypted (`tls='yes'`).
    pub tls: bool,
    /// Where it was read.
    pub source: String,
}

/// A network card.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Interface {
    /// `network`, `bridge`, `direct`, `user`, `ethernet`, `hostdev`, `vhostuser`, `vdpa`, `mcast`, ...
    pub kind: String,
    /// The network, bridge or device of the host it is tied to, or empty.
    pub network: String,
    /// How a `direct` one is tied: `vepa`, `bridge`, `private`, `passthrough`; empty otherwise.
    pub mode: String,
    /// Its hardware address, or empty.
    pub mac: String,
    /// `virtio`, `e1000`, ...; empty for the default.
    pub model: String,
    /// The filter of the host on it; empty when there is none.
    pub filter: String,
    /// Whether it may not talk to others on the same bridge (`port isolated`).
    pub isolated: bool,
    /// Whether what it receives is limited (`bandwidth` `inbound`).
    pub inbound_limited: bool,
    /// Whether it stands in the network of the host itself, past its packet filter: `direct`, `bridge`, `hostdev`, `vdpa`.
    pub is_on_the_wire: bool,
    /// Where it was read.
    pub source: String,
}
