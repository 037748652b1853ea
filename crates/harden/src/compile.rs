//! From changes to steps: reads what stands there now, applies the edits of all fixes, and knows both states.

use std::collections::{BTreeMap, BTreeSet};

use host::Door;

use crate::audit_rules;
use crate::change::{Access, Change, Edit, Live};
use crate::disk::{Content, Disk, Perms, State};
use crate::edit::render;
use crate::engine;
use crate::fix::{Disruption, Fix};
use crate::keeper;
use crate::keys;
use crate::plan::{PLAN_SCHEMA, Plan, PlannedFix, Refused, Shown, Step};

/// The most links followed to find the file behind a path.
const LINK_LIMIT: usize = 8;

/// Files whose text is nobody's business: diffs say only that they change.
const SECRET: [&str; 6] = [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/security/opasswd",
    "/etc/chrony/chrony.keys",
    "/etc/redis/redis.conf",
    "/etc/redis.conf",
];

/// Where Palisade puts secrets of workloads.
pub(crate) const SECRETS: &str = "/etc/palisade/secrets";

/// Collects the changes of one fix after another.
pub(crate) struct Compiler<'a> {
    door: &'a Door,
    disk: &'a Disk,
    places: BTreeMap<String, Place>,
    live: Vec<Live>,
}

/// What is wanted of one path.
#[derive(Clone)]
struct Place {
    before: State,
    /// Permission bits when the file has to be made.
    mode: u32,
    wanted: Wanted,
    access: Access,
    fixes: BTreeSet<String>,
    disruption: Disruption,
}

#[derive(Clone, PartialEq)]
enum Wanted {
    AsItIs,
    Text(Vec<Edit>),
    Directory,
    Link(String),
    Gone,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(door: &'a Door, disk: &'a Disk) -> Self {
        Self { door, disk, places: BTreeMap::new(), live: Vec::new() }
    }

    /// Adds a fix's changes, all or none, and gives what they make different; nothing when all is so already.
    ///
    /// # Errors
    /// Why they cannot be made, for a person.
    pub(crate) fn add(&mut self, fix: &Fix, changes: Vec<Change>) -> Result<Vec<Shown>, String> {
        let mut places = self.places.clone();
        let mut live = Vec::new();
        let mut touched = BTreeSet::new();
        let mut audit_rules = false;
        for change in self.spelled_out(changes)? {
            match change {
                Change::AuditRules => audit_rules = true,
                Change::Live(one) => {
                    if self.door.is_live() && !self.live.contains(&one) && !live.contains(&one) {
                        live.push(one);
                    }
                }
                change => {
                    let path = self.want(&mut places, fix, change)?;
                    touched.insert(path);
                }
            }
        }
        if audit_rules {
            touched.insert(self.compile_audit_rules(&mut places, fix)?);
        }
        // Directories that had to be made for what stands in them.
        touched.extend(places.keys().filter(|path| !self.places.contains_key(*path)).cloned());
        let mut shown = Vec::new();
        for path in &touched {
            let Some(place) = places.get(path) else { continue };
            let before = match self.places.get(path) {
                Some(place) => place.after().map_err(|error| format!("{path}: {error}"))?,
                None => place.before.clone(),
            };
            let after = place.after().map_err(|error| format!("{path}: {error}"))?;
            shown.extend(show(path, &before, &after));
        }
        if !shown.is_empty() || !live.is_empty() {
            self.places = places;
        }
        for one in live {
            shown.push(Shown::Line(one.what.clone()));
            self.live.push(one);
        }
        Ok(shown)
    }

