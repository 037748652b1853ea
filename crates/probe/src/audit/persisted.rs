//! The audit rules that the next boot loads: /etc/audit/rules.d as augenrules reads it, or /etc/audit/audit.rules.

use std::collections::BTreeSet;

use host::Door;
use model::Fact;
use model::facts::audit::AuditPersistence;

use super::rules::{Line, Rule, parse_line};
use crate::fact::{IntoFact, reason};
use crate::text::files_in;

const RULES_D: &str = "/etc/audit/rules.d";
const COMPILED: &str = "/etc/audit/audit.rules";

/// More rules than this are not kept: the kernel walks them all at every system call, nobody has so many.
pub(crate) const MAX_RULES: usize = 1000;

/// More broken lines or files than this are not listed.
const MAX_LISTED: usize = 100;

/// Rules of files, in the order of loading.
#[derive(Debug, Default)]
pub(crate) struct Persisted {
    /// Each with `path:line`.
    pub(crate) rules: Vec<(Rule, String)>,
    /// What else the files say.
    pub(crate) summary: AuditPersistence,
}

/// Reads what the next boot loads.
///
/// # Errors
/// The reason why the rules cannot be read.
pub(crate) fn read(door: &Door) -> Result<Persisted, String> {
    let mut names = files_in(door, RULES_D, ".rules").map_err(|error| reason(&error, door))?;
    names.sort_by(|a, b| model::version::natural_order(a, b));
    let augenrules = !names.is_empty();
    let files: Vec<String> = if augenrules {
        names.into_iter().map(|name| format!("{RULES_D}/{name}")).collect()
    } else if door.exists(COMPILED) {
        vec![COMPILED.to_owned()]
    } else {
        Vec::new()
    };
    let mut loading = Loading { merged: augenrules, ..Loading::default() };
    let mut writable = Vec::new();
    for file in &files {
        loading.file(door, file)?;
        if door.stat(file).is_ok_and(|stat| stat.uid != 0 || stat.mode & 0o022 != 0) {
            writable.push(file.clone());
        }
    }
    let compiled_is_current = if augenrules {
        let mut compiled = Loading::default();
        match compiled.file(door, COMPILED) {
            Ok(()) => Fact::read_at(loading.same_as(&compiled), COMPILED),
            Err(_) if !door.exists(COMPILED) => Fact::read_at(false, COMPILED),
            Err(reason) => Fact::unreadable(reason),
        }
    } else {
        Fact::Absent
    };
    let loader = match (augenrules, files.is_empty()) {
        (true, _) => Fact::read_at("augenrules".to_owned(), RULES_D),
        (false, false) => Fact::read_at("auditctl".to_owned(), COMPILED),
        (false, true) => Fact::Absent,
    };
    let summary = AuditPersistence {
        loader,
        files: Fact::read_at(files, RULES_D),
        broken_lines: Fact::read_at(loading.broken, RULES_D),
        compiled_is_current,
        enabled: loading.enabled,
        failure: loading.failure,
        backlog_limit: loading.backlog,
        writable_files: Fact::read_at(writable, RULES_D),
        ..AuditPersistence::default()
    };
    Ok(Persisted { rules: loading.rules, summary })
}

/// What auditctl does with one line after another.
struct Loading {
    /// augenrules puts every `-D` first and `-e` last; auditctl alone obeys them where they stand.
    merged: bool,
    rules: Vec<(Rule, String)>,
    broken: Vec<String>,
    enabled: Fact<u64>,
    failure: Fact<u64>,
    backlog: Fact<u64>,
}

impl Default for Loading {
    fn default() -> Self {
        Self {
            merged: false,
            rules: Vec::new(),
            broken: Vec::new(),
            enabled: Fact::Absent,
            failure: Fact::Absent,
            backlog: Fact::Absent,
        }
    }
}

impl Loading {
    fn file(&mut self, door: &Door, path: &str) -> Result<(), String> {
        let text = door.read_text(path).map_err(|error| reason(&error, door))?;
        for (index, line) in text.lines().enumerate() {
            let Some(parsed) = parse_line(line) else { continue };
            let place = format!("{path}:{}", index + 1);
            // Locked rules take no more rules.
            if !self.merged && self.enabled.value() == Some(&2) {
                break;
            }
            match parsed {
                Ok(Line::Add(rule)) if self.rules.len() < MAX_RULES => self.rules.push((rule, place)),
                Ok(Line::Remove(rule)) => {
                    let gone = rule.identity();
                    self.rules.retain(|(rule, _)| rule.identity() != gone);
                }
                Ok(Line::Clear) if !self.merged => self.rules.clear(),
                Ok(Line::Enabled(value)) => self.enabled = Fact::read_at(value, place),
                Ok(Line::Failure(value)) => self.failure = Fact::read_at(value, place),
                Ok(Line::Backlog(value)) => self.backlog = Fact::read_at(value, place),
                Ok(Line::Add(_) | Line::Clear | Line::Setting) => {}
                Err(_) if self.broken.len() < MAX_LISTED => self.broken.push(place),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn same_as(&self, other: &Self) -> bool {
        let rules = |loading: &Self| -> BTreeSet<Rule> {
            loading.rules.iter().map(|(rule, _)| rule.identity()).collect()
        };
        rules(self) == rules(other)
            && self.enabled.value() == other.enabled.value()
            && self.failure.value() == other.failure.value()
            && self.backlog.value() == other.backlog.value()
    }
}

/// A setting of the kernel's command line; absent when not given.
pub(crate) fn boot_parameter(door: &Door, name: &str) -> Fact<String> {
    if !door.is_live() {
        return Fact::unreadable("only a running host tells its kernel command line");
    }
    door.read_text("/proc/cmdline").into_fact(door).and_then(|line| {
        // The last one wins.
        let value =
            line.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')).next_back();
        value.map_or(Fact::Absent, |value| Fact::read_at(value.to_owned(), "/proc/cmdline"))
    })
}
