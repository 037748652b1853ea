//! Real chronyd processes that leave this machine's clock alone.

use serde_json::json;

use crate::verdicts::{Verdicts, assert_all_shown, looks};

/// A server of time in the room, and chrony that follows it under three addresses with a key.
const SET_UP: &str = r#"
mkdir -p -m 750 /run/chrony
printf '1 SHA256 HEX:%s\n' 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF > /run/keys
chmod 600 /run/keys
cat > /run/server.conf <<END
local stratum 5
allow 127.0.0.0/8
keyfile /run/keys
cmdport 0
bindcmdaddress /
pidfile /run/server.pid
END
rm -rf /etc/systemd/system/*.wants/* /etc/systemd/system/dbus-org.freedesktop.timesync1.service /etc/rc?.d
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /lib/systemd/system/chrony.service /etc/systemd/system/multi-user.target.wants/chrony.service
chrony() {
    rm -rf /etc/chrony/*.d
    { printf 'keyfile /run/keys\nport 0\npidfile /run/chrony/chronyd.pid\nuser root\n'; printf '%s\n' "$@"; } > /etc/chrony/chrony.conf
    chronyd -x -d -f /etc/chrony/chrony.conf > /dev/null &
    client=$!
}
answers() {
    for i in $(seq 600); do
        chronyc -c -n sources | grep -q "$1" && return 0
        sleep 0.05
    done
    chronyc -n sources; echo "chrony does not say $1" >&2; return 1
}
"#;

#[test]
fn every_rule_on_the_clock_is_passed_and_failed_by_a_real_service() {
    let script = format!(
        r#"{SET_UP}
        chronyd -x -d -u root -f /run/server.conf > /dev/null & server=$!
        chrony 'server 127.0.0.1 key 1 iburst minpoll -2 maxpoll -2' \
            'server 127.0.0.2 key 1 iburst minpoll -2 maxpoll -2' 'server 127.0.0.3 key 1 iburst minpoll -2 maxpoll -2'
        answers '^^,\*'
        look time os
        # Another service beside it, and a source that nobody approved and that does not answer.
        kill $client; wait $client || true
        chrony 'server 127.0.0.9 iburst minpoll -2 maxpoll -2'
        answers '^^,?,127.0.0.9'
        look time os
        mkdir -p /run/upper /run/work
        mount -t overlay -o lowerdir=/usr/lib/systemd,upperdir=/run/upper,workdir=/run/work none /usr/lib/systemd
        cp /usr/bin/perl /usr/lib/systemd/systemd-timesyncd
        /usr/lib/systemd/systemd-timesyncd -e sleep & timesyncd=$!
        look time os
        kill $timesyncd $client $server; wait $timesyncd $client $server || true
        # No service at all.
        rm -r /etc/systemd/system/multi-user.target.wants
        look time os"#
    );
    let mut states = looks(&script);
    for state in &mut states {
        // This machine may be a container, whose clock is not its own.
        state.facts.get_mut("os").unwrap()["container"] = serde_json::Value::Null;
    }
    let declared = json!({"time_sources": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]});
    let good = Verdicts::new("good", &states[0], declared.clone());
    let silent = Verdicts::new("silent source", &states[1], declared.clone());
    let bad = Verdicts::new("two services", &states[2], declared.clone());
    let none = Verdicts::new("none", &states[3], declared);
    good.are(
        "pass time.service-runs
         pass time.service-starts-at-boot
         pass time.synchronised
         pass time.one-service
         pass time.offset-small
         pass time.source-answers
         pass time.sources-chosen
         pass time.sources-approved
         pass time.sources-authenticated
         pass time.several-sources",
    );
    silent.are(
        "fail time.synchronised
         fail time.source-answers
         fail time.sources-approved
         fail time.sources-authenticated
         fail time.several-sources",
    );
    bad.are(
        "fail time.one-service
         fail time.sources-chosen",
    );
    none.are("fail time.service-runs\nfail time.service-starts-at-boot\nfail time.synchronised");
    let not_shown = [("time.offset-small", "both chronyd have the same clock; covered by its examples")];
    assert_all_shown("time.", &[&good, &silent, &bad, &none], &not_shown);
}