    fn want(&self, places: &mut BTreeMap<String, Place>, fix: &Fix, change: Change) -> Result<String, String> {
        let (path, content) = match &change {
            Change::Edit { file, .. } => (self.behind(file)?, true),
            Change::Access { path, .. } => (path.clone(), false),
            Change::Directory { path, .. } => (path.clone(), false),
            Change::Link { path, .. } | Change::Remove { path } => (path.clone(), true),
            Change::Live(_) | Change::MoveKey { .. } | Change::AuditRules => {
                return Err("such a change has no path of its own".to_owned());
            }
        };
        if !path.starts_with('/') || path.split('/').any(|part| part == ".." || part == ".") {
            return Err(format!("{path} is not an absolute path"));
        }
        if (content || matches!(change, Change::Directory { .. }))
            && !matches!(change, Change::Remove { .. })
            && let Some((above, _)) = path.rsplit_once('/')
            && !above.is_empty()
        {
            self.directories(places, fix, above)?;
        }
        let known = places.get(&path);
        let before = match known {
            Some(place) if !content || place.before.has_content() || !is_file(&place.before) => {
                place.before.clone()
            }
            _ => self.disk.state(&path, content).map_err(|error| error.to_string())?,
        };
        let place = places.entry(path.clone()).or_insert_with(|| Place {
            before: before.clone(),
            mode: 0o644,
            wanted: Wanted::AsItIs,
            access: Access::default(),
            fixes: BTreeSet::new(),
            disruption: Disruption::None,
        });
        place.before = before;
        place.fixes.insert(fix.id.to_owned());
        place.disruption = place.disruption.max(fix.disruption);
        let wanted = match change {
            Change::Edit { mode, edit, .. } => {
                let edit = match edit {
                    Edit::Variable { socket, container, name } => {
                        Edit::Whole(engine::variable(self.door, &socket, &container, &name)?)
                    }
                    edit => edit,
                };
                if !matches!(place.before, State::File { .. } | State::Absent) {
                    return Err(format!("{path} is no regular file"));
                }
                place.mode = if place.wanted == Wanted::AsItIs { mode } else { place.mode & mode };
                let mut edits = match &place.wanted {
                    Wanted::Text(edits) => edits.clone(),
                    _ => Vec::new(),
                };
                edits.push(edit);
                Wanted::Text(edits)
            }
            Change::Directory { mode, .. } => {
                if place.before == State::Absent {
                    place.mode = mode;
                }
                Wanted::Directory
            }
            Change::Link { target, .. } => Wanted::Link(target),
            Change::Remove { .. } => Wanted::Gone,
            Change::Access { access, .. } => {
                match (&place.before, &place.wanted) {
                    (State::Link { .. }, _) => {
                        return Err(format!(
                            "{path} is a symbolic link; what it leads to is not changed through it"
                        ));
                    }
                    (State::Absent, Wanted::AsItIs) => return Err(format!("{path} is not there any more")),
                    _ => {}
                }
                place.access = merge(place.access, access)
                    .ok_or_else(|| format!("{path}: another fix of this plan wants another owner or mode"))?;
                place.wanted.clone()
            }
            Change::Live(_) | Change::MoveKey { .. } | Change::AuditRules => Wanted::AsItIs,
        };
        let fits = place.wanted == Wanted::AsItIs
            || place.wanted == wanted
            || matches!((&place.wanted, &wanted), (Wanted::Text(_), Wanted::Text(_)));
        if !fits {
            return Err(format!("{path}: another fix of this plan wants something else there"));
        }
        place.wanted = wanted;
        Ok(path)
    }

    /// Changes that say only where a line stands, as edits that say how it reads.
    fn spelled_out(&self, changes: Vec<Change>) -> Result<Vec<Change>, String> {
        let mut spelled = Vec::new();
        for change in changes {
            let Change::MoveKey { from, line, fingerprint, to, mark } = change else {
                spelled.push(change);
                continue;
            };
            let state = self.disk.state(&self.behind(&from)?, true).map_err(|error| error.to_string())?;
            let text = state.content().and_then(Content::as_text).unwrap_or_default();
            let found = line.checked_sub(1).and_then(|index| text.lines().nth(index)).map(str::trim);
            let Some(old) = found.filter(|old| !old.is_empty() && keys::fingerprint(old) == fingerprint) else {
                return Err(format!("{from}: line {line} is not what it was; look again"));
            };
            let edit = Edit::Line { rank: 100, text: format!("{mark} {old}") };
            spelled.push(Change::Edit { file: to, mode: 0o600, edit });
            let edit = Edit::Replace { old: old.to_owned(), new: None };
            spelled.push(Change::Edit { file: from, mode: 0o600, edit });
        }
        Ok(spelled)
    }

