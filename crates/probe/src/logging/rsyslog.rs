//! rsyslog: where it sends messages, what it takes, in both of its languages: rsyslog.conf(5).

use std::collections::BTreeMap;

use model::facts::logging::{SyslogInput, SyslogTarget};

/// More targets and inputs than this are not listed.
const MAX_LISTED: usize = 200;

/// A statement longer than this is no configuration.
const MAX_STATEMENT: usize = 64 << 10;

/// What one or several files say, in order.
#[derive(Debug, Default)]
pub struct Rsyslog {
    /// Where messages are sent.
    pub targets: Vec<SyslogTarget>,
    /// What is taken from other hosts.
    pub inputs: Vec<SyslogInput>,
    /// Mode of created files and its place.
    pub create_mode: Option<(String, String)>,
    /// The driver for TCP by default: `gtls` and `ossl` encrypt.
    driver: String,
    /// `$ActionSendStreamDriverMode`: 1 encrypts, for the legacy actions that follow.
    mode: String,
    /// `$ActionSendStreamDriverAuthMode`.
    auth: String,
}

/// A statement and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement {
    /// Without comments, on one line.
    pub text: String,
    /// 1-based.
    pub line: usize,
}

/// Takes a file apart: an object `name(...)` may span lines, everything else is one line.
pub fn statements(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut current = String::new();
    let (mut start, mut depth) = (1, 0_usize);
    let mut quote = None;
    for (index, line) in text.lines().enumerate() {
        if current.is_empty() {
            start = index + 1;
            if line.trim_start().starts_with('#') {
                continue;
            }
        }
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') if depth > 0 => quote = Some(c),
                (None, '#') if depth > 0 || current.ends_with(char::is_whitespace) => break,
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            current.push(c);
        }
        current.push(' ');
        if depth == 0 || current.len() > MAX_STATEMENT {
            let text = std::mem::take(&mut current).trim().to_owned();
            (depth, quote) = (0, None);
            if !text.is_empty() {
                statements.push(Statement { text, line: start });
            }
        }
    }
    let rest = current.trim();
    if !rest.is_empty() {
        statements.push(Statement { text: rest.to_owned(), line: start });
    }
    statements
}

/// The file or pattern a statement includes; the others change nothing.
pub fn included(statement: &str) -> Option<String> {
    if let Some(rest) = strip_word(statement, "$includeconfig") {
        return Some(rest.trim().to_owned());
    }
    let (name, parameters) = object(statement)?;
    (name == "include").then(|| parameters.get("file").cloned()).flatten()
}

impl Rsyslog {
    /// Obeys one statement of the file `path`.
    pub fn obey(&mut self, statement: &Statement, path: &str) {
        let place = format!("{path}:{}", statement.line);
        let text = statement.text.as_str();
        if let Some(directive) = text.strip_prefix('$') {
            self.directive(directive, &place);
        } else if let Some((name, parameters)) = object(text) {
            self.object(&name, &parameters, &place);
        } else {
            self.legacy_action(text, &place);
        }
        // `:rule { action(...) }` and `*.* action(...)`: the action stands within.
        if let Some(at) = text.find("action(").filter(|at| *at > 0)
            && let Some((name, parameters)) = text.get(at..).and_then(object)
        {
            self.object(&name, &parameters, &place);
        }
        self.targets.truncate(MAX_LISTED);
        self.inputs.truncate(MAX_LISTED);
    }

