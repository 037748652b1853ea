//! A rule set in general terms, whichever program told it, and what it means for a packet.

use std::collections::HashMap;

use model::Fact;
use model::facts::firewall::{Accept, Chain, Direction, FilterRule};

/// The most rules that are kept.
pub(crate) const RULES: usize = 5000;
/// The most ways in, out or through that are listed.
const ACCEPTS: usize = 1000;
/// The most rules that are visited for one hook: jumps may lead through the same chain again and again.
const STEPS: usize = 20_000;
/// The kernel allows 16 jumps within one another.
const DEPTH: usize = 16;

/// Chains and rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// Chains.
    pub chains: Vec<Chain>,
    /// Rules.
    pub rules: Vec<FilterRule>,
    /// Families (`ip`, `ip6`) with rules whose meaning only iptables knows.
    pub opaque: Vec<String>,
    /// Whether rules were left out.
    pub truncated: bool,
}

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

impl Version {
    fn has(self, family: &str) -> bool {
        family == "inet" || family == if self == Self::V4 { "ip" } else { "ip6" }
    }
}

/// The fate of a packet that no conditional rule names.
enum Fate {
    Verdict(&'static str),
    Return,
}

/// A rule set with its rules by chain.
pub(crate) struct Walk<'a> {
    set: &'a RuleSet,
    rules: HashMap<&'a str, Vec<&'a FilterRule>>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(set: &'a RuleSet) -> Self {
        let mut rules: HashMap<&str, Vec<&FilterRule>> = HashMap::new();
        for rule in &set.rules {
            rules.entry(rule.chain.as_str()).or_default().push(rule);
        }
        Self { set, rules }
    }

    /// Base chains that filter at `hook`.
    fn filters(&self, hook: &str) -> impl Iterator<Item = &'a Chain> {
        self.set.chains.iter().filter(move |chain| {
            chain.hook.value().is_some_and(|own| own == hook)
                && chain.kind.value().is_some_and(|kind| kind == "filter")
        })
    }

    /// Whether anything at all is refused.
    pub(crate) fn filtering(&self) -> bool {
        let refuses =
            |chain: &Chain| chain.policy.value().is_some_and(|policy| policy == "drop" || policy == "reject");
        self.set.chains.iter().any(refuses)
            || self.set.rules.iter().any(|rule| rule.verdict == "drop" || rule.verdict == "reject")
    }

    /// What happens at `hook` to packets that no rule names.
    pub(crate) fn direction(&self, hook: &str, ipv6_in_use: bool) -> Direction {
        let ipv4 = self.default(hook, Version::V4);
        let ipv6 = ipv6_in_use.then(|| self.default(hook, Version::V6));
        let rank = |verdict: &str| ["accept", "reject", "drop"].iter().position(|known| *known == verdict);
        let default = match ipv6 {
            Some(ipv6) if rank(ipv6) < rank(ipv4) => ipv6,
            _ => ipv4,
        };
        Direction {
            default: default.to_owned(),
            ipv4: ipv4.to_owned(),
            ipv6: Fact::from_option(ipv6.map(str::to_owned)),
        }
    }

    /// A packet passes every base chain of the hook; one that refuses it is enough.
    fn default(&self, hook: &str, version: Version) -> &'static str {
        let mut fate = "accept";
        for chain in self.filters(hook).filter(|chain| version.has(&chain.family)) {
            let mut steps = 0;
            let verdict = match self.fall_through(&chain.name, 0, &mut steps) {
                Fate::Verdict(verdict) => verdict,
                Fate::Return if chain.policy.value().is_some_and(|policy| policy == "drop") => "drop",
                Fate::Return => "accept",
            };
            if fate == "accept" {
                fate = verdict;
            }
        }
        fate
    }

    fn fall_through(&self, chain: &str, depth: usize, steps: &mut usize) -> Fate {
        if depth > DEPTH {
            return Fate::Return;
        }
        for rule in self.rules.get(chain).into_iter().flatten().filter(|rule| is_unconditional(rule)) {
            *steps += 1;
            if *steps > STEPS {
                break;
            }
            match rule.verdict.as_str() {
                "accept" => return Fate::Verdict("accept"),
                "drop" => return Fate::Verdict("drop"),
                "reject" => return Fate::Verdict("reject"),
                "return" => return Fate::Return,
                verdict => {
                    let Some((target, is_goto)) = target(chain, verdict) else { continue };
                    match self.fall_through(&target, depth + 1, steps) {
                        Fate::Return if is_goto => return Fate::Return,
                        Fate::Return => {}
                        verdict => return verdict,
                    }
                }
            }
        }
        Fate::Return
    }

    /// What the rules at the three hooks let through, and whether there was more.
    pub(crate) fn accepts(&self) -> (Vec<Accept>, bool) {
        let mut found = Vec::new();
        let mut cut = false;
        for (hook, direction) in [("input", "in"), ("forward", "forward"), ("output", "out")] {
            let mut steps = 0;
            for chain in self.filters(hook) {
                let anything = FilterRule { protocol: "any".to_owned(), ..FilterRule::default() };
                let anything = FilterRule { interface: Fact::Absent, out_interface: Fact::Absent, ..anything };
                self.collect(&chain.name, direction, &anything, 0, &mut steps, &mut found);
            }
            cut |= steps > STEPS;
        }
        cut |= found.len() > ACCEPTS;
        found.truncate(ACCEPTS);
        (found, cut)
    }

    fn collect(
        &self,
        chain: &str,
        direction: &str,
        above: &FilterRule,
        depth: usize,
        steps: &mut usize,
        found: &mut Vec<Accept>,
    ) {
        if depth > DEPTH {
            return;
        }
        for rule in self.rules.get(chain).into_iter().flatten() {
            *steps += 1;
            if *steps > STEPS || found.len() > ACCEPTS {
                return;
            }
            let both = narrowed(above, rule);
            if rule.verdict == "accept" {
                if opens(&both) {
                    expand(&both, rule, direction, found);
                }
            } else if let Some((target, _)) = target(chain, &rule.verdict) {
                self.collect(&target, direction, &both, depth + 1, steps, found);
            }
        }
    }

    /// Protocols and ports with a limit.
    pub(crate) fn limited(&self) -> Vec<String> {
        let mut limited: Vec<String> = self
            .set
            .rules
            .iter()
            .filter(|rule| rule.limited)
            .flat_map(|rule| {
                let any = ["any".to_owned()];
                let ports = if rule.ports.is_empty() { &any[..] } else { &rule.ports };
                let protocols = rule.protocol.split(',');
                protocols
                    .flat_map(|protocol| ports.iter().map(move |port| format!("{protocol}/{port}")))
                    .take(ACCEPTS)
                    .collect::<Vec<_>>()
            })
            .take(RULES)
            .collect();
        limited.sort();
        limited.dedup();
        limited.truncate(ACCEPTS);
        limited
    }
}

