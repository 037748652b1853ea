//! The grammar of `sudoers(5)`: one file's text to its items.

/// One line of a policy that means something, continuation lines joined.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// Of the first line, 1-based.
    pub(crate) line: usize,
    /// Its beginning.
    pub(crate) text: String,
    /// The line with its comment; none when it goes on over several.
    pub(crate) whole: Option<String>,
    pub(crate) kind: ItemKind,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ItemKind {
    /// `Defaults`: each parameter with whether it stands for everybody.
    Defaults { is_global: bool, settings: Vec<Default> },
    /// `User_Alias` and its like: kind (`User`, `Runas`, `Host`, `Cmnd`), name, members.
    Alias { kind: &'static str, name: String, members: Vec<String> },
    /// `@include`, `@includedir`.
    Include { is_directory: bool, path: String },
    /// Who may do what.
    Spec { who: Vec<String>, grants: Vec<Grant> },
    /// sudo would refuse it.
    Problem,
}

/// One parameter of `Defaults`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Default {
    pub(crate) name: String,
    pub(crate) is_negated: bool,
    /// None for a flag.
    pub(crate) value: Option<String>,
}

/// Commands with the same hosts, target users and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) hosts: Vec<String>,
    pub(crate) run_as: Vec<String>,
    pub(crate) no_password: bool,
    pub(crate) commands: Vec<String>,
}

const TAGS: [&str; 16] = [
    "EXEC",
    "NOEXEC",
    "FOLLOW",
    "NOFOLLOW",
    "INTERCEPT",
    "NOINTERCEPT",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "PASSWD",
    "NOPASSWD",
    "SETENV",
    "NOSETENV",
];

const ALIASES: [(&str, &str); 5] = [
    ("User_Alias", "User"),
    ("Runas_Alias", "Runas"),
    ("Host_Alias", "Host"),
    ("Cmnd_Alias", "Cmnd"),
    ("Cmd_Alias", "Cmnd"),
];

/// Items of one file kept.
const MAX_ITEMS: usize = 10_000;

/// Characters of a line kept to show it: one line may give thousands of items.
const MAX_EXCERPT: usize = 500;

/// Grants of one line kept, and hosts of each: every grant repeats its hosts.
const MAX_GRANTS: usize = 1_000;

/// The items of a file, in order.
pub(crate) fn parse(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (line, text) in logical_lines(text) {
        let whole = lines
            .get(line.saturating_sub(1))
            .filter(|whole| **whole == text && text.len() <= MAX_EXCERPT)
            .map(|whole| (*whole).to_owned());
        let text = without_comment(&text).trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let excerpt: String = text.chars().take(MAX_EXCERPT).collect();
        for kind in item(&text) {
            if items.len() >= MAX_ITEMS {
                return items;
            }
            items.push(Item { line, text: excerpt.clone(), whole: whole.clone(), kind });
        }
    }
    items
}

/// Lines with those that end in a backslash joined to the next.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        // A comment does not go on.
        let is_comment = line
            .trim_start()
            .strip_prefix('#')
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        let goes_on = line.ends_with('\\') && !is_comment;
        whole.push_str(line.strip_suffix('\\').filter(|_| goes_on).unwrap_or(line));
        if goes_on {
            whole.push(' ');
            open = Some((number, whole));
        } else {
            lines.push((number, whole));
        }
    }
    lines.extend(open);
    lines
}

/// Cuts at a `#` that begins a comment: not one of `#include`, not one before a number (a uid).
fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("#include ")
        || trimmed.starts_with("#include\t")
        || trimmed.starts_with("#includedir")
    {
        return line;
    }
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let before = line.get(..at).unwrap_or_default();
                let is_uid =
                    line.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                let may_be_uid =
                    before.is_empty() || before.ends_with([' ', '\t', ',', '(', '%', '!', '=', ':']);
                if !(is_uid && may_be_uid) {
                    return before;
                }
            }
            _ => {}
        }
    }
    line
}

fn item(text: &str) -> Vec<ItemKind> {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    match word {
        "@include" | "#include" => return vec![include(false, rest)],
        "@includedir" | "#includedir" => return vec![include(true, rest)],
        _ => {}
    }
    if let Some(scope) = word.strip_prefix("Defaults")
        && (scope.is_empty() || scope.starts_with(['@', ':', '!', '>']))
    {
        // `Defaults:alice, bob x`: the list of whom may hold spaces; the parameters are its last part.
        let settings = split_top(rest, ',').iter().filter_map(|part| default(part)).collect();
        return vec![ItemKind::Defaults { is_global: scope.is_empty(), settings }];
    }
    if let Some((_, kind)) = ALIASES.iter().find(|(name, _)| *name == word) {
        return split_top(rest, ':')
            .iter()
            .map(|part| match part.split_once('=') {
                Some((name, members)) => ItemKind::Alias {
                    kind,
                    name: name.trim().to_owned(),
                    members: split_top(members, ',').iter().map(|member| plain(member)).collect(),
                },
                None => ItemKind::Problem,
            })
            .collect();
    }
    vec![spec(text).unwrap_or(ItemKind::Problem)]
}

