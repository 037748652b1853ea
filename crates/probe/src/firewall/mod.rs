//! Section `firewall`.
//!
//! The kernel's rule set as `nft` tells it. Rules made by iptables hold matches that nft cannot name; where there are
//! such, `iptables-save` is asked for that family, and for tables of the older back end as well.

mod iptables;
mod managers;
mod nft;
mod ruleset;
#[cfg(test)]
mod tests;

use std::time::Duration;

use host::{Door, Error, Program, programs};
use model::Fact;
use model::facts::firewall::Firewall;

use crate::Context;
use crate::fact::reason;
pub use iptables::parse as parse_iptables;
pub use nft::parse as parse_nft;
pub use ruleset::RuleSet;
use ruleset::Walk;

/// The longest wait for one program: two of them fit into the probe's own limit.
const LIMIT: Duration = Duration::from_secs(2);

/// The most that a program may print: sets of blocked addresses can be long.
const OUTPUT_BYTES: usize = 4 << 20;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Firewall> {
    let door = &cx.door;
    let managers = managers::managers(door);
    let persistent = managers.clone().map(|managers| {
        managers.iter().any(|manager| manager.enabled && manager.has_rules.value() == Some(&true))
    });
    let ipv6_in_use = ipv6_in_use(door);
    let set = if door.is_live() { live(door) } else { saved(door) };
    let firewall = Firewall { managers, persistent, ipv6_in_use: ipv6_in_use.clone(), ..Firewall::default() };
    let place = if door.is_live() { "nft list ruleset and iptables-save" } else { "/etc/iptables" };
    let firewall = match set {
        Ok(set) => summarised(firewall, set, ipv6_in_use.value().copied().unwrap_or(true), place),
        Err(reason) => unreadable(firewall, &reason),
    };
    Fact::read_at(firewall, place)
}

fn summarised(firewall: Firewall, mut set: RuleSet, ipv6_in_use: bool, place: &str) -> Firewall {
    set.chains.sort_by_key(|chain| chain.hook.value().is_none());
    let walk = Walk::new(&set);
    let (accepts, cut) = walk.accepts();
    let pick = |wanted: &dyn Fn(&str, &str) -> bool| {
        set.rules.iter().filter(|rule| wanted(&rule.chain, &rule.verdict)).cloned().collect::<Vec<_>>()
    };
    let docker_user = set.chains.iter().any(|chain| chain.chain == "DOCKER-USER");
    Firewall {
        filtering: Fact::read_at(walk.filtering(), place),
        input: Fact::read_at(walk.direction("input", ipv6_in_use), place),
        forward: Fact::read_at(walk.direction("forward", ipv6_in_use), place),
        output: Fact::read_at(walk.direction("output", ipv6_in_use), place),
        accepts: Fact::read_at(accepts, place),
        limited: Fact::read_at(walk.limited(), place),
        forwards: Fact::read_at(pick(&|_, verdict| verdict == "dnat" || verdict == "redirect"), place),
        docker_user: Fact::from_option(docker_user.then(|| pick(&|chain, _| chain.ends_with(" DOCKER-USER"))))
            .or_at(place),
        truncated: set.truncated || cut,
        chains: Fact::read_at(set.chains, place),
        rules: Fact::read_at(set.rules, place),
        ..firewall
    }
}

fn unreadable(firewall: Firewall, reason: &str) -> Firewall {
    Firewall {
        filtering: Fact::unreadable(reason),
        input: Fact::unreadable(reason),
        forward: Fact::unreadable(reason),
        output: Fact::unreadable(reason),
        accepts: Fact::unreadable(reason),
        limited: Fact::unreadable(reason),
        forwards: Fact::unreadable(reason),
        chains: Fact::unreadable(reason),
        rules: Fact::unreadable(reason),
        docker_user: Fact::unreadable(reason),
        ..firewall
    }
}

