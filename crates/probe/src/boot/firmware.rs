//! The firmware: how it starts the machine, its passwords, the security chip, the case.

use host::{Door, Error};
use model::Fact;
use model::facts::boot::{CaseSensor, FirmwarePassword, Tpm};

use crate::fact::{IntoFact, reason};
use crate::kernel;

const EFI: &str = "/sys/firmware/efi";

/// The firmware's variables of the EFI specification.
const VARIABLES: &str = "/sys/firmware/efi/efivars";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// `uefi` or `legacy`.
pub(super) fn kind(door: &Door) -> Fact<String> {
    match kernel::names(door, EFI) {
        Ok(_) => Fact::read_at("uefi".to_owned(), EFI),
        Err(error) if error.is_not_found() => {
            Fact::read_at("legacy".to_owned(), format!("{EFI} does not exist"))
        }
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

/// The variable `SecureBoot`; legacy firmware cannot.
pub(super) fn secure_boot(door: &Door) -> Fact<bool> {
    match kind(door) {
        Fact::Known(kind, source) if kind == "legacy" => Fact::Known(false, source),
        Fact::Unreadable(why) => Fact::Unreadable(why),
        _ => match variable(door, "SecureBoot") {
            Fact::Absent => Fact::read_at(false, format!("{VARIABLES}/SecureBoot-{GLOBAL} does not exist")),
            other => other,
        },
    }
}

/// The variable `SetupMode`.
pub(super) fn setup_mode(door: &Door) -> Fact<bool> {
    match kind(door) {
        Fact::Known(kind, _) if kind == "legacy" => Fact::Absent,
        Fact::Unreadable(why) => Fact::Unreadable(why),
        _ => variable(door, "SetupMode"),
    }
}

/// A variable of one byte: four bytes of attributes, then the value.
fn variable(door: &Door, name: &str) -> Fact<bool> {
    if let Ok(names) = kernel::names(door, VARIABLES)
        && names.is_empty()
    {
        return Fact::unreadable(format!("{VARIABLES} is empty; mount -t efivarfs efivarfs {VARIABLES}"));
    }
    let path = format!("{VARIABLES}/{name}-{GLOBAL}");
    door.read_up_to(&path, 64).into_fact(door).and_then(|bytes| match bytes.get(4..) {
        Some([value]) => Fact::read_at(*value == 1, path),
        _ => Fact::unreadable(format!("{path} is not one byte long")),
    })
}

/// The first security chip.
pub(super) fn tpm(door: &Door) -> Fact<Tpm> {
    let folder = "/sys/class/tpm/tpm0";
    kernel::names(door, folder).into_fact(door).and_then(|_| {
        let path = format!("{folder}/tpm_version_major");
        let tpm = Tpm {
            version: kernel::read(door, &path).into_fact(door).and_then(|text| match text.parse() {
                Ok(version) => Fact::read_at(version, path.as_str()),
                Err(_) => Fact::unreadable(format!("{path} holds no number")),
            }),
            description: kernel::read(door, &format!("{folder}/device/description")).into_fact(door),
        };
        Fact::read_at(tpm, folder)
    })
}

/// Whether the kernel has the firmware's log of measurements.
pub(super) fn measured_boot_log(door: &Door) -> Fact<bool> {
    let folder = "/sys/kernel/security/tpm0";
    match kernel::names(door, folder) {
        Ok(names) => Fact::read_at(names.iter().any(|name| name == "binary_bios_measurements"), folder),
        Err(error) if error.is_not_found() => Fact::read_at(false, format!("{folder} does not exist")),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

/// The passwords that the kernel's drivers for firmware of some makers tell of.
pub(super) fn passwords(door: &Door) -> Fact<Vec<FirmwarePassword>> {
    each(door, "/sys/class/firmware-attributes", "/authentication", |folder, name| {
        let source = format!("{folder}/{name}");
        Some(FirmwarePassword {
            role: kernel::read(door, &format!("{source}/role")).unwrap_or_default(),
            set: super::flag(door, &format!("{source}/is_enabled")),
            name: name.to_owned(),
            source,
        })
    })
}

/// Sensors of an opened case among the hardware monitors.
pub(super) fn case_sensors(door: &Door) -> Fact<Vec<CaseSensor>> {
    each(door, "/sys/class/hwmon", "", |folder, file| {
        let sensor = file.strip_suffix("_alarm").filter(|name| name.starts_with("intrusion"))?;
        let monitor = folder.rsplit('/').next().unwrap_or(folder);
        let chip = kernel::read(door, &format!("{folder}/name")).unwrap_or_else(|_| monitor.to_owned());
        let source = format!("{folder}/{file}");
        Some(CaseSensor { name: format!("{chip} {sensor}"), opened: super::flag(door, &source), source })
    })
}

/// What `read` makes of the entries of every device of a class, by the folder (the one `below` the device) and the
/// name; absent when it makes nothing of any.
fn each<T>(door: &Door, class: &str, below: &str, read: impl Fn(&str, &str) -> Option<T>) -> Fact<Vec<T>> {
    let found = || -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        for device in kernel::names_if_any(door, class)? {
            let folder = format!("{class}/{device}{below}");
            found.extend(kernel::names_if_any(door, &folder)?.iter().filter_map(|name| read(&folder, name)));
        }
        Ok(found)
    };
    match found() {
        Ok(found) if found.is_empty() => Fact::Absent,
        Ok(found) => Fact::read_at(found, class),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}