fn include(is_directory: bool, path: &str) -> ItemKind {
    ItemKind::Include { is_directory, path: plain(path) }
}

fn default(part: &str) -> Option<Default> {
    let part = part.trim();
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name.trim_end_matches(['+', '-', ' ', '\t']), Some(plain(value))),
        None => (part, None),
    };
    let is_negated = name.starts_with('!');
    let name = name.trim_start_matches(['!', ' ']).to_owned();
    (!name.is_empty()).then_some(Default { name, is_negated, value })
}

/// `users hosts = commands : hosts = commands`.
fn spec(text: &str) -> Option<ItemKind> {
    let (left, _) = text.split_at_checked(top_find(text, '=')?)?;
    let (who, _) = list_and_rest(left);
    if who.is_empty() {
        return None;
    }
    let mut grants = Vec::new();
    let after_users = left.len() - list_and_rest(left).1.len();
    for part in host_parts(text.get(after_users..)?) {
        let equals = top_find(part, '=')?;
        let (hosts, commands) = part.split_at_checked(equals)?;
        let hosts: Vec<String> =
            split_top(hosts, ',').iter().take(MAX_GRANTS).map(|host| plain(host)).collect();
        if hosts.iter().all(String::is_empty) {
            return None;
        }
        command_list(commands.get(1..)?, &hosts, &mut grants);
    }
    Some(ItemKind::Spec { who, grants })
}

/// The comma list at the beginning, and what follows it.
fn list_and_rest(text: &str) -> (Vec<String>, &str) {
    let mut list = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let end = word_end(rest);
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !word.is_empty() {
            list.push(plain(word));
        }
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return (list, after),
        }
        if rest.is_empty() {
            return (list, rest);
        }
    }
}

/// Where a word ends: at white space or a comma outside of quotes.
fn word_end(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' | ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// Splits `hosts = commands : hosts = commands` at the colons that are not a tag's.
fn host_parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let equals = top_positions(text, '=');
    let next_equals = |from: usize| equals.get(equals.partition_point(|at| *at < from)).copied();
    for at in top_positions(text, ':') {
        let before = text.get(start..at).unwrap_or_default();
        let word = before.rsplit([' ', '\t', ',', ')', '=', ':']).next().unwrap_or_default();
        let is_tag = TAGS.contains(&word) || word.starts_with("sha");
        if !is_tag && next_equals(at).is_some() && next_equals(start).is_some_and(|equals| equals < at) {
            parts.push(before);
            start = at + 1;
        }
    }
    parts.extend(text.get(start..));
    parts
}

fn command_list(text: &str, hosts: &[String], grants: &mut Vec<Grant>) {
    let mut run_as: Vec<String> = vec!["root".to_owned()];
    let mut no_password = false;
    let first = grants.len();
    for part in split_top(text, ',') {
        let mut rest = part.trim();
        if let Some((inside, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            let users = inside.split_once(':').map_or(inside, |(users, _)| users);
            run_as =
                split_top(users, ',').iter().map(|user| plain(user)).filter(|user| !user.is_empty()).collect();
            if run_as.is_empty() {
                // `(:group)`: as oneself, in another group.
                run_as.push("self".to_owned());
            }
            rest = after.trim_start();
        }
        while let Some((word, after)) = rest.split_once(':') {
            let word = word.trim();
            if !TAGS.contains(&word) {
                break;
            }
            no_password = match word {
                "NOPASSWD" => true,
                "PASSWD" => false,
                _ => no_password,
            };
            rest = after.trim_start();
        }
        // Options such as `CWD=/x` or `ROLE=y` before the command.
        while let Some((word, after)) = rest.split_once([' ', '\t']) {
            let is_option = word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            });
            if !is_option {
                break;
            }
            rest = after.trim_start();
        }
        if rest.is_empty() {
            continue;
        }
        let command = rest.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let is_full = grants.len() >= MAX_GRANTS;
        let same = grants
            .get_mut(first..)
            .and_then(|grants| grants.last_mut())
            .filter(|grant| grant.run_as == run_as && grant.no_password == no_password);
        match same {
            Some(grant) => grant.commands.push(command),
            None if is_full => return,
            None => grants.push(Grant {
                hosts: hosts.to_vec(),
                run_as: run_as.clone(),
                no_password,
                commands: vec![command],
            }),
        }
    }
}

/// Parts between separators that stand outside of quotes and brackets.
fn split_top(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in top_positions(text, separator) {
        parts.extend(text.get(start..at));
        start = at + separator.len_utf8();
    }
    parts.extend(text.get(start..));
    parts
}

