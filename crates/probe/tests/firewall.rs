//! The firewall's section against real rule sets, each in a network namespace of its own that ends with its process.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use host::{Door, Local};
use probe::{Context, PROBES};
use serde_json::Value;

/// Tells the test program, started again inside a namespace, that it is the one that reads.
const INSIDE: &str = "PALISADE_TEST_INSIDE_NAMESPACE";

/// What stands before the section in the output of the inner program.
const MARK: &str = "section of this namespace: ";

/// Runs `setup` (a shell's text) in a new network namespace, then reads the section there with real programs.
fn section_after(setup: &str) -> Value {
    let own = std::env::current_exe().unwrap();
    let script = format!(
        "set -e\n{setup}\nexec {} --exact --nocapture reads_this_namespace_when_started_inside_one",
        own.display()
    );
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-s"])
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare (util-linux) is needed, and root");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let json = text.split_once(MARK).map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let Some(json) = json else { panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)) };
    serde_json::from_str(json).unwrap()
}

/// The inner half of the other tests; on its own it has nothing to do.
#[test]
fn reads_this_namespace_when_started_inside_one() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let firewall = PROBES.iter().find(|probe| probe.name == "firewall").unwrap();
    let section = (firewall.run)(&Context::new(Door::new(Arc::new(Local::new()))));
    let section = model::split(section, "", &mut BTreeMap::new(), &mut BTreeMap::new()).unwrap();
    println!("{MARK}{section}");
}

fn approvals<'a>(section: &'a Value, direction: &str) -> Vec<&'a str> {
    let accepts = section["accepts"].as_array().unwrap_or_else(|| panic!("{section}"));
    accepts
        .iter()
        .filter(|accept| accept["direction"] == direction)
        .map(|accept| accept["approval"].as_str().unwrap())
        .collect()
}

#[test]
fn an_empty_namespace_filters_nothing() {
    let section = section_after("");
    assert_eq!(section["filtering"], false);
    assert_eq!(section["input"]["default"], "accept");
}

#[test]
fn a_rule_set_of_nft_is_understood() {
    let section = section_after(
        r#"nft -f - <<'RULES'
table inet filter {
  set admins {
    type ipv4_addr
    flags interval
    elements = { 10.0.0.0/8, 192.0.2.7 }
  }
  map ports {
    type inet_service : verdict
    elements = { 80 : accept, 443 : jump web }
  }
  chain web {
    limit rate 10/second accept
    drop
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept
    ct state vmap { established : accept, related : accept, invalid : drop }
    tcp dport { 22, 8000-8010 } ip saddr @admins accept
    tcp dport vmap @ports
    ip saddr { 10.1.0.0/16, 10.2.0.1-10.2.0.9 } udp dport 161 counter accept
    iifname "eth*" ip6 saddr fd00::/8 tcp dport != 25 accept
    meta l4proto { icmp, ipv6-icmp } accept
    log prefix "refused " reject with icmpx type admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oif "lo" accept
    ip daddr 203.0.113.5 tcp dport 443 accept
    meta skuid 0 accept
    drop
  }
  chain redirected {
    type nat hook prerouting priority dstnat;
    tcp dport 8080 dnat ip to 10.0.0.2:80
  }
}
RULES"#,
    );
    assert_eq!(section["input"]["default"], "reject");
    assert_eq!(section["forward"]["default"], "drop");
    assert_eq!(section["output"]["default"], "drop");
    assert_eq!(
        approvals(&section, "in"),
        [
            "tcp/22 10.0.0.0/8",
            "tcp/22 192.0.2.7",
            "tcp/8000-8010 10.0.0.0/8",
            "tcp/8000-8010 192.0.2.7",
            "tcp/80 any",
            "tcp/443 any",
            "udp/161 10.1.0.0/16",
            "udp/161 10.2.0.1-10.2.0.9",
            "tcp/!25 fd00::/8 on eth*",
            "icmp any",
            "ipv6-icmp any",
        ]
    );
    assert_eq!(approvals(&section, "out"), ["tcp/443 203.0.113.5", "any any"]);
    assert_eq!(section["forwards"][0]["ports"][0], "8080");
    assert_eq!(section["limited"][0], "any/any");
}

#[test]
fn rules_of_iptables_are_understood_through_either_back_end() {
    for iptables in ["iptables-nft", "iptables-legacy"] {
        let section = section_after(&format!(
            "{iptables} -P INPUT DROP
            {iptables} -N DOCKER-USER
            {iptables} -A FORWARD -j DOCKER-USER
            {iptables} -A DOCKER-USER -s 10.0.0.0/8 -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW -j DROP
            {iptables} -A INPUT -i lo -j ACCEPT
            {iptables} -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
            {iptables} -A INPUT -s 192.0.2.7 -p tcp -m tcp --dport 22 -m comment --comment 'a \"door\" -j DROP' -j ACCEPT
            {iptables} -A INPUT -p tcp -m multiport --dports 80,443 -m connlimit --connlimit-upto 50 -j ACCEPT"
        ));
        assert_eq!(section["input"]["ipv4"], "drop", "{iptables}");
        assert_eq!(approvals(&section, "in"), ["tcp/22 192.0.2.7", "tcp/80 any", "tcp/443 any"], "{iptables}");
        assert_eq!(section["docker_user"][0]["verdict"], "drop", "{iptables}");
        assert_eq!(section["limited"], serde_json::json!(["tcp/443", "tcp/80"]), "{iptables}");
    }
}

#[test]
fn a_set_too_long_to_print_is_called_by_its_name() {
    let section = section_after(
        r#"awk 'BEGIN {
  print "table ip f { set blocked { type ipv4_addr; elements = {"
  for (n = 0; n < 330000; n++) printf "10.%d.%d.%d,\n", n / 65536, n / 256 % 256, n % 256
  print "192.0.2.1 }\n}"
  print "chain i { type filter hook input priority 0; policy accept; ip saddr @blocked drop; }\n}"
}' | nft -f -"#,
    );
    assert_eq!(section["rules"][0]["from"][0], "@blocked", "{}", section["input"]);
    assert_eq!(section["filtering"], true);
}
