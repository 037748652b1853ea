//! Section `boot`: how the machine starts, and who could change that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Firmware, boot loader and the kernel's start-up settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Boot {
    /// `uefi`, or `legacy` where the kernel knows of no EFI; only a running host tells.
    pub firmware: Fact<String>,
    /// Whether the firmware starts only signed programs; false on legacy firmware, which cannot.
    pub secure_boot: Fact<bool>,
    /// Whether the firmware takes new keys from anybody; absent on legacy firmware.
    pub setup_mode: Fact<bool>,
    /// The security chip; absent when the kernel sees none.
    pub tpm: Fact<Tpm>,
    /// Whether the firmware kept a log of what it measured into the security chip.
    pub measured_boot_log: Fact<bool>,
    /// The boot loader; absent when no known one has settings here.
    pub loader: Fact<Loader>,
    /// Parameters of the kernel's command line by name, `true` where they have no value; the last one wins.
    /// Values that look like secrets are left out.
    pub parameters: Fact<BTreeMap<String, String>>,
    /// `none`, `integrity` or `confidentiality`; absent when the kernel has no lockdown.
    pub lockdown: Fact<String>,
    /// Security modules of the kernel, in order.
    pub security_modules: Fact<Vec<String>>,
    /// Whether the kernel loads only signed modules.
    pub module_signatures_enforced: Fact<bool>,
    /// Whether a crash kernel is loaded.
    pub crash_kernel_loaded: Fact<bool>,
    /// Passwords of the firmware's set-up; absent where the kernel has no driver for this firmware.
    pub firmware_passwords: Fact<Vec<FirmwarePassword>>,
    /// Sensors of an opened case; absent when the kernel sees none.
    pub case_sensors: Fact<Vec<CaseSensor>>,
    /// What the kernel says of the processor's known weaknesses.
    pub cpu_weaknesses: Fact<Vec<CpuWeakness>>,
}

/// A trusted platform module.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tpm {
    /// Its major version: 1 or 2.
    pub version: Fact<u32>,
    /// What it is called: `MSFT0101:00` or the driver's words.
    pub description: Fact<String>,
}

/// A boot loader.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Loader {
    /// `grub`, `systemd-boot`, `u-boot`, `extlinux`.
    pub name: String,
    /// Whether changing a boot entry asks for a password.
    pub password: Fact<bool>,
    /// Its settings.
    pub files: Vec<LoaderFile>,
}

/// One file of a boot loader's settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoaderFile {
    /// Its path.
    pub path: String,
    /// Permission bits in octal digits: `600`.
    pub mode: String,
    /// The owner's number.
    pub owner_uid: u32,
    /// Whether others than the owner may read it.
    pub readable_by_others: bool,
    /// Whether others than the owner may change it.
    pub writable_by_others: bool,
    /// The file again: where this was read.
    pub source: String,
}

/// A password of the firmware's set-up.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FirmwarePassword {
    /// Its name: `Admin`, `System`.
    pub name: String,
    /// What it guards: `bios-admin`, `power-on`.
    pub role: String,
    /// Whether it is set.
    pub set: Fact<bool>,
    /// Its folder in /sys.
    pub source: String,
}

/// A sensor of an opened case.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CaseSensor {
    /// Chip and sensor: `nct6775 intrusion0`.
    pub name: String,
    /// Whether the case has been opened since the sensor was last reset.
    pub opened: Fact<bool>,
    /// Its file in /sys.
    pub source: String,
}

/// A known weakness of the processor.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CpuWeakness {
    /// The kernel's name of it: `spectre_v2`.
    pub name: String,
    /// Whether the kernel says that this machine is vulnerable.
    pub vulnerable: bool,
    /// The kernel's words.
    pub status: String,
    /// Its file in /sys.
    pub source: String,
}
