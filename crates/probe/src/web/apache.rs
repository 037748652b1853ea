//! Apache's files. Sections that only ask for a condition (`IfModule`, `IfDefine`, `IfVersion`) count as met.

use host::Door;
use model::Fact;
use model::facts::web::{WebServer, WebSetting};

use super::{Reader, named, says};

const MAIN: &[&str] = &["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"];

/// Where Debian keeps what `a2enmod` switches on.
const AT_HAND: &str = "/etc/apache2/mods-available";

/// Settings that are kept, lower case.
const KEPT: &[&str] = &[
    "header",
    "listen",
    "options",
    "serversignature",
    "servertokens",
    "sslciphersuite",
    "sslengine",
    "sslhonorcipherorder",
    "sslopensslconfcmd",
    "sslprotocol",
    "sslsessiontickets",
    "traceenable",
];

/// One line, continuation lines joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Name, lower case, with `<` or `</` before it for sections.
    pub name: String,
    /// Arguments without quotes.
    pub args: Vec<String>,
    /// 1-based.
    pub line: usize,
    /// The line's text when the statement is one line.
    pub text: Option<String>,
}

/// Takes a file apart.
pub fn parse(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let mut joined = first.trim().to_owned();
        let mut single = true;
        while let Some(head) = joined.strip_suffix('\\') {
            joined = head.to_owned();
            single = false;
            match lines.next() {
                Some((_, next)) => joined.push_str(next.trim_end()),
                None => break,
            }
        }
        let whole = joined.trim();
        if whole.is_empty() || whole.starts_with('#') {
            continue;
        }
        let bare = if whole.starts_with('<') { whole.trim_end_matches('>') } else { whole };
        let mut words = words(bare).into_iter();
        let Some(name) = words.next() else { continue };
        let text = single.then(|| whole.to_owned());
        found.push(Statement { name: name.to_lowercase(), args: words.collect(), line: index + 1, text });
    }
    found
}

/// Words, quoted ones as one.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '"' | '\'' if word.is_none() => {
                let mut quoted = String::new();
                while let Some(inner) = chars.next() {
                    match inner {
                        '\\' => quoted.extend(chars.next()),
                        inner if inner == c => break,
                        inner => quoted.push(inner),
                    }
                }
                word = Some(quoted);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Reads Apache's files; none when it has none.
pub(super) fn read(door: &Door) -> Option<WebServer> {
    let main = MAIN.iter().find(|main| door.exists(main))?;
    let root = if main.starts_with("/etc/httpd") { "/etc/httpd" } else { "/etc/apache2" };
    let mut walk = Walk { reader: Reader::new(door, "apache", main), root: root.to_owned(), hosts: 0 };
    walk.file(main, &mut Vec::new(), 0);
    let mut server = walk.reader.server;
    if let Ok(entries) = door.read_dir(AT_HAND) {
        let modules = entries.iter().filter_map(|entry| entry.name.strip_suffix(".load"));
        server.modules_at_hand = modules.take(500).map(ToOwned::to_owned).collect();
    }
    server.tls = says(&server, "sslengine", &["on"]);
    server.old_protocols = in_force(&server, "sslprotocol")
        .filter(|setting| speaks_old(&setting.value))
        .map(|setting| format!("{} at {}", setting.value, setting.source))
        .collect();
    if server.tls && named(&server, "sslprotocol").next().is_none() {
        server.old_protocols.push("not set".to_owned());
    }
    let is = |setting: &WebSetting, words: &[&str]| {
        words.iter().any(|word| setting.value.eq_ignore_ascii_case(word))
    };
    server.session_tickets = server.tls
        && (in_force(&server, "sslsessiontickets").any(|setting| is(setting, &["on"]))
            || named(&server, "sslsessiontickets").next().is_none());
    let last = |name: &'static str| named(&server, name).filter(|setting| setting.block.is_empty()).last();
    let outermost = |name| last(name).map(|setting| setting.value.to_lowercase());
    // What it does when nothing is said: everything, no signature, TRACE answered.
    let tokens = outermost("servertokens").unwrap_or_else(|| "full".to_owned());
    let signature = outermost("serversignature").is_some_and(|value| value != "off")
        || named(&server, "serversignature").any(|s| !s.block.is_empty() && !is(s, &["off"]));
    let (tells_version, trace) =
        (!tokens.starts_with("prod") || signature, outermost("traceenable").is_none_or(|value| value != "off"));
    server.tells_version = tells_version;
    server.trace = trace;
    // A section for the whole site is merged after those for folders.
    let refused = named(&server, "options").any(|setting| {
        setting.block == "location /" && setting.value.split(' ').any(|word| word == "-Indexes")
    });
    server.lists_folders = !refused
        && named(&server, "options").any(|setting| {
            setting.value.split(' ').any(|word| {
                ["indexes", "+indexes", "all", "+all"].iter().any(|open| word.eq_ignore_ascii_case(open))
            })
        });
    Some(server)
}

