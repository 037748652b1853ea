//! `palisade up` and `palisade serve`: the Management System, with this machine's audit in it from the start.

pub(crate) mod auditor;

mod account;

use std::io::IsTerminal as _;
use std::path::absolute;
use std::time::Duration;

use anyhow::{Context, Result};
use server::config::{self, Effective, Overrides};
use server::{Claim, Reports, Server, Started};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use account::Account;
use auditor::{Asked, Auditor};

use crate::args::{ConfigFile, Serve, Up};
use crate::output::{Ending, say, talk, tell_problems, tell_warnings};

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
    let auditor = with_audits.then(Auditor::start).transpose()?;
    let (account, claim) = if rustix::process::geteuid().is_root() {
        let state_dir = &config.server.state_dir;
        let ground = server::ground(state_dir)?;
        let account = Account::choose(state_dir, &ground)?;
        let claim = Claim::take_for(&config, &ground, account.owner)?;
        (Some(account), claim)
    } else {
        (None, Claim::take(&config))
    };
    // Before the runtime: its threads begin with the rights of this one.
    account.as_ref().map_or(Ok(()), Account::take_on)?;
    let runtime = Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let served = runtime.block_on(serve_until_told(config, effective, claim, auditor, account.as_ref()));
    served.map_err(|error| match account {
        Some(account) if is_denied(&error) => {
            error.context(format!(
                "the server runs as {account}, who must be able to do this (`chgrp` and `chmod 640` let it read a file of root's)"
            ))
        }
        _ => error,
    })?;
    Ok(Ending::Clean)
}

/// Whether somebody may not do something.
fn is_denied(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    kinds.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::PermissionDenied)
}

async fn serve_until_told(
    config: config::Config,
    effective: Effective,
    claim: Claim,
    auditor: Option<Auditor>,
    account: Option<&Account>,
) -> Result<()> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let shutdown = CancellationToken::new();
    let mut signals = Signals::new()?;
    let server = Server::open(&config, claim, effective, Some(&host), env!("CARGO_PKG_VERSION")).await?;
    say(&welcome(server.started(), here(&config), account, auditor.is_some()))?;
    let audits = match auditor {
        Some(auditor) => {
            let (auditor, interval) = (auditor.open()?, config.audit.interval.get());
            Some(tokio::spawn(audit_often(auditor, server.reports(), interval, shutdown.clone())))
        }
        None => None,
    };
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
async fn audit_often(mut auditor: Asked, reports: Reports, interval: Duration, shutdown: CancellationToken) {
    loop {
        reports.begins();
        let audited = tokio::select! {
            () = shutdown.cancelled() => return,
            audited = auditor.audit() => audited,
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

/// The port under which browsers of this machine reach it whatever they know of its name.
fn here(config: &config::Config) -> Option<u16> {
    let listen = config.server.listen;
    (config.server.public_url.is_none() && listen.ip().is_unspecified() && listen.port() != 0)
        .then(|| listen.port())
}

/// What to do next, for the person who started it.
fn welcome(started: &Started, here: Option<u16>, account: Option<&Account>, with_audits: bool) -> String {
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
    if let Some(account) = account {
        text.push_str(&account.told(with_audits));
    }
    text.push_str("Ctrl-C ends the server.\n");
    text
}
