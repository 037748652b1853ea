//! A table of the packet filter that lets out what the profile declares: for a node, its Management System.

use std::fmt::Write as _;

use super::firewall::{declared, holds, install, keeper};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

const TABLE: &str = "palisade_out";

pub(super) const FIX: Fix = Fix {
    id: "node-egress",
    title: "Let out only what the profile declares, by a table of the packet filter beside all others",
    changes: "/etc/nftables.d/palisade_out.nft, an include in /etc/nftables.conf, the nftables service at boot, and the loaded table",
    disruption: Disruption::None,
    may_break: "everything this host fetches, sends or looks up without being declared in `firewall_out`: names, time, updates, mail",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(filter) = ask.facts.firewall.value() else { return };
    let others =
        filter.output.value().is_some_and(|output| output.default != "accept") && !holds(filter, TABLE);
    let ways = declared(ask, "firewall_out").and_then(|ways| {
        if others {
            return Err("another table refuses already; add to that one what is missing".to_owned());
        }
        ways.ok_or_else(|| {
            "the profile does not declare what may go out: add `firewall_out` with the Management System's address, \
             such as `[tcp/443 203.0.113.5, udp/53 192.0.2.53, udp/123 192.0.2.123]`"
                .to_owned()
        })
    });
    let found = ways.and_then(|ways| Ok((ways, keeper(ask, filter)?)));
    let (ways, manager) = match found {
        Ok(found) => found,
        Err(why) => {
            ask.uses.iter().for_each(|one| draft.refuse(one, &why));
            return;
        }
    };
    let mut rules: Vec<String> = ways.iter().map(|way| way.rule(true)).collect();
    rules.sort();
    rules.dedup();
    for (port, what) in [("53", "names cannot be looked up"), ("123", "the clock cannot be set")] {
        if !rules.iter().any(|rule| rule.contains(&format!("dport {port} ")) || rule == "accept") {
            draft.note(format!("nothing in `firewall_out` goes to port {port}: {what} from elsewhere"));
        }
    }
    let mut chain =
        "\tchain output {\n\t\ttype filter hook output priority 10; policy drop;\n\t\toif \"lo\" accept\n\
                     \t\tct state established,related accept\n\t\tmeta l4proto { icmp, ipv6-icmp } accept\n"
            .to_owned();
    for rule in rules {
        _ = writeln!(chain, "\t\t{rule}");
    }
    chain.push_str("\t}\n");
    install(draft, filter, manager, TABLE, &chain);
}
