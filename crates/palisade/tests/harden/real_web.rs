//! Real nginx, Apache, Redis, PostgreSQL, Mosquitto and packet filter, each in a room of its own: what fails passes after
//! `palisade harden`, and everything is as before when that is undone.

use std::collections::BTreeMap;

use test_support::{looks, room};

/// What every room does first. `/var/lib` is the room's own, for the journal. `judge RULE...` prints a report for the test;
/// `same` fails unless the files of a folder are as `remember` found them.
const START: &str = r#"
mkdir -p /run/room/lib /run/room/lib-work
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/room/lib,workdir=/run/room/lib-work none /var/lib
rm -rf /var/lib/palisade-harden
PROFILE=/run/profile.yaml
echo 'declare: {}' > $PROFILE
judge() {
    args=; for rule in "$@"; do args="$args --rule $rule"; done
    "$PALISADE" audit --profile $PROFILE --format json $args >&3 || [ $? = 1 ]
    printf '\036' >&3
}
harden() {
    args=; for rule in "$@"; do args="$args --rule $rule"; done
    "$PALISADE" harden --profile $PROFILE $OPT_IN --apply --yes $args || { echo "harden: $?" >&2; return 1; }
}
# Runs a command that reloads a service, then waits for the workers that still go by what was read before: they end by and by.
reloading() {
    pid_file=$1; shift; before=$(pgrep -P $(cat $pid_file)); "$@"
    for worker in $before; do
        for i in $(seq 400); do kill -0 $worker 2> /dev/null || break; sleep 0.05; done
        if kill -0 $worker 2> /dev/null; then echo "worker $worker has not ended" >&2; return 1; fi
    done
}
closed() { if "$@"; then echo "$* still works" >&2; exit 1; fi; }
undo() { "$PALISADE" harden undo --yes; }
state() { find "$@" -printf '%p %y %m %U %G %l\n' | sort; find "$@" -type f -exec sha256sum {} + | sort; }
remember() { state "$@" > /run/room/remembered; }
same() { state "$@" > /run/room/now; diff /run/room/remembered /run/room/now; }
"#;

/// Stands for the service manager, which does not run in a room: `restart` calls `start_UNIT` of the script.
const MANAGER: &str = r#"
mkdir -p /run/systemd/system
cat > /run/systemctl <<'END'
#!/bin/sh
case "$1 $2" in
    "is-active --quiet") case "$3" in $(cat /run/unit)) kill -0 $(cat /run/service.pid) ;; *) exit 3 ;; esac ;;
    "restart "*) kill $(cat /run/service.pid); while kill -0 $(cat /run/service.pid) 2> /dev/null; do sleep 0.05; done
        exec sh /run/start ;;
esac
END
chmod 755 /run/systemctl
mount --bind /run/systemctl /usr/bin/systemctl
"#;

/// Verdicts by rule and subject, worst for each rule.
fn verdicts(report: &str) -> BTreeMap<String, String> {
    let report: serde_json::Value =
        serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    let mut worst: BTreeMap<String, String> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let weight =
            |verdict: &str| ["not_applicable", "pass", "unknown", "fail"].iter().position(|v| *v == verdict);
        let own = worst.entry(text("rule")).or_insert_with(|| text("verdict"));
        if weight(&text("verdict")) > weight(own) {
            *own = text("verdict");
        }
    }
    worst
}

/// Every rule fails, passes, and fails again, in three reports.
fn fails_passes_fails(script: &str, rules: &[&str]) {
    let rules_text = rules.join(" ");
    let script = format!("{START}{}", script.replace("RULES", &rules_text));
    let reports = looks(room(env!("CARGO_BIN_EXE_palisade"), &script));
    let [before, after, undone] = reports.as_slice() else { panic!("{} reports", reports.len()) };
    let (before, after, undone) = (verdicts(before), verdicts(after), verdicts(undone));
    for rule in rules {
        let seen = [&before, &after, &undone].map(|all| all.get(*rule).map_or("none", String::as_str));
        assert!(
            seen[0] == "fail" && seen[2] == "fail" && seen[1] != "fail" && seen[1] != "unknown",
            "{rule}: {seen:?}"
        );
    }
}

const CERTIFICATE: &str = "openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=plant -days 30 \
     -addext subjectAltName=DNS:plant.example -keyout /run/site.key -out /run/site.pem 2> /dev/null\n\
     mkdir -p /run/www/own; echo '<p>hi' > /run/www/index.html; echo '<p>hi' > /run/www/own/index.html\n";

