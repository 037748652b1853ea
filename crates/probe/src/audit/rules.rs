//! Audit rules as auditctl reads and prints them: `-w PATH -p wa -k KEY`, `-a always,exit -F ... -S ...`.

use std::collections::BTreeSet;

/// One line of a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A rule to add.
    Add(Rule),
    /// A rule to take away (`-d`, `-W`).
    Remove(Rule),
    /// Take all rules away (`-D`).
    Clear,
    /// `-e`: 0 off, 1 on, 2 locked.
    Enabled(u64),
    /// `-f`.
    Failure(u64),
    /// `-b`.
    Backlog(u64),
    /// Another setting, such as `-c` or `--backlog_wait_time`.
    Setting,
}

/// A rule in a form in which two spellings of the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `always` or `never`.
    pub action: String,
    /// `exit`, `task`, `user`, `exclude`, `filesystem`.
    pub list: String,
    /// `b64`, `b32` or empty.
    pub arch: String,
    /// Sorted; `all` alone when not narrowed.
    pub syscalls: BTreeSet<String>,
    /// The watched path, of `-w`, `-F path=` or `-F dir=`.
    pub path: Option<String>,
    /// Whether the path was given by `-F dir=` (or `-w`, where the kind of file decides).
    pub path_kind: PathKind,
    /// Of `rwxa` in that order; empty when not given.
    pub permissions: String,
    /// Other `-F` and `-C` conditions.
    pub conditions: BTreeSet<String>,
    /// The key.
    pub key: Option<String>,
}

/// How a rule names its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathKind {
    /// It names none.
    #[default]
    None,
    /// `-w`: recursive when the path is a folder.
    Watch,
    /// `-F path=`: the one file.
    Path,
    /// `-F dir=`: the folder and what is below.
    Dir,
}

impl Rule {
    /// Whether it is a rule on a path that records every access of its permissions, whichever system call.
    pub fn is_watch(&self) -> bool {
        self.path.is_some()
            && self.action == "always"
            && self.list == "exit"
            && (self.syscalls.is_empty() || self.syscalls.iter().all(|call| call == "all"))
    }

    /// The same rule whichever of the forms auditctl takes as one: it prints `-F path=X -F perm=wa` as `-w X -p wa`.
    pub(crate) fn identity(&self) -> Self {
        let mut same = self.clone();
        if same.is_watch() && same.conditions.is_empty() && same.arch.is_empty() {
            same.path_kind = PathKind::Watch;
            if same.permissions.is_empty() {
                same.permissions = "rwxa".to_owned();
            }
        }
        if same.syscalls.is_empty() {
            same.syscalls.insert("all".to_owned());
        }
        same
    }

    /// The rule on one line, for a person.
    pub(crate) fn text(&self) -> String {
        let mut words = Vec::new();
        match (&self.path, self.path_kind) {
            (Some(path), PathKind::Watch) => {
                words.push(format!("-w {path} -p {}", self.permissions));
            }
            (path, kind) => {
                words.push(format!("-a {},{}", self.action, self.list));
                if !self.arch.is_empty() {
                    words.push(format!("-F arch={}", self.arch));
                }
                if !self.syscalls.is_empty() {
                    words.push(format!("-S {}", self.syscalls.iter().cloned().collect::<Vec<_>>().join(",")));
                }
                if let Some(path) = path {
                    let field = if kind == PathKind::Dir { "dir" } else { "path" };
                    words.push(format!("-F {field}={path}"));
                }
                if !self.permissions.is_empty() {
                    words.push(format!("-F perm={}", self.permissions));
                }
                words.extend(self.conditions.iter().map(|condition| format!("-F {condition}")));
            }
        }
        if let Some(key) = &self.key {
            words.push(format!("-k {key}"));
        }
        words.join(" ")
    }
}

/// Reads one line; none when it is empty or a comment.
///
/// # Errors
/// A sentence saying what auditctl would refuse.
pub fn parse_line(line: &str) -> Option<Result<Line, String>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || line == "No rules" {
        return None;
    }
    Some(parse_words(&words(line)))
}

