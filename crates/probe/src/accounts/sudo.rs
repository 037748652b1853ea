//! sudo: the policy with everything it includes, aliases resolved.

use std::collections::{BTreeMap, BTreeSet};

use host::Door;
use model::facts::accounts::{Sudo, SudoGrant};
use model::{Fact, Source};

use crate::accounts::files::account_file;
use crate::accounts::people::People;
use crate::accounts::sudoers::{self, Default, ItemKind};
use crate::fact::reason;

/// sudo stops at this depth of includes too.
const MAX_DEPTH: usize = 16;

/// Files read in all.
const MAX_FILES: usize = 500;

/// Grants kept.
const MAX_GRANTS: usize = 5_000;

/// Members of an alias after all aliases in it are resolved.
const MAX_MEMBERS: usize = 2_000;

const PROGRAMS: [&str; 3] = ["/usr/bin/sudo", "/usr/local/bin/sudo", "/bin/sudo"];

/// The file that includes the others.
const MAIN: &str = "/etc/sudoers";

/// Reads sudo's policy; absent when sudo is not installed.
pub(crate) fn read(door: &Door, people: &People) -> Fact<Sudo> {
    if !PROGRAMS.iter().any(|path| door.stat(path).is_ok()) {
        return Fact::Absent;
    }
    let mut reader = Reader::new(door);
    reader.file(MAIN, 0);
    let mut sudo = Sudo {
        problems: std::mem::take(&mut reader.problems),
        drop_ins_win: reader.drop_ins_win,
        ..Sudo::default()
    };
    sudo.files = reader.files.iter().filter_map(|path| account_file(door, path)).collect();
    if let Some(why) = reader.unread.first() {
        let unreadable = || why.clone();
        sudo.grants = Fact::unreadable(unreadable());
        sudo.use_pty = Fact::unreadable(unreadable());
        sudo.log_file = Fact::unreadable(unreadable());
        sudo.logs_sessions = Fact::unreadable(unreadable());
        sudo.authentication_off = Fact::unreadable(unreadable());
        sudo.timestamp_timeout_minutes = Fact::unreadable(unreadable());
        sudo.env_reset = Fact::unreadable(unreadable());
        sudo.secure_path = Fact::unreadable(unreadable());
        sudo.asks_target_password = Fact::unreadable(unreadable());
        return Fact::read_at(sudo, MAIN);
    }
    sudo.grants = Fact::known(reader.grants(people));
    reader.defaults(&mut sudo);
    Fact::read_at(sudo, MAIN)
}

struct Setting {
    default: Default,
    is_global: bool,
    source: Source,
}

struct Spec {
    who: Vec<String>,
    grants: Vec<sudoers::Grant>,
    whole: Option<String>,
    source: String,
}

struct Reader<'a> {
    door: &'a Door,
    files: Vec<String>,
    reads: usize,
    problems: Vec<String>,
    unread: Vec<String>,
    settings: Vec<Setting>,
    drop_ins_win: bool,
    aliases: BTreeMap<(&'static str, String), Vec<String>>,
    specs: Vec<Spec>,
}

impl<'a> Reader<'a> {
    fn new(door: &'a Door) -> Self {
        Self {
            door,
            files: Vec::new(),
            reads: 0,
            problems: Vec::new(),
            unread: Vec::new(),
            settings: Vec::new(),
            drop_ins_win: false,
            aliases: BTreeMap::new(),
            specs: Vec::new(),
        }
    }