    /// Wants audit.rules to be what augenrules makes of rules.d as all fixes so far leave it.
    fn compile_audit_rules(&self, places: &mut BTreeMap<String, Place>, fix: &Fix) -> Result<String, String> {
        let mut paths: BTreeSet<String> = self
            .disk
            .names(audit_rules::FOLDER)
            .map_err(|error| error.to_string())?
            .into_iter()
            .map(|name| format!("{}/{name}", audit_rules::FOLDER))
            .collect();
        paths.extend(places.keys().filter(|path| path.starts_with(audit_rules::FOLDER)).cloned());
        let mut texts = Vec::new();
        for path in paths {
            let real = self.behind(&path)?;
            let state = match places.get(&real) {
                Some(place) => place.after()?,
                None => self.disk.state(&real, true).map_err(|error| error.to_string())?,
            };
            if let Some(content) = state.content() {
                let text = content.as_text().ok_or_else(|| format!("{path} is not UTF-8 text"))?;
                texts.push((path, text.to_owned()));
            }
        }
        // What an earlier fix of the plan made of it is out of date.
        if let Some(place) = places.get_mut(audit_rules::COMPILED) {
            place.wanted = Wanted::AsItIs;
        }
        self.want(places, fix, Change::whole(audit_rules::COMPILED, 0o640, &audit_rules::compiled(texts)))
    }

    /// Wants the directories of `path` that are not there.
    fn directories(&self, places: &mut BTreeMap<String, Place>, fix: &Fix, path: &str) -> Result<(), String> {
        if places.get(path).is_some_and(|place| place.wanted == Wanted::Directory) {
            return Ok(());
        }
        if self.door.exists(path) {
            return Ok(());
        }
        if let Some((above, _)) = path.rsplit_once('/')
            && !above.is_empty()
        {
            self.directories(places, fix, above)?;
        }
        self.want(places, fix, Change::Directory { path: path.to_owned(), mode: 0o755 }).map(drop)
    }

    /// The file that a path leads to, through links.
    fn behind(&self, path: &str) -> Result<String, String> {
        let mut path = path.to_owned();
        for _ in 0..LINK_LIMIT {
            let state = self.disk.state(&path, false).map_err(|error| error.to_string())?;
            if matches!(state, State::Link { .. }) {
                self.disk.trust_link(&path).map_err(|error| error.to_string())?;
            }
            match state {
                State::Link { target } if target.starts_with('/') => path = tidy(&target),
                State::Link { target } => {
                    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
                    path = tidy(&format!("{above}/{target}"));
                }
                _ => return Ok(path),
            }
        }
        Err(format!("{path}: too many links"))
    }

    /// The plan for everything added.
    pub(crate) fn finish(self, fixes: Vec<PlannedFix>, refused: Vec<Refused>) -> Plan {
        let mut steps = Vec::new();
        let mut changed = BTreeMap::new();
        for (path, place) in self.places {
            // `add` has seen that it works.
            let Ok(after) = place.after() else { continue };
            if !after.is_met_by(&place.before) {
                changed.insert(path.clone(), place.disruption);
                let fixes = place.fixes.into_iter().collect();
                steps.push(Step { path, before: place.before, after, fixes });
            }
        }
        let (checks, settle) = keeper::take_up(self.door, &changed);
        Plan { schema: PLAN_SCHEMA.to_owned(), fixes, refused, steps, checks, live: self.live, settle }
    }
}

impl Place {
    /// What will stand there.
    fn after(&self) -> Result<State, String> {
        let state = match &self.wanted {
            Wanted::AsItIs => self.before.clone(),
            Wanted::Gone => State::Absent,
            Wanted::Link(target) => State::Link { target: target.clone() },
            Wanted::Directory => match &self.before {
                State::Absent => State::Directory { perms: Perms::root(self.mode) },
                State::Directory { .. } => self.before.clone(),
                _ => return Err("something that is no directory stands there".to_owned()),
            },
            Wanted::Text(edits) => {
                let original = match self.before.content() {
                    Some(content) => Some(content.as_text().ok_or_else(|| "it is not UTF-8 text".to_owned())?),
                    None => None,
                };
                let text = render(original, edits).map_err(|error| error.to_string())?;
                let unchanged = original == Some(text.as_str());
                match &self.before {
                    State::File { .. } if unchanged => self.before.clone(),
                    State::File { perms, xattrs, .. } => State::File {
                        content: Some(Content(text.into_bytes())),
                        perms: *perms,
                        xattrs: xattrs.clone(),
                        modified: None,
                    },
                    _ => State::File {
                        content: Some(Content(text.into_bytes())),
                        perms: Perms::root(self.mode),
                        xattrs: BTreeMap::new(),
                        modified: None,
                    },
                }
            }
        };
        Ok(with_access(state, self.access))
    }
}

