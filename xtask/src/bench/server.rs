//! What the Management System takes: `cargo xtask bench server`. Pages and lists with many reports in the store, logins
//! beside the bare hash, memory, and the time until it is ready, on both databases.

mod instance;
mod load;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use test_support::Postgres;

use super::chapter::with_chapter;
use super::goals::Goals;
use super::process::median;
use super::{RESULTS, jobs};
use crate::run::{output, root, run as call};
use instance::{Database, Instance};
use load::{Answers, Load};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## The Management System\n";

/// Reports in the store.
const REPORTS: u32 = 10_000;

/// Machines that they are of.
const TARGETS: u32 = 20;

/// Requests of each second.
const RATE: u32 = 200;

/// How long each load lasts.
const SECONDS: u32 = 20;

/// How often each load runs; what is told is the run in the middle.
const RUNS: usize = 3;

/// How often the server is started to see how soon it is ready.
const STARTS: usize = 5;

/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(20);

/// The lists, beside the overview.
const LISTS: [&str; 5] = ["/reports", "/users", "/sessions", "/roles", "/tokens"];

const P99_LIMIT: f64 = 50.0;
const READY_LIMIT: f64 = 1.0;
const IDLE_LIMIT: f64 = 60.0;
const HASH_SHARE: f64 = 0.9;