/// `jump web` in `inet filter input` -> `inet filter web`, and whether it is a `goto`.
fn target(chain: &str, verdict: &str) -> Option<(String, bool)> {
    let (kind, name) = verdict.split_once(' ')?;
    let is_goto = match kind {
        "jump" => false,
        "goto" => true,
        _ => return None,
    };
    let mut table = chain.splitn(3, ' ');
    Some((format!("{} {} {name}", table.next()?, table.next()?), is_goto))
}

fn is_unconditional(rule: &FilterRule) -> bool {
    rule.protocol == "any"
        && rule.ports.is_empty()
        && rule.from.is_empty()
        && rule.to.is_empty()
        && rule.states.is_empty()
        && rule.interface.value().is_none()
        && rule.out_interface.value().is_none()
        && !rule.more_conditions
        && !rule.limited
}

/// What both rules ask for. Where both name the same thing, the inner one is kept: it is usually the narrower.
fn narrowed(outer: &FilterRule, inner: &FilterRule) -> FilterRule {
    let list = |outer: &[String], inner: &[String]| if inner.is_empty() { outer } else { inner }.to_vec();
    let interface = |outer: &Fact<String>, inner: &Fact<String>| {
        if inner.value().is_some() { inner } else { outer }.clone()
    };
    let protocol = if inner.protocol == "any" { &outer.protocol } else { &inner.protocol };
    FilterRule {
        protocol: protocol.clone(),
        ports: list(&outer.ports, &inner.ports),
        from: list(&outer.from, &inner.from),
        to: list(&outer.to, &inner.to),
        states: list(&outer.states, &inner.states),
        interface: interface(&outer.interface, &inner.interface),
        out_interface: interface(&outer.out_interface, &inner.out_interface),
        more_conditions: outer.more_conditions || inner.more_conditions,
        limited: outer.limited || inner.limited,
        ..FilterRule::default()
    }
}

/// Whether new connections with other machines are accepted.
fn opens(rule: &FilterRule) -> bool {
    let new = rule.states.is_empty()
        || rule.states.iter().any(|state| state == "new" || state == "untracked" || state.starts_with('!'));
    let loopback = |interface: &Fact<String>| interface.value().is_some_and(|name| name == "lo");
    let local = |addresses: &[String]| {
        !addresses.is_empty() && addresses.iter().all(|address| address.starts_with("127.") || address == "::1")
    };
    new && !loopback(&rule.interface)
        && !loopback(&rule.out_interface)
        && !local(&rule.from)
        && !local(&rule.to)
}

/// Whether an address range leaves nobody out of its family.
fn is_everybody(addresses: &str) -> bool {
    ["0.0.0.0/0", "::/0", "0.0.0.0-255.255.255.255"].contains(&addresses)
}

fn expand(both: &FilterRule, rule: &FilterRule, direction: &str, found: &mut Vec<Accept>) {
    let any = ["any".to_owned()];
    let or_any = |list: &'_ [String]| {
        if list.is_empty() || list.iter().any(|address| is_everybody(address)) {
            any.to_vec()
        } else {
            list.to_vec()
        }
    };
    let interface = if direction == "out" { &both.out_interface } else { &both.interface };
    let on = interface.value().map(|name| format!(" on {name}")).unwrap_or_default();
    let protocols = both.protocol.split(',');
    for (protocol, port) in
        protocols.flat_map(|one| or_any(&both.ports).into_iter().map(move |port| (one, port)))
    {
        for from in or_any(&both.from) {
            for to in or_any(&both.to) {
                if found.len() > ACCEPTS {
                    return;
                }
                let peer = match direction {
                    "in" => from.clone(),
                    "out" => to.clone(),
                    _ => format!("{from} > {to}"),
                };
                let what = match (protocol, port.as_str()) {
                    ("tcp" | "udp" | "sctp" | "dccp", _) => format!("{protocol}/{port}"),
                    (protocol, "any") => protocol.to_owned(),
                    (protocol, port) => format!("{protocol}/{port}"),
                };
                let approval = format!("{what} {peer}{on}");
                found.push(Accept {
                    name: format!("{direction} {approval}"),
                    direction: direction.to_owned(),
                    protocol: protocol.to_owned(),
                    port: port.clone(),
                    from: from.clone(),
                    to,
                    interface: interface.clone(),
                    more_conditions: both.more_conditions,
                    approval,
                    rule: format!("{}: {}", rule.chain, rule.text),
                    source: rule.source.clone(),
                });
            }
        }
    }
}
