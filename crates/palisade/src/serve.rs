//! `palisade up` and `palisade serve`: the Management System, with this machine's audit in it from the start.

use std::path::absolute;
use std::time::Duration;

use anyhow::{Context, Result};
use model::Report;
use model::profile::Profile;
use policy::{Content, Inputs};
use server::config::{self, Effective, Overrides};
use server::{Reports, Server, Started};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{ConfigFile, ContentArgs, Serve, Up};
use crate::input;
use crate::output::{Ending, say, talk, tell_problems, tell_warnings};
use crate::target;

/// The Management System for this machine, ready to be looked at.
pub(crate) fn up(args: &Up) -> Result<Ending> {
    let overrides = Overrides {
        listen: args.listen.clone(),
        state_dir: args.state_dir.as_deref().map(absolute).transpose().context("cannot tell where that is")?,
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
    say(&welcome(server.started(), with_audits))?;
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

/// Audits this machine now and again after each interval, and keeps what was found.
async fn audit_often(reports: Reports, interval: Duration, shutdown: CancellationToken) {
    loop {
        match tokio::task::spawn_blocking(audit_this_host).await {
            Ok(Ok(report)) => match reports.keep(&report).await {
                Ok(_) => {}
                Err(error) => talk(&format!("warning: this machine's audit could not be kept: {error}")),
            },
            Ok(Err(error)) => talk(&format!("warning: this machine could not be audited: {error:#}")),
            Err(error) => talk(&format!("warning: the audit of this machine ended unexpectedly: {error}")),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

fn audit_this_host() -> Result<Report> {
    let started = std::time::Instant::now();
    let (loaded, document) = input::content_while(&ContentArgs::default(), || target::collect_all(None));
    let (content, _): (Content, _) = loaded?;
    let document = document?;
    let mut report = policy::decide(&Inputs {
        content: &content,
        document: &document,
        profile: &Profile::default(),
        profile_path: "",
        now: target::now(),
        version: env!("CARGO_PKG_VERSION"),
        rules: &[],
        guides: &[],
        severity: model::Severity::Low,
    });
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What to do next, for the person who started it.
fn welcome(started: &Started, with_audits: bool) -> String {
    use secrecy::ExposeSecret as _;
    let mut text = format!("Palisade is ready at {}\n\n", started.address);
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