/// Measures and writes the chapter.
pub(crate) fn run() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the benchmark starts PostgreSQL as its own account: run it as root");
    }
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    jobs::install()?;
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench server`: `palisade up` with {REPORTS} reports of {TARGETS} machines, each as large as that of \
         this machine,\nasked by h2load over TLS and HTTP/2 at {RATE} requests a second for {SECONDS} s, both on the same two cores; \
         each load {RUNS} times, of which the middle one is told. Times in ms.\n\n| what | database | median | p99 | longest | answered |\n|---|---|---|---|---|---|\n"
    );
    let mut goals = Goals::new();
    let postgres = Postgres::start();
    for database in [Database::Sqlite, Database::Postgres(postgres.database())] {
        one(database, &mut text, &mut goals)?;
    }
    text.push_str(goals.table());
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &text))?;
    println!("{text}\nwritten to {RESULTS}");
    Ok(())
}

/// Everything on one database.
fn one(database: Database, text: &mut String, goals: &mut Goals) -> Result<()> {
    let name = database.name();
    let mut goal = |what: &str, measured: String, met: bool| goals.add(name, what, &measured, met);
    written()?;
    // Started by root, the server runs as another user, who must get there.
    let entered_by_all = PermissionsExt::from_mode(0o755);
    // And which nobody else may put in another's place.
    let above = if rustix::process::geteuid().is_root() { "/var/lib".into() } else { std::env::temp_dir() };
    let state =
        tempfile::Builder::new().prefix("palisade-bench-").permissions(entered_by_all).tempdir_in(above)?;
    let (first, took) = ready(&state.path().join("state"), &database)?;
    goal(
        &format!("ready in under {READY_LIMIT} s, the first start"),
        format!("{:.2} s", took),
        took < READY_LIMIT,
    );
    first.until_audited()?;
    std::thread::sleep(REST);
    let idle = first.memory()?;
    goal(
        &format!("idle with its first audit kept: under {IDLE_LIMIT} MiB"),
        format!("{idle:.0} MiB"),
        idle < IDLE_LIMIT,
    );
    first.set_up()?;
    first.end()?;
    database.fill(&state.path().join("state"), REPORTS, TARGETS)?;
    written()?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (server, took) = ready(&state.path().join("state"), &database)?;
        starts.push(took);
        server.end()?;
    }
    let took = median(&starts);
    goal(
        &format!("ready in under {READY_LIMIT} s, with {REPORTS} reports"),
        format!("{took:.2} s"),
        took < READY_LIMIT,
    );

    let (server, _) = ready(&state.path().join("state"), &database)?;
    server.until_audited()?;
    let session = server.log_in()?;
    let mut row = |what: &str, answers: &Answers| {
        text.push_str(&format!(
            "| {what} | {name} | {:.1} | {:.1} | {:.1} | {} |\n",
            answers.quantile(0.5),
            answers.quantile(0.99),
            answers.quantile(1.0),
            answers.count()
        ));
    };
    let asked = |pages: &[&str]| Load::pages(&server, &session, pages, RATE, SECONDS).run();
    // What a virtual machine is given changes within seconds.
    let asked_often = |pages: &[&str]| -> Result<Answers> {
        let runs = (0..RUNS).map(|_| asked(pages)).collect::<Result<Vec<_>>>()?;
        Ok(middle(runs, |answers| answers.quantile(0.99)))
    };
    let overview = asked_often(&["/"])?;
    row("overview", &overview);
    let lists = asked_often(&LISTS)?;
    row("lists", &lists);
    for (what, answers) in [("overview", &overview), ("lists", &lists)] {
        let p99 = answers.quantile(0.99);
        let met = p99 < P99_LIMIT && answers.count() >= usize::try_from(RATE * SECONDS)? * 98 / 100;
        goal(&format!("{what}: p99 under {P99_LIMIT} ms at {RATE} requests/s"), format!("{p99:.1} ms"), met);
    }

    let parameters = server.hash_parameters(&state.path().join("state"), &database)?;
    let mut floods = Vec::new();
    for _ in 0..RUNS {
        // Before and after: what a virtual machine is given changes within minutes.
        let before = bare_hashes(&parameters)?;
        let logins = Load::logins(&server, SECONDS).run()?;
        let bare = (before + bare_hashes(&parameters)?) / 2.0;
        floods.push((logins, bare));
    }
    let share = |(logins, bare): &(Answers, f64)| logins.rate() / bare;
    let (logins, bare) = middle(floods, share);
    let rate = logins.rate();
    row("logins, as fast as they go", &logins);
    goal(
        &format!("logins at {:.0} % of the bare hash rate or more", HASH_SHARE * 100.0),
        format!("{rate:.1}/s against {bare:.1}/s: {:.0} %", rate / bare * 100.0),
        rate >= bare * HASH_SHARE,
    );
    let mixed: Vec<&str> = std::iter::once("/").chain(LISTS).collect();
    let mut both = Vec::new();
    for _ in 0..RUNS {
        let flood = Load::logins(&server, SECONDS + 4).start()?;
        std::thread::sleep(Duration::from_secs(2));
        let during = asked(&mixed)?;
        both.push((during, flood.wait()?));
    }
    let (during, flood) = middle(both, |(during, _)| during.quantile(0.99));
    row("overview and lists during a flood of logins", &during);
    row("the flood of logins", &flood);
    let p99 = during.quantile(0.99);
    goal(
        &format!("during a flood of logins: p99 under {P99_LIMIT} ms"),
        format!("{p99:.1} ms, {:.1} logins/s beside it", flood.rate()),
        p99 < P99_LIMIT,
    );
    std::thread::sleep(REST);
    let after = server.memory()?;
    goal("memory after all that", format!("{after:.0} MiB"), true);
    server.end()
}

/// The run in the middle by this figure.
fn middle<R>(mut runs: Vec<R>, figure: impl Fn(&R) -> f64) -> R {
    runs.sort_by(|one, other| figure(one).total_cmp(&figure(other)));
    runs.swap_remove(runs.len() / 2)
}

/// Waits until the disk has what was written, so that nothing measured waits for that.
fn written() -> Result<()> {
    call("sync", &[], &[])
}

/// A server that has just become ready, and the seconds that it took.
fn ready(state: &std::path::Path, database: &Database) -> Result<(Instance, f64)> {
    let started = Instant::now();
    let server = Instance::start(state, database)?;
    server.until_ready()?;
    Ok((server, started.elapsed().as_secs_f64()))
}

/// Hashes a second with these parameters, of as many threads as the server hashes with.
fn bare_hashes(parameters: &str) -> Result<f64> {
    let mut numbers = parameters.split(',').filter_map(|part| part.split_once('=')?.1.parse::<u32>().ok());
    let mut next = || numbers.next().with_context(|| format!("`{parameters}` are no parameters of Argon2"));
    let (memory, rounds, lanes) = (next()?, next()?, next()?);
    let parameters =
        argon2::Params::new(memory, rounds, lanes, Some(32)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let threads = (std::thread::available_parallelism()?.get() / 2).max(1);
    let time = Duration::from_secs(u64::from(SECONDS / 2));
    let started = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let work = || {
            let hasher =
                argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters.clone());
            // Its memory is kept, as the server keeps it: fresh pages cost a third of the time.
            let mut blocks = vec![argon2::Block::default(); parameters.block_count()];
            let (mut hash, mut done) = ([0; 32], 0);
            while started.elapsed() < time {
                let (password, salt) = (b"seventeen violet turbines", b"0123456789abcdef");
                if hasher.hash_password_into_with_memory(password, salt, &mut hash, &mut blocks).is_ok() {
                    done += 1;
                }
            }
            done
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok(f64::from(u32::try_from(done)?) / started.elapsed().as_secs_f64())
}

/// The standard output of a command line.
fn told(program: &str, args: &[&str]) -> Result<String> {
    Ok(output(program, args)?.trim().to_owned())
}
