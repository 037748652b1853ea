//! `palisade up` and `palisade serve`: the Management System, with this machine's audit in it from the start.

use std::io::IsTerminal as _;
use std::path::absolute;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use model::Report;
use server::config::{self, Effective, Overrides};
use server::{Reports, Server, Started};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{ConfigFile, Serve, Up};
use crate::output::{Ending, say, talk, tell_problems, tell_warnings};

/// How long the audit of this machine may take; it takes a second.
const AUDIT_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The most bytes of its report; one of ten thousand findings has about twenty million.
const REPORT_LIMIT: u64 = 64 << 20;

/// The Management System for this machine, ready to be looked at.
pub(crate) fn up(args: &Up) -> Result<Ending> {
    let overrides = Overrides {
        listen: args.listen.clone(),
        state_dir: args.state_dir.as_deref().map(absolute).transpose().context("cannot tell where that is")?,
        // At a terminal, a line for each request would push the set-up code out of sight.
        usual_log_level: std::io::stderr().is_terminal().then_some("warn"),
        is_up: true,
        ..Overrides::default()
    };
    run(&args.config, overrides, true)
}

/// The Management System alone.
pub(crate) fn serve(args: &Serve) -> Result<Ending> {
    run(&args.config, Overrides::default(), false)
}

fn run(file: &ConfigFile, overrides: Overrides, with_audits: bool) -> Result<Ending> {
    let (config, effective) = match crate::config::load_with(file, overrides) {
        Ok(loaded) => loaded,
        Err(problems) => {
            tell_problems(&problems);
            return Ok(Ending::Incomplete);
        }
    };
    tell_warnings(&effective.dangers());
    server::set_up_log(&config)?;
    let runtime = Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve_until_told(config, effective, with_audits))?;
    Ok(Ending::Clean)
}

async fn serve_until_told(config: config::Config, effective: Effective, with_audits: bool) -> Result<()> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let shutdown = CancellationToken::new();
    let mut signals = Signals::new()?;
    let server = Server::open(&config, effective, Some(&host), env!("CARGO_PKG_VERSION")).await?;
    say(&welcome(server.started(), here(&config), with_audits))?;
    let audits = with_audits
        .then(|| tokio::spawn(audit_often(server.reports(), config.audit.interval.get(), shutdown.clone())));
    let told = {
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            signals.wait().await;
            talk("ending: what is under way may finish");
            shutdown.cancel();
            signals.wait().await;
            // Asked twice.
            std::process::exit(130);
        })
    };
    let result = server.run(shutdown.clone()).await;
    shutdown.cancel();
    told.abort();
    if let Some(audits) = audits {
        audits.await.context("the audits ended unexpectedly")?;
    }
    Ok(result?)
}

/// The signals that end the server.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let take = |kind| signal(kind).context("cannot take signals");
        Ok(Self { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Audits this machine now, again after each interval and whenever somebody wants it, and keeps what was found.
async fn audit_often(reports: Reports, interval: Duration, shutdown: CancellationToken) {
    loop {
        reports.begins();
        let audited = tokio::select! {
            () = shutdown.cancelled() => return,
            audited = audit_this_host() => audited,
        };
        let broke_off = match audited {
            Ok(report) => {
                reports.keep(&report).await.err().map(|error| format!("its report could not be kept: {error}"))
            }
            Err(error) => Some(format!("this machine could not be audited: {error:#}")),
        };
        if let Some(why) = broke_off {
            talk(&format!("warning: an audit broke off: {why}"));
            reports.failed(&why);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = reports.wanted() => {}
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// The audit of this machine as a process of its own: what it takes of memory is given back, and what goes wrong in it
/// ends it alone. It ends with the server.
async fn audit_this_host() -> Result<Report> {
    // The very program that runs, also when another has taken its place on the disk.
    let mut command = tokio::process::Command::new("/proc/self/exe");
    command
        .arg0("palisade")
        .args(["audit", "--format", "json", "--fail-on", "never"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut audit = command.spawn().context("cannot start the audit")?;
    let told = audit.stdout.take().context("the audit has no output")?;
    let work = async {
        let mut text = Vec::new();
        told.take(REPORT_LIMIT).read_to_end(&mut text).await.context("cannot read what the audit says")?;
        let status = audit.wait().await.context("cannot tell how the audit ended")?;
        anyhow::Ok((text, status))
    };
    let within = tokio::time::timeout(AUDIT_LIMIT, work).await;
    let (text, status) =
        within.with_context(|| format!("it took longer than {} minutes", AUDIT_LIMIT.as_secs() / 60))??;
    let read = tokio::task::spawn_blocking(move || serde_json::from_slice(&text)).await?;
    read.with_context(|| {
        format!("the audit ended with {status} and without a report; what it said stands above")
    })
}

/// The port under which browsers of this machine reach it whatever they know of its name.
fn here(config: &config::Config) -> Option<u16> {
    let listen = config.server.listen;
    (config.server.public_url.is_none() && listen.ip().is_unspecified() && listen.port() != 0)
        .then(|| listen.port())
}

/// What to do next, for the person who started it.
fn welcome(started: &Started, here: Option<u16>, with_audits: bool) -> String {
    use secrecy::ExposeSecret as _;
    let mut text = format!("Palisade is ready at {}\n", started.address);
    if let Some(port) = here {
        text.push_str(&format!("(from a browser of this machine also at https://localhost:{port})\n"));
    }
    text.push('\n');
    if let Some(authority) = &started.authority {
        text.push_str(&format!(
            "Its certificate is of its own authority. Have your browser trust {},\nor compare the authority's SHA-256 \
             when it asks:\n  {}\n\n",
            authority.display(),
            started.fingerprint
        ));
    }
    match &started.set_up {
        Some(set_up) => {
            text.push_str(&format!(
                "Open the address and enter this set-up code; it makes the first administrator, once:\n\n  {}\n\n\
                 It stands in {} too, and opens until {}.\n",
                set_up.code.expose_secret(),
                set_up.file.display(),
                set_up.until.strftime("%Y-%m-%d %H:%M UTC"),
            ));
        }
        None => text.push_str("Open the address and log in.\n"),
    }
    if with_audits {
        text.push_str("This machine is being audited now; its report is there when you log in.\n");
    }
    text.push_str("Ctrl-C ends the server.\n");
    text
}