    fn directive(&mut self, directive: &str, place: &str) {
        let (name, value) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "defaultnetstreamdriver" => self.driver = value,
            "actionsendstreamdrivermode" => self.mode = value,
            "actionsendstreamdriverauthmode" => self.auth = value,
            "filecreatemode" => self.create_mode = Some((value, place.to_owned())),
            "inputtcpserverrun" => self.input("tcp", &value, place),
            "inputrelpserverrun" => self.input("relp", &value, place),
            "udpserverrun" => self.input("udp", &value, place),
            _ => {}
        }
    }

    fn input(&mut self, protocol: &str, port: &str, place: &str) {
        self.inputs.push(SyslogInput {
            protocol: protocol.to_owned(),
            port: port.to_owned(),
            source: place.to_owned(),
        });
    }

    fn object(&mut self, name: &str, parameters: &BTreeMap<String, String>, place: &str) {
        let value = |key: &str| parameters.get(key).map(String::as_str).unwrap_or_default();
        match (name, value("type").to_ascii_lowercase().as_str()) {
            ("global", _) => {
                if let Some(driver) = parameters.get("defaultnetstreamdriver") {
                    self.driver.clone_from(driver);
                }
            }
            ("module", _) => {
                if let Some(mode) = parameters.get("filecreatemode") {
                    self.create_mode = Some((mode.clone(), place.to_owned()));
                }
                // imtcp takes its driver's mode from the module line; the input itself says the port.
            }
            ("input", kind @ ("imtcp" | "imudp" | "imrelp" | "imptcp" | "imhttp")) => {
                let protocol = kind.trim_start_matches("im").trim_start_matches('p');
                self.input(protocol, value("port"), place);
            }
            ("action", "omfwd") => {
                let driver =
                    if value("streamdriver").is_empty() { self.driver.as_str() } else { value("streamdriver") };
                let mode = if value("streamdrivermode").is_empty() {
                    self.mode.as_str()
                } else {
                    value("streamdrivermode")
                };
                let auth = if value("streamdriverauthmode").is_empty() {
                    self.auth.as_str()
                } else {
                    value("streamdriverauthmode")
                };
                let protocol = if value("protocol").is_empty() { "udp" } else { value("protocol") };
                let target = SyslogTarget {
                    target: joined(value("target"), value("port")),
                    protocol: protocol.to_ascii_lowercase(),
                    tls: protocol.eq_ignore_ascii_case("tcp") && encrypts(driver) && mode == "1",
                    verified: auth.starts_with("x509/"),
                    source: place.to_owned(),
                };
                self.targets.push(target);
            }
            ("action", kind @ ("omrelp" | "omhttp" | "omelasticsearch" | "omkafka")) => {
                let tls = matches!(value("tls"), "on") || matches!(value("usehttps"), "on");
                let target =
                    ["target", "server", "broker"].into_iter().map(value).find(|target| !target.is_empty());
                self.targets.push(SyslogTarget {
                    target: joined(
                        target.unwrap_or_default(),
                        ["port", "serverport"]
                            .into_iter()
                            .map(value)
                            .find(|port| !port.is_empty())
                            .unwrap_or_default(),
                    ),
                    protocol: kind.trim_start_matches("om").to_owned(),
                    tls,
                    verified: tls
                        && (!value("tls.permittedpeer").is_empty()
                            || kind != "omrelp" && value("skipverifyhost") != "on"),
                    source: place.to_owned(),
                });
            }
            _ => {}
        }
    }

    /// `selector action`: `*.* @@host:port`, `*.* @host`, `*.* :omrelp:host:port`.
    fn legacy_action(&mut self, text: &str, place: &str) {
        let Some(action) = text.split_whitespace().skip(1).find(|word| word.starts_with(['@', ':'])) else {
            return;
        };
        let (protocol, target) = if let Some(target) = action.strip_prefix("@@") {
            ("tcp", target)
        } else if let Some(target) = action.strip_prefix('@') {
            ("udp", target)
        } else if let Some(target) = action.strip_prefix(":omrelp:") {
            ("relp", target)
        } else {
            return;
        };
        // `@@(o,z9)host:port;template`
        let target = match target.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((_, target)) => target,
            None => target,
        };
        let target = target.split(';').next().unwrap_or_default();
        if target.is_empty() {
            return;
        }
        self.targets.push(SyslogTarget {
            target: target.to_owned(),
            protocol: protocol.to_owned(),
            tls: protocol == "tcp" && encrypts(&self.driver) && self.mode == "1",
            verified: self.auth.starts_with("x509/"),
            source: place.to_owned(),
        });
    }
}

