//! Encryption at rest, followed from a file system down to the physical devices.

use host::{Door, Error};
use model::Fact;

use crate::fact::{if_any, reason};
use crate::kernel;

/// Beginnings of the device mapper's identifiers that mean encryption (verity and integrity do not).
const CRYPT: [&str; 7] = [
    "CRYPT-LUKS2",
    "CRYPT-LUKS1",
    "CRYPT-PLAIN",
    "CRYPT-LOOPAES",
    "CRYPT-TCRYPT",
    "CRYPT-BITLK",
    "CRYPT-FVAULT2",
];

/// How deep devices may stand on devices, and how many there may be.
const DEPTH: usize = 12;
const MOST: usize = 64;

/// What is below a file system.
#[derive(Debug)]
pub(crate) struct Below {
    pub(crate) encrypted: Fact<bool>,
    pub(crate) kind: Fact<String>,
    pub(crate) chain: Vec<String>,
}

/// Below the block device `254:0`.
pub(crate) fn of_number(door: &Door, number: &str) -> Below {
    of_folder(door, &format!("/sys/dev/block/{number}"))
}

/// Below the block device `dm-0` or `mapper/data`.
pub(super) fn of_block(door: &Door, name: &str) -> Below {
    let link = door.read_link(format!("/dev/{name}")).ok();
    let target = link.as_ref().and_then(|target| target.file_name()).map(|name| name.to_string_lossy());
    of_folder(door, &format!("/sys/class/block/{}", target.as_deref().unwrap_or(name)))
}

/// Below several devices that together hold one file system.
pub(super) fn of_all(door: &Door, names: &[String]) -> Below {
    let mut all = Below { encrypted: Fact::known(!names.is_empty()), kind: Fact::Absent, chain: Vec::new() };
    for name in names {
        let one = of_block(door, name);
        all.chain.extend(one.chain);
        if one.encrypted.value() != Some(&true) {
            all.encrypted = one.encrypted;
            all.kind = Fact::Absent;
            return all;
        }
        all.kind = one.kind;
    }
    all
}

fn of_folder(door: &Door, folder: &str) -> Below {
    let mut walk = Walk { door, chain: Vec::new(), kind: None };
    let encrypted = match walk.down(folder, DEPTH) {
        Ok(encrypted) => Fact::read_at(encrypted, folder),
        Err(error) => Fact::unreadable(reason(&error, door)),
    };
    let kind = match (&encrypted, walk.kind) {
        (Fact::Known(true, _), Some(kind)) => Fact::read_at(kind, folder),
        (Fact::Unreadable(why), _) => Fact::Unreadable(why.clone()),
        _ => Fact::Absent,
    };
    Below { encrypted, kind, chain: walk.chain }
}

struct Walk<'a> {
    door: &'a Door,
    chain: Vec<String>,
    kind: Option<String>,
}

impl Walk<'_> {
    /// Whether everything written to this device is encrypted before it reaches a physical one.
    fn down(&mut self, folder: &str, depth: usize) -> Result<bool, Error> {
        let events = kernel::read(self.door, &format!("{folder}/uevent"))?;
        let name = events.lines().find_map(|line| line.strip_prefix("DEVNAME=")).unwrap_or("?").to_owned();
        let uuid = if_any(kernel::read(self.door, &format!("{folder}/dm/uuid")))?.unwrap_or_default();
        let crypt = CRYPT.iter().find(|start| uuid.starts_with(**start));
        let mapped = uuid.split('-').take(2).collect::<Vec<_>>().join("-");
        self.chain.push(match crypt {
            Some(crypt) => format!("{name} ({crypt})"),
            None if uuid.starts_with("CRYPT-") => format!("{name} ({mapped})"),
            None => name,
        });
        if self.chain.len() > MOST || depth == 0 {
            return Err(Error::TooLarge { what: format!("the stack of devices below {folder}"), limit: MOST });
        }
        let mut below = Vec::new();
        for slave in kernel::names_if_any(self.door, &format!("{folder}/slaves"))? {
            below.push(self.down(&format!("{folder}/slaves/{slave}"), depth - 1)?);
        }
        if below.is_empty() {
            self.disk(folder)?;
        }
        if let Some(crypt) = crypt {
            self.kind = Some(crypt.trim_start_matches("CRYPT-").to_owned());
            return Ok(true);
        }
        Ok(!below.is_empty() && below.iter().all(|encrypted| *encrypted))
    }

    /// The disk of a partition ends the chain.
    fn disk(&mut self, folder: &str) -> Result<(), Error> {
        if if_any(kernel::read(self.door, &format!("{folder}/partition")))?.is_some() {
            let events = if_any(kernel::read(self.door, &format!("{folder}/../uevent")))?.unwrap_or_default();
            self.chain.extend(events.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned));
        }
        Ok(())
    }
}
