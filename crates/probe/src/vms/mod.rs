//! Section `vms`: virtual machines by the definitions that libvirt keeps in files. No program is asked.

mod devices;
mod domain;
#[cfg(test)]
mod tests;

use host::{Door, FileKind};
use model::Fact;
use model::facts::vms::{Machine, Vms};

use crate::fact::reason;
use crate::{Context, Subject};

/// Where libvirt keeps the definitions of its QEMU driver.
const FOLDER: &str = "/etc/libvirt/qemu";
/// Where it keeps what it knows of snapshots.
const SNAPSHOTS: &str = "/var/lib/libvirt/qemu/snapshot";
/// Machines of one host or folder.
const LIMIT: usize = 512;

/// Reads the section of a host, or of a target that is a definition or a folder of them.
pub(crate) fn probe(cx: &Context) -> Fact<Vms> {
    let door = &cx.door;
    let machines = match &cx.subject {
        Subject::Vm { path } => match door.stat(path) {
            Ok(stat) if stat.kind == FileKind::Directory => of_folder(door, path, false),
            Ok(_) => machine(door, path, false).map(|machine| vec![machine]),
            Err(error) => Err(reason(&error, door)),
        },
        _ => match door.stat(FOLDER) {
            Err(error) if error.is_not_found() => return Fact::Absent,
            Err(error) => Err(reason(&error, door)),
            Ok(_) => of_folder(door, FOLDER, true),
        },
    };
    match (machines, &cx.subject) {
        (Ok(machines), _) => Fact::known(Vms { machines: Fact::known(machines) }),
        // One target that cannot be read is no target.
        (Err(why), Subject::Vm { .. }) => Fact::unreadable(why),
        (Err(why), _) => Fact::known(Vms { machines: Fact::unreadable(why) }),
    }
}

fn of_folder(door: &Door, folder: &str, managed: bool) -> Result<Vec<Machine>, String> {
    let folder = folder.trim_end_matches('/');
    let files = crate::text::files_in(door, folder, ".xml").map_err(|error| reason(&error, door))?;
    if files.len() > LIMIT {
        return Err(format!("{folder} holds more than {LIMIT} definitions"));
    }
    if files.is_empty() && !managed {
        return Err(format!("{folder} holds no definition: no file ends in .xml"));
    }
    files.iter().map(|file| machine(door, &format!("{folder}/{file}"), managed)).collect()
}

/// The machine that a file defines; `managed` when the file is libvirt's own.
fn machine(door: &Door, path: &str, managed: bool) -> Result<Machine, String> {
    let text = door.read_text(path).map_err(|error| reason(&error, door))?;
    let mut machine = domain::machine(path, &text)?;
    match door.stat(path) {
        Ok(stat) => {
            machine.file_mode = Fact::read_at(format!("{:04o}", stat.mode & 0o7777), path);
            machine.others_may_read = Fact::read_at(stat.mode & 0o004 != 0, path);
        }
        Err(error) => {
            machine.file_mode = Fact::unreadable(reason(&error, door));
            machine.others_may_read = Fact::unreadable(reason(&error, door));
        }
    }
    if managed {
        let link = format!("{FOLDER}/autostart/{}.xml", machine.name);
        machine.starts_with_host = match door.stat_link(&link) {
            Ok(_) => Fact::read_at(true, link),
            Err(error) if error.is_not_found() => Fact::read_at(false, format!("{FOLDER}/autostart")),
            Err(error) => Fact::unreadable(reason(&error, door)),
        };
        let folder = format!("{SNAPSHOTS}/{}", machine.name);
        machine.snapshots = match crate::text::files_in(door, &folder, ".xml") {
            Ok(files) => Fact::read_at(
                files.iter().take(LIMIT).map(|file| file.trim_end_matches(".xml").to_owned()).collect(),
                folder,
            ),
            Err(error) => Fact::unreadable(reason(&error, door)),
        };
    }
    Ok(machine)
}

/// How much a definition says, for the fuzz target.
pub fn definition(text: &str) -> Option<Machine> {
    domain::machine("/domain.xml", text).ok()
}
