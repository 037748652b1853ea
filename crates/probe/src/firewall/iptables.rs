//! `iptables-save`, `ip6tables-save`, and the files they write.

use model::Fact;
use model::facts::firewall::{Chain, FilterRule};

use super::ruleset::{RULES, RuleSet};

/// Reads what `iptables-save` prints; `family` is `ip` or `ip6`. Lines it does not know are passed over.
pub fn parse(text: &str, family: &str, source: &str) -> RuleSet {
    let mut found = RuleSet::default();
    let mut table = String::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if let Some(rest) = line.strip_prefix(':') {
            let mut words = rest.split_ascii_whitespace();
            if let (Some(name), Some(policy)) = (words.next(), words.next()) {
                found.chains.push(chain(family, &table, name, policy, source));
            }
        } else if line.starts_with("-A ") || line.starts_with('[') {
            if found.rules.len() >= RULES {
                found.truncated = true;
                break;
            }
            found.rules.extend(rule(line, family, &table, &format!("{source}:{}", index + 1)));
        }
    }
    found.chains.truncate(RULES);
    found
}

fn chain(family: &str, table: &str, name: &str, policy: &str, source: &str) -> Chain {
    let base = policy != "-";
    let hook = base.then(|| name.to_ascii_lowercase());
    let kind = if table == "nat" { "nat" } else { "filter" };
    let priority = match table {
        "raw" => -300,
        "mangle" => -150,
        "nat" => -100,
        "security" => 50,
        _ => 0,
    };
    Chain {
        name: format!("{family} {table} {name}"),
        family: family.to_owned(),
        table: table.to_owned(),
        chain: name.to_owned(),
        kind: Fact::from_option(base.then(|| kind.to_owned())),
        hook: Fact::from_option(hook),
        priority: Fact::from_option(base.then_some(priority)),
        policy: Fact::from_option(base.then(|| policy.to_ascii_lowercase())),
        source: source.to_owned(),
    }
}

fn rule(line: &str, family: &str, table: &str, source: &str) -> Option<FilterRule> {
    // Counters stand in front when they were asked for: `[12:34] -A INPUT ...`.
    let line = line.get(line.find("-A ")?..)?;
    let mut words = words(line).into_iter().skip(1);
    let mut rule = FilterRule {
        chain: format!("{family} {table} {}", words.next()?),
        protocol: "any".to_owned(),
        interface: Fact::Absent,
        out_interface: Fact::Absent,
        verdict: "none".to_owned(),
        text: line.chars().take(400).collect(),
        source: source.to_owned(),
        ..FilterRule::default()
    };
    let mut negated = false;
    while let Some(word) = words.next() {
        if word == "!" {
            negated = true;
            continue;
        }
        let sign = if negated { "!" } else { "" };
        let list = |value: Option<String>| -> Vec<String> {
            let value = value.unwrap_or_default();
            value.split(',').map(|part| format!("{sign}{}", part.replace(':', "-"))).collect()
        };
        // Addresses of IPv6 hold colons: they are no ranges.
        let addresses = |value: Option<String>| -> Vec<String> {
            value.unwrap_or_default().split(',').map(|part| format!("{sign}{}", bare(part))).collect()
        };
        match word.as_str() {
            "-p" | "--protocol" => {
                rule.protocol = match words.next().as_deref() {
                    None | Some("all") => "any".to_owned(),
                    Some(protocol) => format!("{sign}{protocol}"),
                }
            }
            "-s" | "--source" | "--src-range" => rule.from = addresses(words.next()),
            "-d" | "--destination" | "--dst-range" => rule.to = addresses(words.next()),
            "-i" | "--in-interface" => rule.interface = Fact::known(format!("{sign}{}", words.next()?)),
            "-o" | "--out-interface" => rule.out_interface = Fact::known(format!("{sign}{}", words.next()?)),
            "--dport" | "--dports" | "--destination-port" | "--destination-ports" => {
                rule.ports = list(words.next())
            }
            "--ctstate" | "--state" => {
                rule.states = list(words.next()).iter().map(|state| state.to_ascii_lowercase()).collect();
            }
            "--comment" => drop(words.next()),
            "-m" | "--match" => match words.next()?.as_str() {
                "limit" | "hashlimit" | "connlimit" | "recent" => rule.limited = true,
                "tcp" | "udp" | "sctp" | "multiport" | "conntrack" | "state" | "comment" | "iprange" => {}
                _ => rule.more_conditions = true,
            },
            "-j" | "--jump" => {
                rule.verdict = target("jump", &words.next()?);
                // What follows are options of the target.
                break;
            }
            "-g" | "--goto" => {
                rule.verdict = target("goto", &words.next()?);
                break;
            }
            option if is_of_a_limit(option) => {}
            option if option.starts_with('-') => rule.more_conditions = true,
            _ => {}
        }
        negated = false;
    }
    Some(rule)
}

fn is_of_a_limit(option: &str) -> bool {
    ["--limit", "--hashlimit", "--connlimit"].iter().any(|prefix| option.starts_with(prefix))
}

/// `192.0.2.1/32` -> `192.0.2.1`.
fn bare(address: &str) -> &str {
    address.strip_suffix("/32").or_else(|| address.strip_suffix("/128")).unwrap_or(address)
}

fn target(kind: &str, name: &str) -> String {
    match name {
        "ACCEPT" | "DROP" | "REJECT" | "RETURN" | "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "QUEUE"
        | "TPROXY" => name.to_ascii_lowercase(),
        "NFQUEUE" => "queue".to_owned(),
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TCPMSS" | "CT" | "NOTRACK" | "SET" | "AUDIT" | "TRACE"
        | "CHECKSUM" | "CLASSIFY" | "DSCP" | "TTL" | "HL" | "TEE" | "SECMARK" | "CONNSECMARK" => {
            "none".to_owned()
        }
        chain => format!("{kind} {chain}"),
    }
}

/// Words separated by spaces; `"..."` is one word, `\"` a quote within.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut any) = (false, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            '\\' if quoted => word.extend(characters.next()),
            ' ' | '\t' if !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            other => {
                word.push(other);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}
