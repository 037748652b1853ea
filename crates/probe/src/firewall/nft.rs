//! `nft -j list ruleset`.

use std::collections::HashMap;

use model::Fact;
use model::facts::firewall::{Chain, FilterRule};
use serde_json::Value;

use super::ruleset::{RULES, RuleSet};

/// The most members of a set that are written out; a larger one is called by its name.
const MEMBERS: usize = 64;

/// Named sets and maps by `family table name`.
type Sets<'a> = HashMap<String, &'a [Value]>;

/// Reads the JSON. Things it does not know count as conditions, so that nothing seems wider refused than it is.
pub fn parse(text: &str, source: &str) -> Result<RuleSet, serde_json::Error> {
    let document: Value = serde_json::from_str(text)?;
    let empty = Vec::new();
    let items = document.get("nftables").and_then(Value::as_array).unwrap_or(&empty);
    let mut sets = Sets::new();
    for item in items {
        if let Some(set) = item.get("set").or_else(|| item.get("map"))
            && let Some(members) = set.get("elem").and_then(Value::as_array)
        {
            let name = format!("{} {} {}", word(set, "family"), word(set, "table"), word(set, "name"));
            sets.insert(name, members.as_slice());
        }
    }
    let mut found = RuleSet::default();
    for item in items {
        if let Some(item) = item.get("chain") {
            found.chains.push(chain(item, source));
        } else if let Some(item) = item.get("rule") {
            rule(item, &sets, source, &mut found);
        }
    }
    found.chains.truncate(RULES);
    found.truncated |= found.rules.len() > RULES;
    found.rules.truncate(RULES);
    Ok(found)
}

fn word<'a>(item: &'a Value, key: &str) -> &'a str {
    item.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn chain(item: &Value, source: &str) -> Chain {
    let fact = |key: &str| Fact::from_option(item.get(key).and_then(Value::as_str).map(str::to_owned));
    let (family, table, chain) = (word(item, "family"), word(item, "table"), word(item, "name"));
    Chain {
        name: format!("{family} {table} {chain}"),
        family: family.to_owned(),
        table: table.to_owned(),
        chain: chain.to_owned(),
        kind: fact("type"),
        hook: fact("hook"),
        priority: Fact::from_option(item.get("prio").and_then(Value::as_i64)),
        // nft leaves the policy out of chains that cannot have one.
        policy: fact("policy"),
        source: source.to_owned(),
    }
}

