//! Hosts that mean harm: every file that the program reads is junk, endless, a loop or a pipe; names carry terminal
//! escapes; a container engine hangs and a server drips. The run ends, and says what it could not learn.

use model::Report;
use model::report::{ProbeStatus, Verdict};
use test_support::{looks, room};

use crate::verdicts::{PALISADE, Verdicts};

/// `audit` runs a whole audit within its limit and passes the report on.
const AUDIT: &str = r#"
for place in /var/lib /usr/lib/sysctl.d /usr/lib/systemd; do
    mkdir -p "/run/over$place/upper" "/run/over$place/work"
    mount -t overlay -o "lowerdir=$place,upperdir=/run/over$place/upper,workdir=/run/over$place/work" none "$place"
done
audit() {
    code=0
    timeout -s KILL 100 "$PALISADE" audit --format json "$@" >&3 || code=$?
    [ $code -le 1 ] || { echo "exit code $code" >&2; return 1; }
    printf '\036' >&3
}
"#;

/// Every file that an ordinary run reads or looks for below the places that are the room's own. The loader of programs
/// reads its own files too, and would stumble.
const LIST: &str = r#"
useradd -m mallory
"$PALISADE" audit --trace --format json 2> /run/trace > /run/first || [ $? = 1 ]
sed -n 's/^read *//p' /run/trace | grep -E '^/(etc|root|home|var/log|var/lib|usr/lib/sysctl.d|usr/lib/systemd)/' |
    grep -v '^/etc/ld.so' | sort -u > /run/files
[ "$(wc -l < /run/files)" -gt 100 ]
damage() {
    while read -r file; do
        rm -rf "$file"
        mkdir -p "$(dirname "$file")" 2> /dev/null || continue
        "$@" "$file"
    done < /run/files
}
junk() { head -c 3000 /dev/urandom > "$1"; printf '\377\376 = \000\n[[[\n"' >> "$1"; }
endless() { truncate -s 20G "$1"; }
loop() { ln -s "$1" "$1"; }
"#;

fn reports(script: &str) -> Vec<Report> {
    let texts = looks(room(PALISADE, &format!("{AUDIT}{script}")));
    texts
        .iter()
        .map(|text| {
            let report: Report = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            for probe in &report.probes {
                assert!(!probe.reason.contains("panicked"), "{probe:?}");
            }
            report
        })
        .collect()
}

#[test]
fn damaged_files_cost_facts_and_not_the_run() {
    let kinds = ["junk", "endless", "loop", "mkdir", "mkfifo"];
    let damages: String = kinds.iter().map(|kind| format!("damage {kind}\naudit\n")).collect();
    let reports = reports(&format!("{LIST}{damages}"));
    assert_eq!(reports.len(), kinds.len());
    for (kind, report) in kinds.into_iter().zip(reports) {
        for finding in &report.findings {
            let silent = matches!(finding.verdict, Verdict::Unknown | Verdict::NotApplicable);
            assert!(!silent || !finding.reason.is_empty(), "{kind}: {finding:#?}");
        }
        let verdicts = Verdicts::of(kind, report.findings);
        // Whatever stands there, it is no proof that all is well.
        for rule in [
            "accounts.root-alone-has-uid-0",
            "accounts.hashes-strong",
            "ssh.root-login-off",
            "ssh.config-accepted",
            "accounts.password-length",
        ] {
            assert_ne!(verdicts.worst(rule), "pass", "{kind}: {rule}");
        }
    }
}