/// Settings that count: of those at the outermost level the last one, and all of its parts.
fn in_force<'a>(server: &'a WebServer, name: &'a str) -> impl Iterator<Item = &'a WebSetting> {
    let last = named(server, name).filter(|setting| setting.block.is_empty()).last();
    named(server, name).filter(|setting| !setting.block.is_empty()).chain(last)
}

/// Whether `SSLProtocol` lets TLS 1.1 or older through.
fn speaks_old(value: &str) -> bool {
    let mut old: Vec<&str> = Vec::new();
    const OLD: [&str; 3] = ["sslv3", "tlsv1", "tlsv1.1"];
    let lower = value.to_lowercase();
    for (index, word) in lower.split_whitespace().enumerate() {
        let (takes_away, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word.trim_start_matches('+')),
        };
        // A name without a sign begins anew.
        if index == 0 || !word.starts_with(['+', '-']) {
            old.clear();
        }
        // `all` has long been without SSLv3.
        let named: Vec<&str> = match name {
            "all" if takes_away => OLD.to_vec(),
            "all" => vec!["tlsv1", "tlsv1.1"],
            name => OLD.iter().copied().filter(|known| *known == name).collect(),
        };
        if takes_away {
            old.retain(|known| !named.contains(known));
        } else {
            old.extend(named);
        }
    }
    !old.is_empty()
}

struct Walk<'a> {
    reader: Reader<'a>,
    root: String,
    hosts: usize,
}

impl Walk<'_> {
    fn file(&mut self, file: &str, blocks: &mut Vec<String>, depth: usize) {
        let Some(text) = self.reader.text(file, depth) else { return };
        let outside = blocks.len();
        for statement in parse(&text) {
            let Statement { name, args, line, text } = statement;
            if name.starts_with("</") {
                if blocks.len() > outside {
                    blocks.pop();
                }
                continue;
            }
            if let Some(section) = name.strip_prefix('<') {
                blocks.push(match section {
                    "ifmodule" | "ifdefine" | "ifversion" | "iffile" | "ifdirective" => String::new(),
                    "virtualhost" => {
                        self.hosts += 1;
                        format!("virtualhost {}", self.hosts)
                    }
                    section => format!("{section} {}", args.join(" ")),
                });
                continue;
            }
            let around = blocks.iter().filter(|block| !block.is_empty()).cloned().collect::<Vec<_>>().join(" ");
            match name.as_str() {
                "serverroot" => self.root = args.first().cloned().unwrap_or_default(),
                "loadmodule" if self.reader.server.modules.len() < 500 => {
                    let module = args.first().map(|module| module.trim_end_matches("_module").to_owned());
                    self.reader.server.modules.extend(module);
                }
                "include" | "includeoptional" => {
                    let path = args.first().cloned().unwrap_or_default();
                    let pattern = if path.starts_with('/') { path } else { format!("{}/{path}", self.root) };
                    for included in self.reader.expand(&pattern) {
                        // An optional file that is not there is none of our business.
                        if name == "include" || self.reader.door.exists(&included) {
                            self.file(&included, blocks, depth + 1);
                        }
                    }
                    if around.is_empty() {
                        self.reader.note_folder(&pattern);
                    }
                }
                name if KEPT.contains(&name) => self.reader.keep(WebSetting {
                    name: name.to_owned(),
                    value: args.join(" "),
                    block: around,
                    file: file.to_owned(),
                    line: line as u64,
                    text: Fact::from_option(text),
                    source: format!("{file}:{line}"),
                }),
                _ => {}
            }
        }
        blocks.truncate(outside);
    }
}