fn with_access(state: State, access: Access) -> State {
    let change = |perms: Perms| Perms {
        uid: access.uid.unwrap_or(perms.uid),
        gid: access.gid.unwrap_or(perms.gid),
        mode: (perms.mode & !access.clear) | access.set,
    };
    match state {
        State::File { content, perms, xattrs, modified } => {
            State::File { content, perms: change(perms), xattrs, modified }
        }
        State::Directory { perms } => State::Directory { perms: change(perms) },
        State::Other { perms } => State::Other { perms: change(perms) },
        other => other,
    }
}

/// Both wishes, when they agree.
fn merge(one: Access, other: Access) -> Option<Access> {
    let both = |a: Option<u32>, b: Option<u32>| match (a, b) {
        (Some(a), Some(b)) if a != b => None,
        (a, b) => Some(a.or(b)),
    };
    let merged = Access {
        uid: both(one.uid, other.uid)?,
        gid: both(one.gid, other.gid)?,
        clear: one.clear | other.clear,
        set: one.set | other.set,
    };
    (merged.clear & merged.set == 0).then_some(merged)
}

fn is_file(state: &State) -> bool {
    matches!(state, State::File { .. })
}

/// A path without `.` and `..`.
fn tidy(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether nobody may read the file's text in a plan.
pub(crate) fn is_secret(path: &str) -> bool {
    SECRET.contains(&path)
        || path.starts_with("/var/lib/palisade/")
        || path.starts_with(SECRETS)
        || path.ends_with("/.env")
}

/// What a person sees of a difference.
pub(crate) fn show(path: &str, before: &State, after: &State) -> Vec<Shown> {
    let mut shown = Vec::new();
    match (before, after) {
        (State::Absent, State::Directory { perms }) => {
            shown.push(Shown::Line(format!("directory {path} ({perms})")));
        }
        (_, State::Link { target }) if before != after => {
            shown.push(Shown::Line(format!("link {path} -> {target}")));
        }
        (State::Link { target }, State::Absent) => {
            shown.push(Shown::Line(format!("remove the link {path} -> {target}")));
        }
        // What is taken away may hold anything; undoing brings it back from the journal.
        (State::File { content, .. }, State::Absent) => {
            let size = content.as_ref().map_or(0, |content| content.0.len());
            shown.push(Shown::Line(format!("remove {path} ({size} bytes)")));
        }
        (State::File { .. } | State::Absent, State::File { .. } | State::Absent) => {
            let text = |state: &State| state.content().map(|content| content.as_text().map(ToOwned::to_owned));
            match (text(before), text(after)) {
                (a, b) if a == b => {}
                _ if is_secret(path) => {
                    shown.push(Shown::Line(format!("{path} changes; its text is not shown")));
                }
                (Some(None), _) | (_, Some(None)) => {
                    shown.push(Shown::Line(format!("{path} changes; it is not text")));
                }
                (a, b) => {
                    let diff = unified(path, a.flatten().as_deref(), b.flatten().as_deref());
                    shown.push(Shown::Diff { path: path.to_owned(), diff });
                }
            }
        }
        _ => {}
    }
    if let (Some(before), Some(after)) = (before.perms(), after.perms())
        && before != after
    {
        shown.push(Shown::Line(format!("{path}: {before} -> {after}")));
    }
    shown
}

/// A unified diff; a side that is none is `/dev/null`.
pub(crate) fn unified(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let name = |side: Option<&str>| side.map_or("/dev/null", |_| path).to_owned();
    diffy::DiffOptions::new()
        .set_context_len(3)
        .set_original_filename(name(before))
        .set_modified_filename(name(after))
        .create_patch(before.unwrap_or_default(), after.unwrap_or_default())
        .to_string()
}

#[cfg(test)]
mod tests;