#[test]
fn escapes_in_names_reach_no_output() {
    let script = r#"
        escape=$(printf '\033[31m\007\302\233')
        echo "evil$escape:x:0:0::/root:/bin/bash" >> /etc/passwd
        echo "evil$escape::1::::::" >> /etc/shadow
        echo "docker:x:777:evil$escape" >> /etc/group
        echo "evil$escape ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/evil
        echo "* * * * * root /bin/$escape" > /etc/cron.d/evil
        printf 'Banner /etc/%s\nMatch User evil%s\nPermitRootLogin yes\n' "$escape" "$escape" > /etc/ssh/sshd_config
        mkdir -p /root/.ssh; echo "ssh-ed25519 AAAA evil$escape" > /root/.ssh/authorized_keys
        mkdir "/home/evil$escape"; cp /bin/true "/home/evil$escape/s$escape"; chmod 6777 "/home/evil$escape/s$escape"
        printf '[Service]\nExecStart=/x%s\n[Install]\nWantedBy=multi-user.target\n' "$escape" > "/etc/systemd/system/evil$escape.service"
        cp /usr/bin/perl "/run/p$escape"
        "/run/p$escape" -MIO::Socket::IP -e '
            my $s = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 80, Listen => 50) or die;
            while (my $c = $s->accept) {
                sysread $c, my $x, 9999;
                print $c "HTTP/1.1 200 OK\r\nServer: x\e[31m/1.0\r\nX-Powered-By: \e[31mPHP/1\r\nConnection: close\r\n\r\n<title>\e[31m</title>";
                close $c;
            }' &
        listening 80
        audit
        "$PALISADE" facts > /run/facts.json
        for format in terminal json html sarif oscal junit csv; do
            "$PALISADE" audit --facts /run/facts.json --verbose --trace --format $format > /run/out.$format 2> /run/err.$format || [ $? = 1 ]
        done
        "$PALISADE" audit --trace > /run/out.live 2> /run/err.live || [ $? = 1 ]
        "$PALISADE" profile init > /run/out.profile 2> /run/err.profile
        grep -q evil /run/out.terminal
        if grep -lP '\x1b|\x07|\xc2\x9b' /run/facts.json /run/out.* /run/err.*; then
            echo "escapes pass through" >&2
            grep -haoP '.{0,60}(\x1b|\x07|\xc2\x9b).{0,40}' /run/facts.json /run/out.* /run/err.* | head -20 | cat -v >&2
            exit 1
        fi"#;
    let reports = reports(script);
    assert!(reports[0].findings.iter().any(|finding| finding.subject.contains("evil")), "the names were met");
}

#[test]
fn an_engine_that_hangs_and_a_server_that_drips_cost_their_sections_alone() {
    let script = r#"
        perl -MIO::Socket::UNIX -e '
            my $s = IO::Socket::UNIX->new(Local => "/run/docker.sock", Listen => 50) or die;
            my @c; while (my $c = $s->accept) { push @c, $c }' &
        perl -MIO::Socket::IP -e '
            $SIG{CHLD} = "IGNORE"; $SIG{PIPE} = "DEFAULT";
            my $s = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 443, Listen => 50) or die;
            while (my $c = $s->accept) {
                next if fork;
                $c->autoflush(1);
                for my $byte (0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc, 3, 3, (0) x 10000) { print $c chr $byte; select undef, undef, undef, 0.2 }
                exit;
            }' &
        listening 443
        for i in $(seq 100); do [ -S /run/docker.sock ] && break; sleep 0.05; done
        audit"#;
    let report = reports(script).remove(0);
    let status = |name: &str| report.probes.iter().find(|probe| probe.name == name).unwrap();
    assert!(report.duration_ms < 60_000, "{} ms", report.duration_ms);
    assert_ne!(status("docker").status, ProbeStatus::Ok, "{:?}", status("docker"));
    assert_ne!(status("docker").status, ProbeStatus::Absent, "{:?}", status("docker"));
    assert!(!status("docker").reason.is_empty());
    assert_ne!(status("accounts").status, ProbeStatus::Failed);
    let verdicts = Verdicts::of("hanging", report.findings);
    for rule in ["container.unprivileged", "tls.tls-1-0-refused"] {
        assert_ne!(verdicts.worst(rule), "pass", "{rule}");
    }
}
