//! The packet filter.

use test_support::Machine;

use crate::harness::Case;

/// A host whose kernel filters nothing; `conf` is Debian's file as the package brings it.
fn open(machine: Machine) -> Machine {
    machine
        .file("/usr/sbin/nft", "")
        .file("/lib/systemd/system/nftables.service", "[Service]\n")
        .file("/etc/systemd/system/multi-user.target.wants/cron.service", "")
        .file("/proc/net/if_inet6", "fd000000000000000000000000000002 04 40 00 82     eth0\n")
        .file("/proc/sys/net/ipv4/ip_forward", "0\n")
        .file("/proc/sys/net/ipv6/conf/all/forwarding", "0\n")
        .program("nft -j list ruleset", "")
        .program("nft -c -f /etc/nftables.conf", "")
        .program("nft -f /etc/nftables.d/palisade.nft", "")
        .program("nft -f /etc/nftables.d/palisade_out.nft", "")
        .program("nft add table inet palisade ; delete table inet palisade", "")
        .program("nft add table inet palisade_out ; delete table inet palisade_out", "")
}

/// The connection table of the guide, as it is shipped.
const MANAGEMENT_SYSTEM: &str = include_str!("../../../../../docs/profiles/nerve-management-system.yaml");

const CONF: &str = "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n\tchain input {\n\
                    \t\ttype filter hook input priority filter;\n\t}\n}\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a firewall of the declared ways in",
            fix: "firewall-table",
            rules: &[
                "firewall.filters-traffic",
                "firewall.input-refused-by-default",
                "firewall.forward-refused-by-default",
                "firewall.rules-survive-restart",
            ],
            machine: || open(Machine::new().file("/etc/nftables.conf", CONF)),
            profile: "declare: {firewall_in: [tcp/443 any, tcp/22 10.0.0.0/8], firewall_forward: [tcp/80 any > 172.17.0.2]}\n",
            answers_stay: true,
        },
        Case {
            name: "a firewall of the approved ports, without a file of nftables",
            fix: "firewall-table",
            rules: &["firewall.input-refused-by-default"],
            machine: || open(Machine::new()),
            profile: "declare: {listeners: [tcp/443, udp/161], required_connections: [in tcp/80 any]}\n",
            answers_stay: true,
        },
        Case {
            name: "the connection table of a management system",
            fix: "firewall-table",
            rules: &["firewall.input-refused-by-default"],
            machine: || open(Machine::new().file("/etc/nftables.conf", CONF)),
            profile: MANAGEMENT_SYSTEM,
            answers_stay: true,
        },
        Case {
            name: "what a management system may reach",
            fix: "node-egress",
            rules: &["firewall.output-refused-by-default"],
            machine: || open(Machine::new().file("/etc/nftables.conf", CONF)),
            profile: MANAGEMENT_SYSTEM,
            answers_stay: true,
        },
        Case {
            name: "a node that talks to its management system",
            fix: "node-egress",
            rules: &["firewall.output-refused-by-default"],
            machine: || {
                open(Machine::new().file("/etc/nftables.conf", CONF.trim_end())).link(
                    "/etc/systemd/system/sysinit.target.wants/nftables.service",
                    "/lib/systemd/system/nftables.service",
                )
            },
            profile: "declare: {firewall_out: [tcp/443 203.0.113.5, udp/53 192.0.2.53]}\n",
            answers_stay: true,
        },
    ]
}