/// IPv6 is in use when any interface has an address of it.
fn ipv6_in_use(door: &Door) -> Fact<bool> {
    if !door.is_live() {
        return Fact::unreadable("addresses in use only a running host tells");
    }
    match door.read_text("/proc/net/if_inet6") {
        Ok(text) => Fact::read_at(!text.trim().is_empty(), "/proc/net/if_inet6"),
        Err(error) if error.is_not_found() => Fact::read_at(false, "/proc/net/if_inet6"),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

/// What a running kernel filters.
fn live(door: &Door) -> Result<RuleSet, String> {
    if !door.is_root() {
        return Err(format!("the kernel shows its rules only to root; {}", door.rights_wanted()));
    }
    let mut set = match nft_list(door) {
        Ok(set) => Some(set),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(reason(&error, door)),
    };
    for (family, save, legacy_save, names) in [
        ("ip", &programs::IPTABLES_SAVE, &programs::IPTABLES_LEGACY_SAVE, "/proc/net/ip_tables_names"),
        ("ip6", &programs::IP6TABLES_SAVE, &programs::IP6TABLES_LEGACY_SAVE, "/proc/net/ip6_tables_names"),
    ] {
        let opaque = set.as_ref().is_none_or(|set| set.opaque.iter().any(|known| known == family));
        if opaque {
            match saved_by(door, save, family) {
                Ok(saved) => set = Some(replaced(set.take().unwrap_or_default(), saved, family)),
                // nft's view has the rules as well, with conditions it cannot name.
                Err(_) if set.is_some() => {}
                Err(error) if error.is_not_found() => {
                    return Err("neither nft nor iptables-save is installed; install nftables".to_owned());
                }
                Err(error) => return Err(reason(&error, door)),
            }
        }
        let legacy = door.read_text(names).is_ok_and(|names| !names.trim().is_empty());
        if legacy {
            let saved = saved_by(door, legacy_save, family)
                .or_else(|_| saved_by(door, save, family))
                .map_err(|error| reason(&error, door))?;
            set = Some(replaced(set.unwrap_or_default(), saved, family));
        }
    }
    set.ok_or_else(|| "no program that lists rules is installed; install nftables".to_owned())
}

/// The whole rule set; without the members of named sets when those make it too long.
fn nft_list(door: &Door) -> Result<RuleSet, Error> {
    let list = |args: &[&str]| {
        let output = door.run_up_to(&programs::NFT, args, LIMIT, OUTPUT_BYTES)?;
        let text = output.success(&programs::NFT, args)?;
        // nft prints nothing at all when the kernel has no rules and the version is old.
        if text.trim().is_empty() {
            return Ok(RuleSet::default());
        }
        nft::parse(&text, "nft list ruleset").map_err(|error| Error::Io {
            what: "nft -j list ruleset".to_owned(),
            message: format!("it printed something else than its JSON: {error}"),
        })
    };
    match list(&["-j", "list", "ruleset"]) {
        Err(Error::TooLarge { .. } | Error::TimedOut { .. }) => list(&["-j", "-t", "list", "ruleset"]),
        other => other,
    }
}

fn saved_by(door: &Door, program: &Program, family: &str) -> Result<RuleSet, Error> {
    let output = door.run_up_to(program, &[], LIMIT, OUTPUT_BYTES)?;
    Ok(iptables::parse(&output.success(program, &[])?, family, program.name))
}

/// Puts the tables that `saved` describes in the place of what `set` says of them.
fn replaced(mut set: RuleSet, saved: RuleSet, family: &str) -> RuleSet {
    let tables: Vec<String> = saved.chains.iter().map(|chain| format!("{family} {} ", chain.table)).collect();
    let told = |name: &str| tables.iter().any(|table| name.starts_with(table.as_str()));
    set.chains.retain(|chain| !told(&chain.name));
    set.rules.retain(|rule| !told(&rule.chain));
    set.chains.extend(saved.chains);
    set.rules.extend(saved.rules);
    set.truncated |= saved.truncated;
    set
}

/// What a machine that does not run would load, where its files say so in a form we read.
fn saved(door: &Door) -> Result<RuleSet, String> {
    let mut set = None;
    for (family, path) in [("ip", "/etc/iptables/rules.v4"), ("ip6", "/etc/iptables/rules.v6")] {
        match door.read_text(path) {
            Ok(text) => {
                let saved = iptables::parse(&text, family, path);
                set = Some(replaced(set.unwrap_or_default(), saved, family));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(reason(&error, door)),
        }
    }
    set.ok_or_else(|| "the rules in effect only a running host tells".to_owned())
}