fn top_find(text: &str, wanted: char) -> Option<usize> {
    top_positions(text, wanted).first().copied()
}

fn top_positions(text: &str, wanted: char) -> Vec<usize> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    let mut positions = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if c == wanted && depth == 0 => positions.push(at),
            _ => {}
        }
    }
    positions
}

/// Without white space around, quotes and backslashes.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut escaped = false;
    for c in text.trim().chars() {
        match c {
            c if escaped => {
                plain.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> Vec<(String, Grant)> {
        parse(text)
            .into_iter()
            .flat_map(|item| match item.kind {
                ItemKind::Spec { who, grants } => {
                    grants.into_iter().map(|grant| (who.join(","), grant)).collect::<Vec<_>>()
                }
                _ => Vec::new(),
            })
            .collect()
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn one_endless_line_neither_fills_the_memory_nor_takes_for_ever() {
        for (head, part) in [
            ("User_Alias A=b", ":"),
            ("Defaults a", ",b"),
            ("a b=c", ":d"),
            ("a b=c", ":d=e"),
            ("a b,b,b,b,b,b=c", ",(d) e,(f) g"),
            ("a ", "b,"),
        ] {
            let line = format!("{head}{}\n", part.repeat((1 << 20) / part.len()));
            let items = parse(&line);
            assert!(items.len() <= MAX_ITEMS, "{head}");
            assert!(items.iter().all(|item| item.text.chars().count() <= MAX_EXCERPT), "{head}");
        }
    }

    #[test]
    fn a_grant_has_hosts_targets_tags_and_commands() {
        let all = grants(
            "alice, bob  ALL = (root, www-data : adm) NOPASSWD: /bin/a x, /bin/b, PASSWD: /bin/c : db1 = ALL\n",
        );
        let hosts = words(&["ALL"]);
        let run_as = words(&["root", "www-data"]);
        let grant = |no_password, commands: &[&str]| Grant {
            hosts: hosts.clone(),
            run_as: run_as.clone(),
            no_password,
            commands: words(commands),
        };
        assert_eq!(all[0], ("alice,bob".to_owned(), grant(true, &["/bin/a x", "/bin/b"])));
        assert_eq!(all[1].1, grant(false, &["/bin/c"]));
        assert_eq!(all[2].1.hosts, ["db1"]);
        assert_eq!(all[2].1.run_as, ["root"]);
        assert_eq!(all[2].1.commands, ["ALL"]);
    }

    #[test]
    fn lines_go_on_after_a_backslash_and_a_uid_is_no_comment() {
        let all = grants(
            "# a comment \\\n#1000 ALL = \\\n  NOPASSWD: ALL # why\n%domain\\ users ALL=(ALL:ALL) ALL\n",
        );
        assert_eq!(all[0].0, "#1000");
        assert!(all[0].1.no_password);
        assert_eq!(all[1].0, "%domain users");
        assert_eq!(all[1].1.run_as, ["ALL"]);
    }

    #[test]
    fn includes_aliases_and_defaults_are_told_apart() {
        let items = parse(
            "#includedir /etc/sudoers.d\n@include local\nUser_Alias A = x, %y : B = z\n\
             Defaults:alice !authenticate\nDefaults use_pty, logfile=\"/var/log/sudo.log\"\n===\n",
        );
        let kinds: Vec<&ItemKind> = items.iter().map(|item| &item.kind).collect();
        assert_eq!(kinds[0], &ItemKind::Include { is_directory: true, path: "/etc/sudoers.d".to_owned() });
        assert_eq!(kinds[1], &ItemKind::Include { is_directory: false, path: "local".to_owned() });
        let alias = |name: &str, members: &[&str]| ItemKind::Alias {
            kind: "User",
            name: name.to_owned(),
            members: words(members),
        };
        assert_eq!(kinds[2], &alias("A", &["x", "%y"]));
        assert_eq!(kinds[3], &alias("B", &["z"]));
        let ItemKind::Defaults { is_global: false, settings } = kinds[4] else { panic!("{:?}", kinds[4]) };
        assert_eq!((settings[0].name.as_str(), settings[0].is_negated), ("authenticate", true));
        let ItemKind::Defaults { is_global: true, settings } = kinds[5] else { panic!("{:?}", kinds[5]) };
        assert_eq!(settings[1].value.as_deref(), Some("/var/log/sudo.log"));
        assert_eq!(kinds[6], &ItemKind::Problem);
    }

    #[test]
    fn junk_never_panics() {
        for text in
            ["=", ":", "a =", "a b = (", "\\", "\"", "a b=(:x)ALL", "Defaults", "User_Alias", "é é = é:é=\\"]
        {
            parse(text);
        }
    }
}
