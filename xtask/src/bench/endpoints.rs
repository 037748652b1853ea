//! What servers on the network take: `cargo xtask bench endpoints`. A hundred in one run, and one beside sslscan.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use test_support::{Nginx, self_signed};

use super::RESULTS;
use super::chapter::with_chapter;
use super::process::{Runs, measure, median};
use crate::run::{root, run as call};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## Servers on the network\n";

/// Servers of one run.
const SERVERS: usize = 100;
/// Seconds that they may take.
const LIMIT: f64 = 10.0;
/// How far away a server is: from a question to its answer.
const AWAY: Duration = Duration::from_millis(20);
/// How often each command runs.
const RUNS: usize = 5;
/// Bytes that are carried at once.
const CARRIED: usize = 64 << 10;

/// A server as it should be, and one with everything that its library knows.
const GOOD: &str =
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; ssl_session_tickets off;";
const ALL: &str = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;";

/// Measures and writes the chapter.
pub(crate) fn run() -> Result<()> {
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    let program = root().join("target/release/palisade").display().to_string();
    let palisade = |targets: &[String]| -> Vec<String> {
        let words = ["audit", "--format", "json", "--fail-on", "never"];
        std::iter::once(program.clone())
            .chain(words.iter().map(|word| (*word).to_owned()))
            .chain(targets.iter().cloned())
            .collect()
    };
    let good = nginx(GOOD);
    let far: Vec<Road> = (0..SERVERS).map(|_| Road::open(good.address(), AWAY)).collect::<Result<_>>()?;
    let targets: Vec<String> = far.iter().map(|road| format!("https://localhost:{}", road.port)).collect();
    let many = measure(&palisade(&targets), RUNS, 1)?;
    judged(&many, SERVERS)?;
    let connections = far.iter().map(Road::taken).sum::<usize>() / ((RUNS + 1) * SERVERS);
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench endpoints`: nginx with a P-256 key on this machine, behind relays that hold every \
         answer\nback. Connections are counted by the relay.\n\n\
         | what | wall s: median (min–max) | processor s | peak MiB | connections |\n|---|---|---|---|---|\n"
    );
    row(
        &mut text,
        &format!("palisade audit, {SERVERS} https targets, 20 ms away"),
        &many,
        &format!("{connections} each"),
    );
    let mut met = format!(
        "\n| target | measured | met |\n|---|---|---|\n| {SERVERS} endpoints that answer in 20 ms: under {LIMIT:.0} s | \
         {:.2} s | {} |\n",
        median(&many.wall),
        yes(median(&many.wall) < LIMIT),
    );
    let all = nginx(ALL);
    for (name, server) in [("as it should be", &good), ("with every suite", &all)] {
        for (place, away) in [("on this machine", Duration::ZERO), ("20 ms away", AWAY)] {
            let mut seen = Vec::new();
            for tool in ["palisade audit", "sslscan"] {
                let road = Road::open(server.address(), away)?;
                let command = if tool == "sslscan" {
                    let place = format!("127.0.0.1:{}", road.port);
                    ["sslscan", "--xml=-", &place].iter().map(|word| (*word).to_owned()).collect()
                } else {
                    palisade(&[format!("tls://127.0.0.1:{}", road.port)])
                };
                let runs = measure(&command, RUNS, 1)?;
                let connections = road.taken() / (RUNS + 1);
                row(
                    &mut text,
                    &format!("{tool}, TLS of one server {name}, {place}"),
                    &runs,
                    &connections.to_string(),
                );
                seen.push((median(&runs.wall), connections));
            }
            let [(our_wall, ours), (their_wall, theirs)] = seen[..] else { bail!("two tools run") };
            met.push_str(&format!(
                "| fewer connections and less time than sslscan, {name}, {place} | {ours} and {our_wall:.2} s against {theirs} \
                 and {their_wall:.2} s | {} |\n",
                yes(ours < theirs && our_wall < their_wall),
            ));
        }
    }
    text.push_str(&met);
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &text))?;
    println!("{text}\nwritten to {RESULTS}");
    Ok(())
}

fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "**no**" }
}

fn nginx(config: &str) -> Nginx {
    let config = format!("ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key; {config}");
    Nginx::start(true, &config, |dir| {
        self_signed(dir, "own", "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days 30");
        fs::write(dir.join("www/index.html"), "<title>Plant</title>").unwrap_or_default();
    })
}

/// Every target must have been read and judged, or its speed says nothing.
fn judged(runs: &Runs, servers: usize) -> Result<()> {
    let fleet: Value = serde_json::from_str(&runs.output).context("the reports are no JSON")?;
    let members = fleet.get("targets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let passes = |member: &&Value| {
        member.pointer("/report/summary/pass").and_then(Value::as_u64).is_some_and(|pass| pass > 20)
    };
    let good = members.iter().filter(passes).count();
    if good != servers {
        bail!("only {good} of {servers} servers were judged");
    }
    Ok(())
}

fn row(text: &mut String, name: &str, runs: &Runs, connections: &str) {
    let wall = &runs.wall;
    let (least, most) = wall.iter().fold((f64::MAX, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
    text.push_str(&format!(
        "| {name} | {:.2} ({least:.2}–{most:.2}) | {:.2} | {:.0} | {connections} |\n",
        median(wall),
        median(&runs.cpu),
        runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib)),
    ));
}

/// A long way to a server: a port whose connections are carried there and back, each direction held up by half the time.
/// It lasts as long as this process.
struct Road {
    port: u16,
    taken: Arc<AtomicUsize>,
}

impl Road {
    fn open(server: SocketAddr, away: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || carry(client, server, away));
            }
        });
        Ok(Self { port, taken })
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Carries one connection. The first bytes wait for the time that connecting would take, too.
fn carry(client: TcpStream, server: SocketAddr, away: Duration) {
    thread::sleep(away);
    let Ok(server) = TcpStream::connect(server) else { return };
    let streams = client
        .set_nodelay(true)
        .and_then(|()| server.set_nodelay(true))
        .and_then(|()| Ok((client.try_clone()?, server.try_clone()?)));
    let Ok((from_client, to_server)) = streams else { return };
    let there = thread::spawn(move || pump(from_client, to_server, away / 2));
    pump(server, client, away / 2);
    drop(there.join());
}

fn pump(mut from: TcpStream, mut to: TcpStream, held: Duration) {
    let mut chunk = vec![0; CARRIED];
    while let Ok(count) = from.read(&mut chunk) {
        thread::sleep(held);
        if count == 0 || to.write_all(chunk.get(..count).unwrap_or_default()).is_err() {
            break;
        }
    }
    // The other side may have ended it already.
    drop(to.shutdown(Shutdown::Write));
    drop(from.shutdown(Shutdown::Read));
}