#[test]
fn a_careless_nginx_is_mended_and_is_careless_again() {
    let script = r#"
rm -rf /etc/nginx; mkdir -p /etc/nginx/conf.d /etc/nginx/sites-enabled /var/log/nginx
cat > /etc/nginx/nginx.conf <<'END'
user root; pid /run/nginx.pid; worker_processes 1;
events { worker_connections 64; }
http {
    access_log off;
    types { text/html html; }
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2; # Dropping SSLv3
    ssl_ciphers "ALL:@SECLEVEL=0";
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
END
cat > /etc/nginx/sites-enabled/plant <<'END'
server {
    listen 443 ssl;
    ssl_certificate /run/site.pem;
    ssl_certificate_key /run/site.key;
    root /run/www;
    location / {
        add_header X-Own "a; b" always;
    }
}
server {
    listen 8443 ssl;
    ssl_certificate /run/site.pem;
    ssl_certificate_key /run/site.key;
    ssl_protocols TLSv1.1 TLSv1.2;
    server_tokens on;
    root /run/www/own/..;
}
END
nginx
listening 443
remember /etc/nginx
judge RULES
reloading /run/nginx.pid harden RULES
nginx -t
judge RULES
reloading /run/nginx.pid undo
same /etc/nginx
judge RULES
kill $(cat /run/nginx.pid)
"#;
    fails_passes_fails(
        &format!("{CERTIFICATE}{script}"),
        &[
            "http.versions-hidden",
            "http.server-header-plain",
            "http.no-sniffing",
            "http.framing-refused",
            "http.referrer-policy",
            "http.permissions-policy",
            "http.strict-transport-security",
            "tls.tls-1-1-refused",
            "tls.1-3-offered",
            "tls.suites-forward-secret",
            "tls.suites-without-cbc-sha1",
            "tls.session-tickets-off",
            "web.tls-current",
        ],
    );
}

#[test]
fn a_careless_apache_is_mended_and_is_careless_again() {
    let script = r#"
mkdir -p /var/log/apache2 /run/apache2 /run/lock/apache2
rm -f /etc/apache2/sites-enabled/* /etc/apache2/mods-enabled/headers.load
a2enmod -q ssl
echo 'Listen 443' > /etc/apache2/ports.conf
sed -i 's/SSLProtocol.*/SSLProtocol all -SSLv3/; s/SSLCipherSuite.*/SSLCipherSuite ALL:@SECLEVEL=0/; s/SSLSessionTickets.*/SSLSessionTickets on/' /etc/apache2/mods-enabled/ssl.conf
cat > /etc/apache2/conf-enabled/security.conf <<'END'
ServerTokens Full
ServerSignature On
TraceEnable On
END
cat > /etc/apache2/sites-enabled/plant.conf <<'END'
ServerName plant.example
<VirtualHost *:443>
    SSLEngine on
    SSLCertificateFile /run/site.pem
    SSLCertificateKeyFile /run/site.key
    SSLProtocol all -TLSv1.3
    DocumentRoot /run/www
    ServerSignature EMail
    <Directory /run/www>
        Options Indexes
        Require all granted
    </Directory>
</VirtualHost>
END
chmod 755 /run/www
mv /run/www/index.html /run/www/page.html
apache2ctl start
listening 443
remember /etc/apache2
judge RULES
reloading /run/apache2/apache2.pid harden RULES
judge RULES
reloading /run/apache2/apache2.pid undo
same /etc/apache2
judge RULES
apache2ctl stop
"#;
    fails_passes_fails(
        &format!("{CERTIFICATE}{script}"),
        &[
            "http.versions-hidden",
            "http.no-sniffing",
            "http.trace-off",
            "http.listing-off",
            "http.strict-transport-security",
            "tls.1-3-offered",
            "tls.suites-forward-secret",
            "tls.session-tickets-off",
        ],
    );
}

#[test]
fn redis_is_bound_to_its_host_and_restarted() {
    let script = r#"
ip link add wan type veth peer name far; ip address add 192.0.2.10/24 dev wan; ip link set wan up; ip link set far up
mkdir -p /run/redis /var/log/redis
printf 'bind * -::*\nport 6379\nprotected-mode no\ndaemonize no\nsave ""\n' > /etc/redis/redis.conf
echo redis-server.service > /run/unit
echo 'redis-server /etc/redis/redis.conf > /dev/null 2>&1 3>&- & echo $! > /run/service.pid; sleep 0.5' > /run/start
sh /run/start
listening 6379
remember /etc/redis
judge RULES
harden RULES
listening 6379
redis-cli ping
judge RULES
undo
same /etc/redis
judge RULES
kill $(cat /run/service.pid)
"#;
    fails_passes_fails(&format!("{MANAGER}{script}"), &["listeners.databases-local", "databases.local"]);
}

#[test]
fn a_cluster_of_postgresql_is_bound_to_its_host_and_restarted() {
    let script = r#"
PG=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
rm -rf /etc/postgresql; mkdir -p /etc/postgresql/15/main/conf.d /run/postgresql /var/lib/postgresql/room
chown -R postgres /run/postgresql /var/lib/postgresql/room /etc/postgresql
chmod 700 /var/lib/postgresql/room
runuser -u postgres -- $PG/initdb -D /var/lib/postgresql/room > /dev/null
cat > /etc/postgresql/15/main/postgresql.conf <<'END'
data_directory = '/var/lib/postgresql/room'		# use data in another directory
listen_addresses = '*'		# what IP address(es) to listen on;
port = 5432
include_dir = 'conf.d'
END
echo 'postgresql@*.service' > /run/unit
cat > /run/start <<END
cd /; runuser -u postgres -- $PG/postgres -D /var/lib/postgresql/room -c config_file=/etc/postgresql/15/main/postgresql.conf > /dev/null 2>&1 3>&- &
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; [ -s /var/lib/postgresql/room/postmaster.pid ] && break; done
head -1 /var/lib/postgresql/room/postmaster.pid > /run/service.pid
END
sh /run/start
listening 5432
remember /etc/postgresql
judge RULES
harden RULES
listening 5432
judge RULES
undo
same /etc/postgresql
listening 5432
judge RULES
kill $(cat /run/service.pid)
"#;
    fails_passes_fails(&format!("{MANAGER}{script}"), &["listeners.databases-local", "databases.local"]);
}

#[test]
fn mosquitto_is_bound_to_its_host_on_request_and_restarted() {
    let script = r#"
rm -rf /etc/mosquitto; mkdir -p /etc/mosquitto/conf.d
printf 'include_dir /etc/mosquitto/conf.d\n' > /etc/mosquitto/mosquitto.conf
printf 'listener 1883\nallow_anonymous true\n' > /etc/mosquitto/conf.d/site.conf
echo mosquitto.service > /run/unit
echo 'mosquitto -c /etc/mosquitto/mosquitto.conf > /dev/null 2>&1 3>&- & echo $! > /run/service.pid; sleep 0.5' > /run/start
sh /run/start
listening 1883
OPT_IN="--opt-in broker-loopback"
remember /etc/mosquitto
judge RULES
harden RULES
listening 1883
judge RULES
undo
same /etc/mosquitto
listening 1883
judge RULES
kill $(cat /run/service.pid)
"#;
    fails_passes_fails(
        &format!("{MANAGER}{script}"),
        &["listeners.no-plaintext-fieldbus", "databases.broker-encrypted-or-local"],
    );
}

/// A host with two services, and another machine beside it. `reaches PORT` asks from there.
const NEIGHBOUR: &str = r#"
mkdir -p /run/netns
ip netns add out
ip link add wan type veth peer name far netns out
ip address add 192.0.2.10/24 dev wan; ip link set wan up
ip -n out address add 192.0.2.77/24 dev far; ip -n out link set far up; ip -n out link set lo up
serve() { perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or die; while ($s->accept) {}' "$1" & }
serve 8042; serve 8043
listening 8042; listening 8043
reaches() { ip netns exec out timeout 2 bash -c "echo > /dev/tcp/192.0.2.10/$1" 2> /dev/null; }
rm -f /etc/systemd/system/*.wants/nftables.service; rm -rf /etc/nftables.d
nft flush ruleset
# What Docker would have made.
nft add table ip nat
nft 'add chain ip nat DOCKER; add chain ip nat PREROUTING { type nat hook prerouting priority -100; }; add rule ip nat PREROUTING jump DOCKER'
nft list table ip nat > /run/nat
"#;

#[test]
fn a_port_nobody_declared_cannot_be_reached_until_the_firewall_is_undone() {
    let script = r#"
printf '#!/usr/sbin/nft -f\nflush ruleset\n' > /etc/nftables.conf
echo 'declare: {firewall_in: [tcp/8042 192.0.2.0/24]}' > $PROFILE
reaches 8042; reaches 8043
remember /etc/nftables.conf /etc/systemd
judge RULES
harden RULES
nft list table ip nat | diff /run/nat -
reaches 8042
closed reaches 8043
"$PALISADE" harden confirm
judge RULES
# What a boot does; Docker comes later and makes its tables anew.
nft -f /etc/nftables.conf
closed reaches 8043
[ -L /etc/systemd/system/sysinit.target.wants/nftables.service ]
nft -f /run/nat
undo
same /etc/nftables.conf /etc/systemd
[ ! -e /etc/nftables.d ]
[ "$(nft list tables)" = "table ip nat" ]
nft list table ip nat | diff /run/nat -
reaches 8043
judge RULES
"#;
    fails_passes_fails(
        &format!("{NEIGHBOUR}{script}"),
        &["firewall.filters-traffic", "firewall.input-refused-by-default", "firewall.rules-survive-restart"],
    );
}

#[test]
fn a_node_reaches_its_management_system_and_nothing_else() {
    let script = r#"
printf 'flush ruleset\n' > /etc/nftables.conf
ip -n out address add 192.0.2.78/24 dev far
ip netns exec out perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 443, Listen => 5) or die; while ($s->accept) {}' &
sleep 1
out() { timeout 2 bash -c "echo > /dev/tcp/$1/443" 2> /dev/null; }
out 192.0.2.77; out 192.0.2.78
echo 'declare: {firewall_out: [tcp/443 192.0.2.77]}' > $PROFILE
OPT_IN="--opt-in node-egress"
remember /etc/nftables.conf /etc/systemd
judge RULES
harden RULES
out 192.0.2.77
closed out 192.0.2.78
reaches 8042
"$PALISADE" harden confirm
judge RULES
undo
same /etc/nftables.conf /etc/systemd
out 192.0.2.78
judge RULES
"#;
    fails_passes_fails(&format!("{NEIGHBOUR}{script}"), &["firewall.output-refused-by-default"]);
}