fn encrypts(driver: &str) -> bool {
    matches!(driver.to_ascii_lowercase().as_str(), "gtls" | "ossl" | "mbedtls")
}

fn joined(host: &str, port: &str) -> String {
    if port.is_empty() { host.to_owned() } else { format!("{host}:{port}") }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| text.get(word.len()..)).flatten()
}

/// `name(key="value" ...)`: the name and its parameters, in lower case.
fn object(text: &str) -> Option<(String, BTreeMap<String, String>)> {
    let (name, rest) = text.split_once('(')?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let mut parameters = BTreeMap::new();
    let mut rest = rest;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.rsplit(char::is_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
        let after = after.trim_start();
        let Some(quote) = after.chars().next() else { break };
        let (value, next) = if quote == '"' || quote == '\'' {
            after.get(1..).and_then(|after| after.split_once(quote)).unwrap_or((after, ""))
        } else {
            after.split_once(|c: char| c.is_whitespace() || c == ')').unwrap_or((after, ""))
        };
        parameters.insert(key.to_ascii_lowercase(), value.to_owned());
        rest = next;
    }
    Some((name, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Rsyslog {
        let mut rsyslog = Rsyslog::default();
        for statement in statements(text) {
            rsyslog.obey(&statement, "/etc/rsyslog.conf");
        }
        rsyslog
    }

    #[test]
    fn both_languages_name_targets() {
        let read = read(
            "# *.* @@commented\n*.* @@(o)logs.example:6514;RSYSLOG_Format\nauth.* @10.0.0.1\n\
                         action(type=\"omfwd\" # there\n  target=\"c.example\" port=\"6514\"\n  protocol=\"tcp\" \
                         StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\")\n\
                         if $x == 'y' then { action(type=\"omfwd\" target=\"d\") }\nmail.* -/var/log/mail.log\n",
        );
        let told: Vec<_> =
            read.targets.iter().map(|t| (t.target.as_str(), t.protocol.as_str(), t.tls, t.verified)).collect();
        assert_eq!(
            told,
            [
                ("logs.example:6514", "tcp", false, false),
                ("10.0.0.1", "udp", false, false),
                ("c.example:6514", "tcp", true, true),
                ("d", "udp", false, false)
            ]
        );
        assert_eq!(read.targets[2].source, "/etc/rsyslog.conf:4");
    }

    #[test]
    fn legacy_directives_encrypt_what_follows() {
        let read = read(
            "$DefaultNetstreamDriver gtls\n$ActionSendStreamDriverMode 1\n*.* @@a:1\n$FileCreateMode 0640\n\
                         $UDPServerRun 514\ninput(type=\"imtcp\" port=\"514\")\n",
        );
        assert!(read.targets[0].tls && !read.targets[0].verified);
        assert_eq!(read.inputs.len(), 2);
        assert_eq!(read.create_mode.unwrap().0, "0640");
    }

    #[test]
    fn includes_are_named() {
        assert_eq!(included("$IncludeConfig /etc/rsyslog.d/*.conf").as_deref(), Some("/etc/rsyslog.d/*.conf"));
        assert_eq!(included("include(file=\"/x/*.conf\" mode=\"optional\")").as_deref(), Some("/x/*.conf"));
    }

    #[test]
    fn hostile_text_is_read_without_panic() {
        for text in [
            "action(",
            "action(=",
            "action(\"=\"",
            "*.* @",
            "*.* @@(",
            "$",
            "$ü",
            "((((",
            "x(ü=ü",
            "'\"(#",
            "\u{0}=\u{0}(",
        ] {
            read(text);
        }
    }
}