    fn file(&mut self, path: &str, depth: usize) {
        if depth > MAX_DEPTH || self.reads >= MAX_FILES {
            self.unread
                .push(format!("{path} is not read: too many includes, or files that include each other"));
            return;
        }
        self.reads += 1;
        let text = match self.door.read_text(path) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return,
            Err(error) => return self.unread.push(reason(&error, self.door)),
        };
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
        for item in sudoers::parse(&text) {
            let source = format!("{path}:{}", item.line);
            match item.kind {
                ItemKind::Include { is_directory, path: included } => {
                    let included = if included.starts_with('/') {
                        included
                    } else {
                        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                        format!("{directory}/{included}")
                    };
                    if is_directory {
                        self.drop_ins_win |= depth == 0 && included == "/etc/sudoers.d";
                        self.directory(&included, depth + 1);
                    } else {
                        self.file(&included, depth + 1);
                    }
                }
                ItemKind::Alias { kind, name, members } => {
                    self.aliases.insert((kind, name), members);
                }
                ItemKind::Defaults { is_global, settings } => {
                    self.drop_ins_win &= path.starts_with("/etc/sudoers.d/");
                    self.settings.extend(settings.into_iter().map(|default| Setting {
                        default,
                        is_global,
                        source: Source::line(path, item.line, &item.text),
                    }));
                }
                ItemKind::Spec { who, grants } => {
                    self.specs.push(Spec { who, grants, whole: item.whole, source })
                }
                ItemKind::Problem if self.problems.len() < 100 => {
                    self.problems
                        .push(format!("{source}: {}", item.text.chars().take(200).collect::<String>()));
                }
                ItemKind::Problem => {}
            }
        }
    }

    fn directory(&mut self, path: &str, depth: usize) {
        match self.door.read_dir(path) {
            Ok(entries) => {
                // sudo passes over names with a dot or a tilde at the end: editors' and packages' leftovers.
                let names = entries.iter().map(|entry| entry.name.as_str());
                for name in names.filter(|name| !name.contains('.') && !name.ends_with('~')) {
                    if self.reads >= MAX_FILES {
                        return self.unread.push(format!("{path} holds more than {MAX_FILES} files"));
                    }
                    self.file(&format!("{}/{name}", path.trim_end_matches('/')), depth);
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => self.unread.push(reason(&error, self.door)),
        }
    }

    /// The members of a list with aliases replaced, a `!` before an alias going to each of its members.
    fn resolve(&self, kind: &'static str, list: &[String]) -> Vec<String> {
        let mut resolved = Vec::new();
        let mut open: Vec<(String, usize)> = list.iter().rev().map(|name| (name.clone(), 0)).collect();
        while let Some((name, depth)) = open.pop() {
            let bare = name.trim_start_matches(['!', ' ']);
            let is_negated = name.matches('!').count() % 2 == 1;
            match self
                .aliases
                .get(&(kind, bare.to_owned()))
                .filter(|_| depth < MAX_DEPTH && open.len() < MAX_MEMBERS)
            {
                Some(members) => {
                    open.extend(members.iter().rev().map(|member| {
                        (if is_negated { format!("!{member}") } else { member.clone() }, depth + 1)
                    }))
                }
                None if resolved.len() < MAX_MEMBERS => resolved.push(name),
                None => return resolved,
            }
        }
        resolved
    }

    fn grants(&self, people: &People) -> Vec<SudoGrant> {
        let mut all = Vec::new();
        for spec in &self.specs {
            for who in spec.who.iter().filter(|who| !who.starts_with('!')) {
                // Exceptions of the same list hold for each of its names.
                let exceptions = spec.who.iter().filter(|who| who.starts_with('!')).cloned();
                let list: Vec<String> = std::iter::once(who.clone()).chain(exceptions).collect();
                let users = users(&self.resolve("User", &list), people);
                for grant in &spec.grants {
                    if all.len() == MAX_GRANTS {
                        return all;
                    }
                    let commands = self.resolve("Cmnd", &grant.commands);
                    let run_as = self.resolve("Runas", &grant.run_as);
                    let is_root = |name: &String| matches!(name.as_str(), "root" | "ALL" | "#0");
                    all.push(SudoGrant {
                        name: format!(
                            "{who}: {}",
                            grant.commands.join(", ").chars().take(120).collect::<String>()
                        ),
                        who: who.clone(),
                        users: users.clone(),
                        hosts: self.resolve("Host", &grant.hosts),
                        all_commands: commands.iter().any(|command| command == "ALL"),
                        as_root: run_as.iter().any(is_root) && !run_as.iter().any(|name| name == "!root"),
                        uses_negation: commands.iter().any(|command| command.starts_with('!')),
                        run_as,
                        commands,
                        no_password: grant.no_password,
                        line: Fact::from_option(spec.whole.clone()),
                        source: spec.source.clone(),
                    });
                }
            }
        }
        all
    }

    fn defaults(&self, sudo: &mut Sudo) {
        let last = |name: &str| {
            self.settings.iter().rfind(|setting| setting.is_global && setting.default.name == name)
        };
        let flag = |name: &str, otherwise: bool| match last(name) {
            Some(setting) => Fact::sourced(!setting.default.is_negated, setting.source.clone()),
            None => Fact::read_at(otherwise, "built in"),
        };
        let text = |name: &str| match last(name) {
            Some(setting) if !setting.default.is_negated => match &setting.default.value {
                Some(value) => Fact::sourced(value.clone(), setting.source.clone()),
                None => Fact::Absent,
            },
            _ => Fact::Absent,
        };
        // Off unless somebody sets it, up to sudo 1.9.13; a policy should not depend on the release.
        sudo.use_pty = flag("use_pty", false);
        sudo.env_reset = flag("env_reset", true);
        sudo.log_file = text("logfile");
        sudo.secure_path = text("secure_path");
        let either = |one: &str, other: &str| match (flag(one, false), flag(other, false)) {
            (Fact::Known(true, source), _) | (_, Fact::Known(true, source)) => Fact::Known(true, source),
            _ => Fact::read_at(false, "built in"),
        };
        sudo.logs_sessions = either("log_input", "log_output");
        sudo.asks_target_password = match either("targetpw", "rootpw") {
            Fact::Known(true, source) => Fact::Known(true, source),
            _ => flag("runaspw", false),
        };
        sudo.timestamp_timeout_minutes = match text("timestamp_timeout") {
            Fact::Known(value, source) => match value.parse::<f64>() {
                Ok(minutes) if minutes.is_finite() => Fact::Known(minutes, source),
                _ => Fact::unreadable(format!("timestamp_timeout={value} is no number")),
            },
            // `!timestamp_timeout` asks every time; 15 minutes is what Debian builds in, the longest of all.
            _ => match last("timestamp_timeout") {
                Some(setting) => Fact::sourced(0.0, setting.source.clone()),
                None => Fact::read_at(15.0, "built in"),
            },
        };
        let off = self
            .settings
            .iter()
            .find(|setting| setting.default.name == "authenticate" && setting.default.is_negated);
        sudo.authentication_off = match off {
            Some(setting) => Fact::sourced(true, setting.source.clone()),
            None => Fact::read_at(false, "built in"),
        };
    }
}

/// The local accounts that a list of `sudoers` names comes to; the last entry that fits decides.
fn users(list: &[String], people: &People) -> Vec<String> {
    let mut users = BTreeSet::new();
    for entry in list {
        let is_negated = entry.matches('!').count() % 2 == 1;
        let name = entry.trim_start_matches(['!', ' ']);
        let fitting = people.users.iter().filter(|user| match name.strip_prefix('%') {
            Some(group) => match group.strip_prefix('#') {
                Some(gid) => {
                    let group = people.groups.iter().find(|group| group.gid.to_string() == gid);
                    group.is_some_and(|group| people.groups_of(&user.name).contains(&group.name))
                }
                None => people.groups_of(&user.name).iter().any(|known| known == group),
            },
            None => match name.strip_prefix('#') {
                Some(uid) => user.uid.to_string() == uid,
                None => name == "ALL" || user.name == name,
            },
        });
        for user in fitting {
            if is_negated {
                users.remove(&user.name);
            } else {
                users.insert(user.name.clone());
            }
        }
    }
    users.into_iter().collect()
}
