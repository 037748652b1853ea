//! Section `files`: who may read and change what on the local disks.

mod collector;
pub(crate) mod names;
pub(crate) mod owners;
pub(crate) mod secrets;
mod system;
mod usual;
pub(crate) mod walk;

pub(crate) use self::usual::is_usual as is_usual_setuid;

use std::path::{Path, PathBuf};

use host::SkipReason;
use model::Fact;
use model::facts::files::{
    Backup, Files, FoundFile, Leftover, SecretFile, SetuidProgram, SkippedDirectory, Walk,
};

use self::names::Candidate;
use self::owners::{Owners, time};
use self::secrets::Held;
use self::walk::{Element, List, Walked};
use crate::Context;
use crate::fact::reason;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Files> {
    let walked = match walk::walked(cx) {
        Ok(walked) => walked,
        Err(error) => return Fact::unreadable(reason(&error, &cx.door)),
    };
    // Without them numbers have no names, but bits still mean what they mean.
    let (owners, no_owners) = match walked.owners.as_ref() {
        Ok(owners) => (owners, None),
        Err(error) => (&Owners::default(), Some(reason(error, &cx.door))),
    };
    let lists = Lists { walked: &walked, owners, incomplete: walked.incomplete(&cx.door) };
    let backups = lists.known(backups(cx, &lists));
    let files = Files {
        walk: lists.walk(),
        world_writable_files: lists.found(List::WorldWritableFiles),
        world_writable_directories: lists.found(List::WorldWritableDirectories),
        setuid_programs: lists
            .known(lists.each(List::SetuidPrograms, |path, element| setuid(owners, path, element))),
        unowned: unowned(&lists, no_owners),
        devices_outside_dev: lists.found(List::DevicesOutsideDev),
        temporary_programs: lists.found(List::TemporaryPrograms),
        trust_files: lists.found(List::TrustFiles),
        core_dumps: lists.found(List::CoreDumps),
        secret_files: lists.known(secret_files(cx, &lists)),
        leftovers: lists.known(lists.each(List::Leftovers, leftover)),
        deployment_files: lists.found(List::DeploymentFiles),
        backups,
        system_files: system::files(&cx.door, owners),
        path_directories: system::path_facts(&cx.door, owners),
        path_programs_of_others: lists.found(List::PathProgramsOfOthers),
        cut: lists.cut(),
    };
    Fact::read_at(files, "the walk over all local disks")
}

/// What the walk kept, on its way to facts.
struct Lists<'a> {
    walked: &'a Walked,
    owners: &'a Owners,
    /// Why not everything was seen.
    incomplete: Option<String>,
}

impl Lists<'_> {
    fn each<T>(&self, list: List, make: impl Fn(&Path, &Element) -> T) -> Vec<T> {
        self.walked.list(list).map(|(path, element)| make(path, element)).collect()
    }

    fn found(&self, list: List) -> Fact<Vec<FoundFile>> {
        self.known(self.each(list, |path, element| self.owners.found(path, &element.stat, element.reachable)))
    }

    /// What was found is known; that there is nothing is known only when everything was seen.
    fn known<T>(&self, elements: Vec<T>) -> Fact<Vec<T>> {
        match &self.incomplete {
            Some(reason) if elements.is_empty() => Fact::unreadable(reason.clone()),
            _ => Fact::known(elements),
        }
    }

    fn walk(&self) -> Walk {
        let outcome = self.walked.outcome.as_ref().ok();
        Walk {
            complete: self.incomplete.is_none(),
            incomplete_because: self.incomplete.clone().unwrap_or_default(),
            entries: outcome.map_or(0, |outcome| outcome.entries),
            directories: outcome.map_or(0, |outcome| outcome.directories),
            denied: outcome.map_or(0, |outcome| outcome.denied),
            skipped: outcome.map_or_else(Vec::new, |outcome| {
                let skipped = outcome.skipped.iter();
                let text = |reason| match reason {
                    SkipReason::Pseudo => "pseudo",
                    SkipReason::Remote => "remote",
                    SkipReason::Container => "container",
                    SkipReason::Image => "image",
                    SkipReason::Duplicate => "duplicate",
                };
                skipped
                    .map(|skipped| SkippedDirectory {
                        path: skipped.path.display().to_string(),
                        reason: text(skipped.reason).to_owned(),
                    })
                    .collect()
            }),
        }
    }

    fn cut(&self) -> std::collections::BTreeMap<String, u64> {
        let name = |list| match list {
            List::WorldWritableFiles => "world_writable_files",
            List::WorldWritableDirectories => "world_writable_directories",
            List::SetuidPrograms => "setuid_programs",
            List::Unowned => "unowned",
            List::DevicesOutsideDev => "devices_outside_dev",
            List::TemporaryPrograms => "temporary_programs",
            List::TrustFiles => "trust_files",
            List::CoreDumps => "core_dumps",
            List::Leftovers => "leftovers",
            List::DeploymentFiles => "deployment_files",
            List::BackupDirectories | List::BackupFiles => "backups",
            List::PathProgramsOfOthers => "path_programs_of_others",
            List::Candidates => "secret_files",
        };
        let lists = self.walked.lists.iter();
        lists
            .filter(|(_, kept)| kept.total > kept.elements.len() as u64)
            .map(|(list, kept)| (name(*list).to_owned(), kept.total))
            .collect()
    }
}

