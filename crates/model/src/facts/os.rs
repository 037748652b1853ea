//! Section `os`: what runs on the target, since when, and until when its maker mends it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// The operating system, its kernel and the machine below it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Os {
    /// The distribution's identifier, `ID` of os-release: `debian`.
    pub id: Fact<String>,
    /// Its version, `VERSION_ID`: `12`; absent on rolling releases.
    pub version_id: Fact<String>,
    /// Its name for people, `PRETTY_NAME`.
    pub pretty_name: Fact<String>,
    /// The release's code name: `bookworm`.
    pub codename: Fact<String>,
    /// End of the last day with free security updates from the maker (RFC 3339). For Debian that is the end of LTS.
    /// Unreadable when no table knows the release.
    pub support_ends: Fact<String>,
    /// The kernel.
    pub kernel: Kernel,
    /// Seconds since the start, from /proc/uptime.
    pub uptime_seconds: Fact<u64>,
    /// The same in days.
    pub uptime_days: Fact<f64>,
    /// When the kernel started (RFC 3339), from `btime` of /proc/stat.
    pub booted_at: Fact<String>,
    /// /etc/machine-id.
    pub machine_id: Fact<String>,
    /// The host's name: the kernel's, or /etc/hostname of a file tree.
    pub host_name: Fact<String>,
    /// The hypervisor below: `kvm`, `vmware`, `microsoft`, `xen`, `virtualbox`, ...; absent on bare metal.
    pub virtualisation: Fact<String>,
    /// The container engine around it: `docker`, `podman`, `lxc`, ...; absent on a host.
    pub container: Fact<String>,
    /// The processor's kind as dpkg or the kernel's file names tell: `x86_64`, `aarch64`.
    pub architecture: Fact<String>,
    /// Memory in all, from /proc/meminfo.
    pub memory_total_bytes: Fact<u64>,
    /// Memory that programs can still get without swapping.
    pub memory_available_bytes: Fact<u64>,
    /// Processors that are online.
    pub cpus: Fact<u32>,
    /// The target systemd boots into: `multi-user.target`; absent without systemd.
    pub default_target: Fact<String>,
    /// Whether a display manager (a graphical login) is installed and linked to start.
    pub has_display_manager: Fact<bool>,
    /// The hardware's maker and name, from DMI or the device tree.
    pub product: Fact<Product>,
}

/// The kernel that runs and those that could.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Kernel {
    /// The running one: `6.1.0-18-amd64`.
    pub release: Fact<String>,
    /// Those in /boot and /lib/modules; an empty list where the kernel comes from elsewhere.
    pub installed: Fact<Vec<InstalledKernel>>,
    /// The newest installed one of the running one's flavour; absent when none is installed.
    pub newest: Fact<String>,
    /// Whether the newest is the one that runs; absent when none is installed.
    pub newest_is_running: Fact<bool>,
}

/// A kernel on the disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InstalledKernel {
    /// Its release.
    pub release: String,
    /// Where it stands.
    pub source: String,
}

/// The hardware.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Product {
    /// Who made it.
    pub vendor: Fact<String>,
    /// What it is called.
    pub name: Fact<String>,
    /// Date of the firmware as DMI writes it: `04/01/2014`.
    pub firmware_date: Fact<String>,
    /// Version of the firmware.
    pub firmware_version: Fact<String>,
}