fn rule(item: &Value, sets: &Sets, source: &str, found: &mut RuleSet) {
    if found.rules.len() > RULES {
        return;
    }
    let (family, table) = (word(item, "family"), word(item, "table"));
    let mut rule = FilterRule {
        chain: format!("{family} {table} {}", word(item, "chain")),
        protocol: "any".to_owned(),
        interface: Fact::Absent,
        out_interface: Fact::Absent,
        verdict: "none".to_owned(),
        source: source.to_owned(),
        ..FilterRule::default()
    };
    let scope = format!("{family} {table}");
    let mut choices: Vec<(FilterRule, String)> = Vec::new();
    let empty = Vec::new();
    for statement in item.get("expr").and_then(Value::as_array).unwrap_or(&empty) {
        let Some((kind, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
            continue;
        };
        match kind.as_str() {
            "match" => {
                let negated = word(body, "op") == "!=";
                let (left, right) = (body.get("left"), body.get("right"));
                if let (Some(left), Some(right)) = (left, right) {
                    let odd = !["==", "!=", "in", ""].contains(&word(body, "op"));
                    condition(&mut rule, left, values(right, sets, &scope), negated);
                    rule.more_conditions |= odd;
                }
            }
            "vmap" => choices = verdict_map(&rule, body, sets, &scope),
            "limit" | "ct count" | "meter" | "quota" => rule.limited = true,
            "set" => rule.limited |= limits_within(body),
            "xt" => {
                rule.more_conditions |= word(body, "type") != "target";
                if !found.opaque.iter().any(|known| known == family) {
                    found.opaque.push(family.to_owned());
                }
            }
            "counter" | "log" | "comment" | "mangle" | "notrack" | "flow" | "dup" => {}
            kind => match verdict(kind, body) {
                Some(verdict) => rule.verdict = verdict,
                None => rule.more_conditions = true,
            },
        }
    }
    for (mut choice, verdict) in choices {
        choice.limited |= rule.limited;
        choice.more_conditions |= rule.more_conditions;
        choice.verdict = verdict;
        choice.text = text(&choice);
        found.rules.push(choice);
    }
    rule.text = text(&rule);
    found.rules.push(rule);
}

/// Whether a statement that adds to a set carries a limit.
fn limits_within(body: &Value) -> bool {
    body.get("stmt").and_then(Value::as_array).is_some_and(|statements| {
        statements
            .iter()
            .any(|statement| statement.get("limit").is_some() || statement.get("ct count").is_some())
    })
}

fn verdict(kind: &str, body: &Value) -> Option<String> {
    match kind {
        "jump" | "goto" => Some(format!("{kind} {}", word(body, "target"))),
        "accept" | "drop" | "reject" | "return" | "continue" | "queue" | "dnat" | "snat" | "masquerade"
        | "redirect" | "tproxy" => Some(kind.to_owned()),
        _ => None,
    }
}

/// One rule for every member of a verdict map.
fn verdict_map(rule: &FilterRule, body: &Value, sets: &Sets, scope: &str) -> Vec<(FilterRule, String)> {
    let data = body.get("data");
    let members = match data {
        Some(Value::String(name)) => {
            sets.get(&format!("{scope} {}", name.trim_start_matches('@'))).copied().unwrap_or_default()
        }
        Some(data) => data.get("set").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(),
        None => &[],
    };
    let Some(key) = body.get("key") else { return Vec::new() };
    let pairs = members.iter().filter_map(|member| match member.as_array().map(Vec::as_slice) {
        Some([value, verdict]) => Some((value, verdict)),
        _ => None,
    });
    pairs
        .take(MEMBERS)
        .filter_map(|(value, body)| {
            let (kind, body) = body.as_object()?.iter().next()?;
            let mut rule = rule.clone();
            condition(&mut rule, key, values(value, sets, scope), false);
            Some((rule, verdict(kind, body)?))
        })
        .collect()
}

/// Adds what `left` compares with `values` to the rule's conditions.
fn condition(rule: &mut FilterRule, left: &Value, values: Option<Vec<String>>, negated: bool) {
    let Some(values) = values else {
        rule.more_conditions = true;
        return;
    };
    let signed: Vec<String> =
        values.iter().map(|value| if negated { format!("!{value}") } else { value.clone() }).collect();
    let joined = || Fact::known(signed.join(","));
    if let Some(payload) = left.get("payload") {
        match (word(payload, "protocol"), word(payload, "field")) {
            (protocol, "dport") => {
                if protocol != "th" {
                    rule.protocol = protocol.to_owned();
                }
                rule.ports = signed;
            }
            (_, "saddr") => rule.from = signed,
            (_, "daddr") => rule.to = signed,
            ("ip", "protocol") | ("ip6", "nexthdr") => rule.protocol = signed.join(","),
            (protocol @ ("icmp" | "icmpv6"), _) => {
                rule.protocol = protocol.to_owned();
                rule.more_conditions = true;
            }
            _ => rule.more_conditions = true,
        }
    } else if let Some(meta) = left.get("meta") {
        match word(meta, "key") {
            "l4proto" => rule.protocol = signed.join(","),
            "iif" | "iifname" => rule.interface = joined(),
            "oif" | "oifname" => rule.out_interface = joined(),
            _ => rule.more_conditions = true,
        }
    } else if left.get("ct").is_some_and(|ct| word(ct, "key") == "state") {
        rule.states = signed;
    } else {
        rule.more_conditions = true;
    }
}

/// The values on the right side, written out; none when they cannot be.
fn values(right: &Value, sets: &Sets, scope: &str) -> Option<Vec<String>> {
    match right {
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::String(name) => match name.strip_prefix('@') {
            Some(set) => Some(match sets.get(&format!("{scope} {set}")) {
                Some(members) if members.len() <= MEMBERS && !members.is_empty() => {
                    members.iter().map(member).collect::<Option<_>>()?
                }
                _ => vec![name.clone()],
            }),
            None => Some(vec![name.clone()]),
        },
        Value::Array(members) => members.iter().take(MEMBERS).map(member).collect(),
        Value::Object(object) => match object.get("set") {
            Some(Value::Array(members)) if members.len() <= MEMBERS => members.iter().map(member).collect(),
            Some(Value::Array(members)) => Some(vec![format!("{} values", members.len())]),
            Some(other) => Some(vec![member(other)?]),
            None => Some(vec![member(right)?]),
        },
        Value::Null | Value::Bool(_) => None,
    }
}

/// One member of a set: a value, a range, a prefix, or one of those with a comment or time limit.
fn member(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Object(object) => {
            if let Some(prefix) = object.get("prefix") {
                return Some(format!("{}/{}", word(prefix, "addr"), prefix.get("len")?.as_u64()?));
            }
            if let Some([first, last]) = object.get("range").and_then(Value::as_array).map(Vec::as_slice) {
                return Some(format!("{}-{}", scalar(first)?, scalar(last)?));
            }
            scalar(object.get("elem")?.get("val")?).or_else(|| member(object.get("elem")?.get("val")?))
        }
        Value::Array(_) | Value::Null | Value::Bool(_) => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

/// The rule in one line, close to nft's own words.
fn text(rule: &FilterRule) -> String {
    let mut words = Vec::new();
    let mut list = |name: &str, values: &[String]| {
        if !values.is_empty() {
            words.push(format!("{name} {}", values.join(",")));
        }
    };
    list("iif", rule.interface.value().map(std::slice::from_ref).unwrap_or_default());
    list("oif", rule.out_interface.value().map(std::slice::from_ref).unwrap_or_default());
    list("ct state", &rule.states);
    list("saddr", &rule.from);
    list("daddr", &rule.to);
    match (rule.protocol.as_str(), rule.ports.is_empty()) {
        ("any", true) => {}
        (protocol, true) => words.push(protocol.to_owned()),
        (protocol, false) => words.push(format!("{protocol} dport {}", rule.ports.join(","))),
    }
    if rule.limited {
        words.push("limit ...".to_owned());
    }
    if rule.more_conditions {
        words.push("...".to_owned());
    }
    words.push(rule.verdict.clone());
    words.join(" ")
}