fn parse_words(words: &[String]) -> Result<Line, String> {
    let mut rule = Rule::default();
    let mut what: Option<fn(Rule) -> Line> = None;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        // `-pwa` and `-p wa` are the same to getopt.
        let (option, attached) = match word.strip_prefix('-') {
            Some(after) if !after.starts_with('-') && after.chars().count() > 1 => {
                let split = after.chars().next().map_or(0, char::len_utf8);
                (format!("-{}", after.get(..split).unwrap_or_default()), after.get(split..))
            }
            _ => (word.clone(), None),
        };
        let mut value = || match attached {
            Some(attached) => Ok(attached.to_owned()),
            None => rest.next().cloned().ok_or_else(|| format!("{option} needs a value")),
        };
        match option.as_str() {
            "-D" => return Ok(Line::Clear),
            "-e" => return number(&value()?).map(Line::Enabled),
            "-f" => return number(&value()?).map(Line::Failure),
            "-b" => return number(&value()?).map(Line::Backlog),
            "-c" | "-i" | "-r" | "-s" | "-q" | "-t" | "-m" => return Ok(Line::Setting),
            "-w" | "-W" => {
                let path = value()?;
                if !path.starts_with('/') {
                    return Err(format!("{path} is not an absolute path"));
                }
                rule.path = Some(without_slash(&path));
                rule.path_kind = PathKind::Watch;
                "always".clone_into(&mut rule.action);
                "exit".clone_into(&mut rule.list);
                what = Some(if option == "-w" { Line::Add } else { Line::Remove });
            }
            "-a" | "-A" | "-d" => {
                let place = value()?;
                let (first, second) =
                    place.split_once(',').ok_or_else(|| format!("{place} is no action and list"))?;
                for part in [first, second] {
                    match part {
                        "always" | "never" | "possible" => part.clone_into(&mut rule.action),
                        "exit" | "task" | "user" | "exclude" | "filesystem" | "io_uring" => {
                            part.clone_into(&mut rule.list);
                        }
                        other => return Err(format!("{other} is neither action nor list")),
                    }
                }
                if rule.action.is_empty() || rule.list.is_empty() {
                    return Err(format!("{place} lacks the action or the list"));
                }
                what = Some(if option == "-d" { Line::Remove } else { Line::Add });
            }
            "-p" => rule.permissions = permissions(&value()?)?,
            "-k" => rule.key = Some(value()?),
            "-S" => rule.syscalls.extend(value()?.split(',').map(str::to_owned)),
            "-F" | "-C" => field(&mut rule, &value()?)?,
            option if option.starts_with("--") => return Ok(Line::Setting),
            other => return Err(format!("{other} is no option of auditctl")),
        }
    }
    if rule.path_kind == PathKind::Watch && rule.permissions.is_empty() {
        "rwxa".clone_into(&mut rule.permissions);
    }
    what.map(|what| what(rule)).ok_or_else(|| "there is no -a, -d, -w or -W".to_owned())
}

/// Puts one `-F` or `-C` condition where it belongs.
fn field(rule: &mut Rule, condition: &str) -> Result<(), String> {
    let operator =
        condition.find(['=', '!', '<', '>', '&']).ok_or_else(|| format!("{condition} has no operator"))?;
    let (name, rest) = condition.split_at(operator);
    match (name, rest.strip_prefix('=')) {
        ("arch", Some(arch)) => arch.clone_into(&mut rule.arch),
        ("perm", Some(given)) => rule.permissions = permissions(given)?,
        ("key", Some(key)) => rule.key = Some(key.to_owned()),
        ("path", Some(path)) => {
            rule.path = Some(without_slash(path));
            rule.path_kind = PathKind::Path;
        }
        ("dir", Some(path)) => {
            rule.path = Some(without_slash(path));
            rule.path_kind = PathKind::Dir;
        }
        _ => {
            rule.conditions.insert(comparable(name, rest));
        }
    }
    Ok(())
}

