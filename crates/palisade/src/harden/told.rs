//! Tells the Management Systems of this host what was done to it at the command line: each act of the history becomes an entry of their
//! ledgers.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harden::{Journal, Told};
use ledger::{Actor, ActorKind, Event, Kind, Outcome, Subject};
use model::facts::Facts;

use crate::output::talk;
use crate::target::{self, Credentials, Progress, Spec};

/// Acts that are told at once; the next run tells the rest.
const MOST: usize = 1000;

/// Tells what was told nowhere yet. A tree that does not run has no ledger, and nobody but root changes a host.
pub(super) fn tell(root: Option<&Path>) {
    if root.is_none()
        && rustix::process::geteuid().is_root()
        && let Err(error) = tell_all(Path::new("/"))
    {
        talk(&format!(
            "warning: the ledger of this host's Management System does not have all that was done here yet: {error:#}; the next `palisade \
             harden` tries again"
        ));
    }
}

fn tell_all(host: &Path) -> Result<()> {
    let (lines, mark) = Journal::untold(host, MOST)?;
    if lines.is_empty() {
        return Ok(());
    }
    let directories = state_directories()?;
    if directories.is_empty() {
        return Ok(());
    }
    let events: Vec<Event> = lines.iter().filter_map(event).collect();
    // One that cannot be told keeps the others from nothing; it is tried again with the next act, and the same event counts once.
    let mut all = Ok(());
    for directory in directories {
        let told = server::leave_for_the_ledger(&directory, &events)
            .with_context(|| format!("cannot write into {}", directory.display()));
        all = all.and(told);
    }
    all?;
    Ok(Journal::set_told(host, mark)?)
}

/// The state directories of the servers that run here, or did.
fn state_directories() -> Result<Vec<PathBuf>> {
    let section = ["palisade".to_owned()];
    let document = target::collect(&Spec::Local, &Credentials::default(), &section, false, &Progress::new(1))?;
    let facts: Facts = serde_json::from_value(serde_json::to_value(&document.facts)?)?;
    let servers = facts.palisade.value().and_then(|palisade| palisade.servers.value());
    let directories = servers.into_iter().flatten().filter_map(|server| fs::canonicalize(&server.name).ok());
    Ok(directories.filter(|directory| directory.is_dir() && is_in_a_place_of_root(directory)).collect())
}

/// Whether nobody but root decides which directory stands there: what root did is told to no server that a user runs for themselves.
fn is_in_a_place_of_root(directory: &Path) -> bool {
    directory
        .ancestors()
        .skip(1)
        .all(|above| rustix::fs::stat(above).is_ok_and(|about| about.st_uid == 0 && about.st_mode & 0o022 == 0))
}

/// What one line of the history becomes; none: it changed nothing.
fn event(told: &Told) -> Option<Event> {
    let Told { entry, hash } = told;
    let (kind, result) = match entry.act.as_str() {
        "apply" => (Kind::HostHardened, Outcome::Success),
        "refuse" => (Kind::HostHardened, Outcome::Failed),
        "confirm" => (Kind::HostConfirmed, Outcome::Success),
        // What could not be put back is told as what it is.
        _ if entry.result.starts_with("not everything") => (Kind::HostRestored, Outcome::Failed),
        "undo" | "revert" | "recover" => (Kind::HostRestored, Outcome::Success),
        _ => return None,
    };
    // The same line is the same event, however often it is told.
    let id = format!("{:012x}{}", entry.at.as_millisecond().max(0), hash.get(..20).unwrap_or_default());
    let mut event = Event::new(id, entry.at, kind);
    event.result = result;
    event.actor = Actor { kind: ActorKind::Host, id: None, name: Some(entry.who.name.clone()) };
    event.on = Some(Subject {
        kind: "change-set".to_owned(),
        id: Some(entry.change_set.clone()),
        name: Some(entry.change_set.clone()),
    });
    let mut detail = |name: &str, value: String| {
        if !value.is_empty() {
            event.details.insert(name.to_owned(), value);
        }
    };
    detail("act", entry.act.clone());
    detail("outcome", entry.result.clone());
    detail("fixes", entry.fixes.join(", "));
    detail("files", entry.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", "));
    detail("running", entry.live.join(", "));
    // The line of the host's own history that this tells.
    detail("history_sha256", hash.clone());
    match entry.who.from.as_deref().map(|from| (from, from.parse::<IpAddr>())) {
        Some((_, Ok(address))) => event.from = Some(address.to_string()),
        Some((from, Err(_))) => detail("from", from.to_owned()),
        None => {}
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use harden::{Entry, Who};

    use super::*;

    fn line(act: &str, result: &str, from: Option<&str>) -> Told {
        let entry = Entry {
            at: "2026-11-23T03:04:05Z".parse().unwrap(),
            who: Who { name: "eva".to_owned(), from: from.map(str::to_owned) },
            act: act.to_owned(),
            change_set: "0001-20261123T030405".to_owned(),
            result: result.to_owned(),
            fixes: vec!["sshd-setting".to_owned(), "file-mode".to_owned()],
            files: Vec::new(),
            live: Vec::new(),
            previous: String::new(),
        };
        Told { entry, hash: "0123456789abcdef".repeat(4) }
    }

    #[test]
    fn each_act_that_changes_a_host_is_an_event() {
        let told = |act, result| event(&line(act, result, None)).map(|event| (event.event, event.result));
        let hardened = |result| Some(("host.hardened".to_owned(), result));
        let restored = |result| Some(("host.restored".to_owned(), result));
        assert_eq!(told("apply", "applied"), hardened(Outcome::Success));
        assert_eq!(told("refuse", "undone: sshd -t ended with 1"), hardened(Outcome::Failed));
        assert_eq!(told("confirm", "kept"), Some(("host.confirmed".to_owned(), Outcome::Success)));
        for act in ["undo", "revert", "recover"] {
            assert_eq!(told(act, "undone: asked for"), restored(Outcome::Success), "{act}");
            assert_eq!(told(act, "not everything was put back: /etc/motd"), restored(Outcome::Failed), "{act}");
        }
        assert_eq!(told("plan", "declined"), None);
    }

    #[test]
    fn an_event_says_who_and_what_and_which_line_of_the_history() {
        let event = event(&line("apply", "applied", Some("192.0.2.7"))).unwrap();
        assert_eq!(event.id, "01a2065c58880123456789abcdef0123");
        assert_eq!(event.actor.name.as_deref(), Some("eva"));
        assert_eq!(event.from.as_deref(), Some("192.0.2.7"));
        assert_eq!(event.details["fixes"], "sshd-setting, file-mode");
        assert_eq!(event.details["history_sha256"].len(), 64);
        assert!(!event.details.contains_key("files"));
        let through = super::event(&line("apply", "applied", Some("an SSH session"))).unwrap();
        assert_eq!((through.from, through.details["from"].as_str()), (None, "an SSH session"));
    }

    #[test]
    fn only_places_that_root_decides_on_are_told() {
        assert!(is_in_a_place_of_root(Path::new("/var/lib/palisade")));
        assert!(!is_in_a_place_of_root(Path::new("/tmp/palisade")), "everybody may put a directory there");
        assert!(!is_in_a_place_of_root(Path::new("/nowhere/palisade")));
    }
}
