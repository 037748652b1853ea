//! Rule sets of the kernel's packet filter and sockets, in a network of their own.

use serde_json::json;

use crate::verdicts::{Verdicts, assert_all_shown, looks};

/// What systemd would start at boot, and helpers that hold sockets.
const SET_UP: &str = r#"
rm -rf /etc/systemd/system/*.wants/nftables.service /etc/rc2.d /etc/rcS.d
ip link add wan type veth peer name far
ip address add 192.0.2.10/24 dev wan
ip address add 2001:db8::10/64 dev wan nodad
ip link set wan up; ip link set far up
starts() { mkdir -p /etc/systemd/system/multi-user.target.wants; ln -sf "/lib/systemd/system/$1.service" /etc/systemd/system/multi-user.target.wants/; }
# The name of the process, the protocol, then addresses.
serve() {
    name=$1; protocol=$2; shift 2
    [ -e "/run/room/$name" ] || cp /usr/bin/perl "/run/room/$name"
    for address in "$@"; do
        "/run/room/$name" -MIO::Socket::IP -e '
            my ($protocol, $place) = @ARGV;
            my ($host, $port) = $place =~ /^(.*):(\d+)$/;
            $< = $> = 1000 if $port == 8042;
            my $socket = IO::Socket::IP->new(Proto => $protocol, LocalHost => $host, LocalPort => $port,
                $protocol eq "tcp" ? (Listen => 5) : ()) or die "$place: $@";
            sleep' "$protocol" "$address" &
        listening "${address##*:}"
    done
}
"#;

const GOOD_RULES: &str = r#"
cat > /etc/nftables.conf <<END
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    ip saddr 198.51.100.0/24 tcp dport 22 accept
    ip saddr 198.51.100.0/24 tcp dport 8883 accept
    tcp dport 443 limit rate over 50/second drop
    tcp dport 443 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ip saddr 192.0.2.0/24 ip daddr 10.9.0.0/16 drop
    ip saddr 10.0.0.0/24 tcp dport 443 accept
  }
  chain output {
    type filter hook output priority filter; policy drop;
    oif lo accept
    ct state established,related accept
    ip daddr 198.51.100.53 udp dport 53 accept
  }
}
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    tcp dport 8443 dnat to 10.0.0.2:443
  }
}
END
nft -f /etc/nftables.conf
iptables-nft -N DOCKER-USER
iptables-nft -A DOCKER-USER -s 203.0.113.0/24 -j DROP
starts nftables
"#;

#[test]
fn every_rule_on_the_firewall_is_passed_and_failed_by_a_real_rule_set() {
    let script = format!(
        r#"{SET_UP}
        look firewall listeners
        {GOOD_RULES}
        docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 443 -container-ip 127.0.0.2 -container-port 8443 3> /dev/null &
        listening 443
        look firewall listeners
        # Only IPv4 is guarded, and everything that matters is let through to everybody.
        nft flush ruleset
        nft -f - <<END
        table ip filter {{
          chain input {{
            type filter hook input priority filter; policy drop;
            tcp dport 22 accept
            tcp dport 5432 accept
            ip saddr 0.0.0.0/0 accept
          }}
          chain output {{ type filter hook output priority filter; policy drop; accept; }}
          chain forward {{ type filter hook forward priority filter; policy drop; tcp dport 502 accept; }}
        }}
        table ip nat {{
          chain prerouting {{ type nat hook prerouting priority dstnat; tcp dport 2222 dnat to 10.0.0.3:22; }}
        }}
END
        iptables-nft -N DOCKER-USER
        iptables-nft -A DOCKER-USER -j RETURN
        look firewall listeners
        nft flush ruleset
        nft 'table inet shut {{ chain input {{ type filter hook input priority filter; policy drop; }}; }}'
        look firewall listeners"#
    );
    let states = looks(&script);
    let declared = json!({
        "firewall_in": ["tcp/22 198.51.100.0/24", "tcp/8883 198.51.100.0/24", "tcp/443 any"],
        "firewall_out": ["udp/53 198.51.100.53"],
        "firewall_forward": ["tcp/443 10.0.0.0/24 > any"],
        "port_forwards": ["tcp/8443"],
        "required_connections": ["in tcp/443 any"],
        "foreign_networks": ["10.9.0.0/16"],
    });
    let empty = Verdicts::new("empty", &states[0], declared.clone());
    let good = Verdicts::new("good", &states[1], declared.clone());
    let bad = Verdicts::new("bad", &states[2], declared.clone());
    let shut = Verdicts::new("shut", &states[3], declared);
    empty.are(
        "fail firewall.filters-traffic
         fail firewall.input-refused-by-default
         fail firewall.forward-refused-by-default
         fail firewall.output-refused-by-default
         n/a firewall.ways-in-approved
         n/a firewall.no-open-door
         n/a firewall.containers-filtered
         fail firewall.rules-survive-restart",
    );
    good.are(
        "pass firewall.filters-traffic
         pass firewall.input-refused-by-default
         pass firewall.forward-refused-by-default
         pass firewall.output-refused-by-default
         pass firewall.ipv6-refused-by-default
         pass firewall.ways-in-approved
         pass firewall.ways-out-approved
         pass firewall.ways-through-approved
         pass firewall.no-open-door
         pass firewall.no-open-way-out
         pass firewall.administration-from-few
         pass firewall.ports-from-few
         pass firewall.required-connections-open
         pass firewall.environments-apart
         pass firewall.port-forwards-approved
         pass firewall.containers-filtered
         pass firewall.container-ports-limited
         pass firewall.rules-survive-restart
         pass firewall.one-manager
         pass firewall.listed-completely",
    );
    bad.are(
        "pass firewall.filters-traffic
         fail firewall.input-refused-by-default
         fail firewall.ipv6-refused-by-default
         fail firewall.ways-in-approved tcp/5432
         fail firewall.ways-out-approved
         fail firewall.ways-through-approved tcp/502
         fail firewall.no-open-door
         fail firewall.no-open-way-out
         fail firewall.administration-from-few tcp/22
         fail firewall.ports-from-few tcp/5432
         n/a firewall.required-connections-open
         fail firewall.environments-apart
         fail firewall.port-forwards-approved
         fail firewall.containers-filtered
         fail firewall.container-ports-limited",
    );
    shut.are("fail firewall.required-connections-open\npass firewall.ipv6-refused-by-default");
    let not_shown = [
        ("firewall.one-manager", "a second manager needs its package; covered by the probe's tests"),
        (
            "firewall.listed-completely",
            "needs more rules than a test can load in time; covered by its examples",
        ),
    ];
    assert_all_shown("firewall.", &[&empty, &good, &bad, &shut], &not_shown);
}

#[test]
fn every_rule_on_sockets_is_passed_and_failed_by_real_ones() {
    let script = format!(
        r#"{SET_UP}
        serve sshd tcp 0.0.0.0:22
        serve plain tcp 0.0.0.0:8042
        serve database tcp 127.0.0.1:5432 127.0.0.1:23 127.0.0.1:502 127.0.0.1:445 127.0.0.1:9100 127.0.0.1:2375 127.0.0.1:11740
        look listeners
        serve wild tcp 0.0.0.0:3306 0.0.0.0:21 0.0.0.0:44818 0.0.0.0:139 [::]:9090 192.0.2.10:9000 0.0.0.0:1217 0.0.0.0:80
        serve wild udp 0.0.0.0:1740 0.0.0.0:69
        # Another host, two servers on it, and connections to both.
        unshare --net sleep 1000 &
        other=$!
        sleep 0.5
        ip link set far netns $other
        nsenter --net=/proc/$other/ns/net sh -c 'ip address add 192.0.2.20/24 dev far; ip link set far up'
        for port in 5000 5001; do
            nsenter --net=/proc/$other/ns/net /run/room/wild -MIO::Socket::IP -e '
                $s = IO::Socket::IP->new(LocalHost => "192.0.2.20", LocalPort => $ARGV[0], Listen => 5) or die; sleep' $port &
        done
        sleep 0.5
        for port in 5000 5001; do
            /run/room/wild -MIO::Socket::IP -e '
                $s = IO::Socket::IP->new(PeerHost => "192.0.2.20", PeerPort => $ARGV[0]) or die $@; sleep' $port &
        done
        for i in $(seq 200); do
            [ "$(grep -c ':138[89] 01' /proc/net/tcp)" = 2 ] && break
            sleep 0.05
        done
        look listeners"#
    );
    let states = looks(&script);
    let declared = json!({"listeners": ["tcp/22", "tcp/8042"], "peers": ["tcp/5000 192.0.2.20"]});
    let good = Verdicts::new("good", &states[0], declared.clone());
    let bad = Verdicts::new("bad", &states[1], declared);
    good.are(
        "pass listeners.approved :22
         none listeners.approved :5432
         pass listeners.databases-local :5432
         pass listeners.no-plaintext-fieldbus :502
         pass listeners.no-old-services :445
         pass listeners.metrics-local :9100
         pass listeners.administration-local :2375
         pass listeners.codesys-only-by-tunnel :11740
         pass listeners.services-unprivileged
         pass listeners.holders-known
         pass listeners.listed-completely",
    );
    bad.are(
        "pass listeners.approved :22
         fail listeners.approved :3306
         fail listeners.approved udp 0.0.0.0:69
         pass listeners.databases-local :5432
         fail listeners.databases-local :3306
         pass listeners.no-plaintext-fieldbus :502
         fail listeners.no-plaintext-fieldbus :44818
         fail listeners.no-old-services :139
         fail listeners.no-old-services udp 0.0.0.0:69
         fail listeners.metrics-local :9090
         fail listeners.administration-local :9000
         fail listeners.codesys-only-by-tunnel :1217
         fail listeners.codesys-only-by-tunnel udp 0.0.0.0:1740
         fail listeners.services-unprivileged :3306",
    );
    let docker = "is about hosts with Docker; a room has none";
    let not_shown = [
        ("listeners.host-only-for-containers", docker),
        ("listeners.web-only-in-containers", docker),
        (
            "listeners.holders-known",
            "a socket without a process belongs to the kernel; covered by its examples",
        ),
        ("listeners.listed-completely", "needs thousands of sockets; covered by its examples"),
    ];
    assert_all_shown("listeners.", &[&good, &bad], &not_shown);
}
