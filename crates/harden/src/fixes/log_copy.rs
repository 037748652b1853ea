//! Copies of the logs in Docker's volumes, for those who only read logs.

use model::facts::Facts;
use serde_json::Value;

use crate::change::{Access, Act, Change, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};
use crate::unit::Job;

pub(super) const FIX: Fix = Fix {
    id: "log-copy",
    title: "Copy the logs in Docker's volumes for those who read logs",
    changes: "the script that the profile names in log_copy_job, log-copy.service and log-copy.timer in \
              /etc/systemd/system, and the folder that it names in log_copy_dir",
    disruption: Disruption::None,
    may_break: "nothing; the copies take as much room as the logs, and stay when the change is undone",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

const TIMER: &str = "# Written by Palisade; `palisade harden undo` takes it back.\n\
    [Unit]\n\
    Description=Copy logs for readers every day\n\
    \n\
    [Timer]\n\
    OnCalendar=*-*-* 00:10:00\n\
    Persistent=yes\n\
    \n\
    [Install]\n\
    WantedBy=timers.target\n";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let set_up = copies(ask).and_then(|copies| {
        let script = copies.script.clone();
        let service = format!(
            "# {}\n[Unit]\nDescription=Copy logs for readers\n\n[Service]\nType=oneshot\nExecStart={script}\n\
             ProtectHome=read-only\nPrivateNetwork=yes\nNoNewPrivileges=yes\n",
            crate::edit::HEADING
        );
        let job = Job { name: "log-copy", program: &script, service: &service, timer: TIMER };
        job.set_up(ask.facts, draft)?;
        copies.write(draft);
        draft.change(Change::Live(Live {
            what: "copy the logs once".to_owned(),
            apply: vec![Act::run("systemctl", &["start", "log-copy.service"])],
            undo: Vec::new(),
        }));
        Ok(())
    });
    if let Err(reason) = set_up {
        ask.uses.iter().for_each(|one| draft.refuse(one, reason.as_str()));
    }
}

/// What the job is made of.
struct Copies {
    script: String,
    folder: String,
    from: String,
    /// The group of the readers, where they have one.
    group: Option<u32>,
}

fn copies(ask: &Ask<'_>) -> Result<Copies, String> {
    let text = |name: &str| ask.site.declared.get(name).and_then(Value::as_str).unwrap_or_default();
    let (folder, job) = (text("log_copy_dir").trim_end_matches('/'), text("log_copy_job"));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if folder.is_empty() || job.is_empty() {
        return Err("name the folder in log_copy_dir and the script in log_copy_job of the profile".to_owned());
    }
    if !folder.starts_with('/') || !plain(folder) || !plain(job) || folder.contains("..") || job.contains("..")
    {
        return Err(
            "log_copy_dir is a path and log_copy_job a name, of letters, digits, `.`, `_` and `-`".to_owned()
        );
    }
    let from = volumes(ask.facts)
        .ok_or("there is no Docker volume on this host: copy what it logs by a job of your own")?;
    let script = if job.starts_with('/') { job.to_owned() } else { format!("/usr/local/sbin/{job}") };
    Ok(Copies { script, folder: folder.to_owned(), from, group: group_of_readers(ask) })
}

/// The folder that holds all volumes; the usual one where the engine does not tell.
fn volumes(facts: &Facts) -> Option<String> {
    let Some(volumes) = facts.docker.value()?.volumes.value() else {
        return Some("/var/lib/docker/volumes".to_owned());
    };
    let mut places = volumes.iter().filter_map(|volume| volume.mountpoint.value());
    let place = places.find_map(|place| place.strip_suffix("/_data")?.rsplit_once('/'));
    let plain = |path: &&str| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    place.map(|(folder, _)| folder).filter(plain).map(ToOwned::to_owned)
}

/// The one primary group of all declared readers.
fn group_of_readers(ask: &Ask<'_>) -> Option<u32> {
    let readers = ask.declared_list("log_readers")?;
    let users = ask.facts.accounts.value()?.users.value()?;
    let mut groups: Vec<u32> =
        users.iter().filter(|user| readers.contains(&user.name)).map(|user| user.gid).collect();
    groups.sort_unstable();
    groups.dedup();
    match groups.as_slice() {
        [group] => Some(*group),
        _ => None,
    }
}

impl Copies {
    fn write(self, draft: &mut Draft) {
        let (owner, mode, open) = match self.group {
            Some(group) => (format!("-g {group}"), "0440", 0o750),
            None => (String::new(), "0444", 0o755),
        };
        let script = format!(
            "#!/bin/sh\n\
             # {heading}\n\
             # Copies logs out of Docker's volumes to where readers may read and nobody may write.\n\
             set -eu\n\
             umask 077\n\
             cd {from}\n\
             find . -type f -name '*.log' -path './*/_data/*' | while IFS= read -r file; do\n\
             \x20   name=$(printf %s \"${{file#./}}\" | tr / -)\n\
             \x20   install -o root {owner} -m {mode} \"$file\" \"{folder}/.$name.new\"\n\
             \x20   mv -f \"{folder}/.$name.new\" \"{folder}/$name\"\n\
             done\n",
            heading = crate::edit::HEADING,
            from = self.from,
            folder = self.folder,
        );
        draft.change(Change::whole(&self.script, 0o755, &script));
        draft.change(Change::Directory { path: self.folder.clone(), mode: open });
        draft.change(Change::Access {
            path: self.folder,
            access: Access { uid: Some(0), gid: self.group, clear: 0o022, set: 0 },
        });
    }
}