fn setuid(owners: &Owners, path: &Path, element: &Element) -> SetuidProgram {
    let text = path.display().to_string();
    let user_places = ["/home/", "/tmp/", "/var/tmp/", "/dev/shm/", "/srv/", "/media/", "/mnt/"];
    SetuidProgram {
        setuid: element.stat.mode & 0o4000 != 0,
        setgid: element.stat.mode & 0o2000 != 0,
        usual: usual::is_usual(&text) && element.stat.uid == 0,
        hidden: text.contains("/."),
        in_user_place: user_places.iter().any(|place| text.starts_with(place)),
        access: owners.access(&element.stat, element.reachable),
        source: text.clone(),
        path: text,
    }
}

fn unowned(lists: &Lists<'_>, no_owners: Option<String>) -> Fact<Vec<FoundFile>> {
    if let Some(reason) = no_owners {
        return Fact::unreadable(reason);
    }
    match (lists.found(List::Unowned), &lists.owners.elsewhere) {
        (Fact::Known(found, _), Some(elsewhere)) if !found.is_empty() => Fact::unreadable(format!(
            "{} files have owners that are not in /etc/passwd or /etc/group; they may be users of `{elsewhere}`, which \
             is not asked",
            found.len()
        )),
        (fact, _) => fact,
    }
}

fn leftover(path: &Path, element: &Element) -> Leftover {
    use std::os::unix::ffi::OsStrExt;
    let text = path.display().to_string();
    Leftover {
        kind: element.leftover.to_owned(),
        in_web_root: names::is_in_web_root(path.parent().unwrap_or(path).as_os_str().as_bytes()),
        modified: time(element.stat.modified),
        source: text.clone(),
        path: text,
    }
}

fn secret_files(cx: &Context, lists: &Lists<'_>) -> Vec<SecretFile> {
    let candidates = lists.walked.list(List::Candidates);
    candidates.filter_map(|(path, element)| secret_file(cx, lists.owners, path, element)).collect()
}

fn secret_file(cx: &Context, owners: &Owners, path: &Path, element: &Element) -> Option<SecretFile> {
    let (kind, encrypted) = match element.candidate? {
        Candidate::Keystore => ("keystore", Fact::Absent),
        Candidate::Environment => ("environment", Fact::Absent),
        Candidate::Credentials => ("credentials", Fact::Absent),
        Candidate::Certificate => match secrets::held(&cx.door, path) {
            Ok(Held::PrivateKey { encrypted }) => ("private-key", Fact::known(encrypted)),
            _ => return None,
        },
        Candidate::Key | Candidate::Pem => match secrets::held(&cx.door, path) {
            Ok(Held::PrivateKey { encrypted }) => ("private-key", Fact::known(encrypted)),
            Ok(Held::SshKey { encrypted }) => {
                let of_host =
                    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ssh_host_"));
                (if of_host { "ssh-host-key" } else { "ssh-private-key" }, Fact::known(encrypted))
            }
            Ok(Held::Nothing) => return None,
            Err(error) if error.is_not_found() => return None,
            Err(error) => ("unread", Fact::unreadable(reason(&error, &cx.door))),
        },
    };
    // A key in .ssh is the user's own, whatever its format.
    let in_ssh = path.parent().is_some_and(|directory| directory.ends_with(".ssh"));
    let kind = if kind == "private-key" && in_ssh { "ssh-private-key" } else { kind };
    let text = path.display().to_string();
    Some(SecretFile {
        kind: kind.to_owned(),
        encrypted,
        home_of: Fact::from_option(owners.home_of(path).map(str::to_owned)),
        access: owners.access(&element.stat, element.reachable),
        modified: time(element.stat.modified),
        source: text.clone(),
        path: text,
    })
}

/// The first bytes that tell an archive's kind.
const ARCHIVE_HEAD: usize = 512;

fn backups(cx: &Context, lists: &Lists<'_>) -> Vec<Backup> {
    let backup = |path: &PathBuf, element: &Element, kind: &str, encrypted| {
        let text = path.display().to_string();
        Backup {
            kind: kind.to_owned(),
            encrypted,
            access: lists.owners.access(&element.stat, element.reachable),
            size_bytes: element.stat.size,
            modified: time(element.stat.modified),
            source: text.clone(),
            path: text,
        }
    };
    let directories = lists.walked.list(List::BackupDirectories);
    let directories = directories.map(|(path, element)| backup(path, element, "directory", Fact::Absent));
    let files = lists.walked.list(List::BackupFiles).map(|(path, element)| {
        let encrypted = match secrets::head(&cx.door, path, ARCHIVE_HEAD) {
            Ok(head) => Fact::from_option(secrets::encrypted_whole(&head)),
            Err(error) => Fact::unreadable(reason(&error, &cx.door)),
        };
        backup(path, element, "file", encrypted)
    });
    directories.chain(files).collect()
}

#[cfg(test)]
mod tests;