/// The condition in one spelling: unset login ids are written in three ways, root in two, comparisons in two orders.
fn comparable(name: &str, rest: &str) -> String {
    let operator: String = rest.chars().take_while(|c| !c.is_ascii_alphanumeric() && *c != '-').collect();
    let value = rest.strip_prefix(operator.as_str()).unwrap_or_default();
    let is_id =
        |name: &str| matches!(name, "auid" | "uid" | "euid" | "suid" | "fsuid" | "obj_uid" | "loginuid");
    if is_id(name) {
        let value = match value {
            "unset" | "4294967295" => "-1",
            "root" => "0",
            other => other,
        };
        if is_id(value) && value < name {
            return format!("{value}{operator}{name}");
        }
        return format!("{name}{operator}{value}");
    }
    if let Some(hex) = value.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        return format!("{name}{operator}{hex}");
    }
    format!("{name}{operator}{value}")
}

fn permissions(given: &str) -> Result<String, String> {
    if let Some(other) = given.chars().find(|c| !"rwxaRWXA".contains(*c)) {
        return Err(format!("{other} is no permission"));
    }
    let given = given.to_ascii_lowercase();
    Ok("rwxa".chars().filter(|c| given.contains(*c)).collect())
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn without_slash(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() }
}

/// Words as auditctl takes a line of a file apart: at blanks; a quoted path may hold blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (None, c) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(line: &str) -> Rule {
        match parse_line(line) {
            Some(Ok(Line::Add(rule))) => rule,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn both_forms_of_a_watch_are_the_same_rule() {
        let short = added("-w /etc/docker/ -p wa -k docker");
        assert!(short.is_watch());
        assert_eq!(short.identity(), added("-w /etc/docker -paw -kdocker").identity());
        let long = "-a always,exit -F path=/etc/docker -F perm=wa -F key=docker";
        assert_eq!(short.identity(), added(long).identity());
        assert_eq!(
            short.identity(),
            added("-a exit,always -S all -F dir=/etc/docker -F perm=wa -k docker").identity()
        );
    }

    #[test]
    fn spellings_of_a_syscall_rule_are_the_same_rule() {
        let written = "-a always,exit -F arch=b64 -S settimeofday,adjtimex -S clock_settime -F a0=0x0 \
                       -F auid>=1000 -F auid!=unset -k time-change";
        let printed = "-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -F a0=0x0 \
                       -F auid>=1000 -F auid!=-1 -F key=time-change";
        assert_eq!(added(written).identity(), added(printed).identity());
        let written = added("-a exit,always -C euid!=uid -F euid=root -F arch=b64 -S execve -k up");
        let printed = added("-a always,exit -F arch=b64 -S execve -C uid!=euid -F euid=0 -F key=up");
        assert_eq!(
            written.identity().conditions,
            BTreeSet::from(["euid!=uid".to_owned(), "euid=0".to_owned()])
        );
        assert_eq!(written.identity(), printed.identity());
    }

    #[test]
    fn a_rule_that_never_records_is_no_watch() {
        assert!(!added("-a never,exit -S all -F path=/etc/passwd").is_watch());
        assert!(!added("-a always,exit -F arch=b64 -S openat -F path=/etc/passwd -F perm=wa").is_watch());
    }

    #[test]
    fn settings_are_told_apart_from_rules() {
        assert_eq!(parse_line("-e 2"), Some(Ok(Line::Enabled(2))));
        assert_eq!(parse_line("-D"), Some(Ok(Line::Clear)));
        assert_eq!(parse_line("--backlog_wait_time 60000"), Some(Ok(Line::Setting)));
        assert_eq!(parse_line("# -e 2"), None);
        assert_eq!(parse_line("No rules"), None);
    }

    #[test]
    fn hostile_lines_are_refused_not_panicked_on() {
        for line in [
            "-w",
            "-w relative",
            "-p ü",
            "-ü",
            "-",
            "--",
            "-a",
            "-a x",
            "-a ,",
            "-F",
            "-F =",
            "-F noop",
            "\u{0}",
            "-e 99999999999999999999",
            "-w \"/un closed",
            "-k",
        ] {
            let _ = parse_line(line);
        }
        assert!(matches!(parse_line("-w relative -p wa"), Some(Err(_))));
        assert!(matches!(parse_line("rm -rf /"), Some(Err(_))));
    }
}
