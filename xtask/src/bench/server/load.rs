//! What h2load asks and what it was told.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use super::instance::{FLOOD, Instance, PASSWORD};

/// Connections that ask for pages.
const CLIENTS: u32 = 20;

/// Logins under way at once: fewer than the gate lets fail, so that all of them are of one user.
const LOGINS: u32 = 4;

/// One command line of h2load.
pub(super) struct Load {
    args: Vec<String>,
    seconds: u32,
    scratch: Result<TempDir>,
    /// What is written into the scratch folder.
    file: (&'static str, String),
}

/// One that runs.
pub(super) struct Running {
    child: Child,
    seconds: u32,
    scratch: TempDir,
}

/// How long each answer took, in ms, sorted.
pub(super) struct Answers {
    times: Vec<f64>,
    seconds: u32,
}

impl Load {
    /// Pages with a session, in turn, at a rate that slow answers do not lower.
    pub(super) fn pages(server: &Instance, cookie: &str, pages: &[&str], rate: u32, seconds: u32) -> Self {
        let list: Vec<String> = pages.iter().map(|page| server.url(page)).collect();
        let args = [
            format!("--clients={CLIENTS}"),
            format!("--rps={}", rate / CLIENTS),
            "--max-concurrent-streams=10".to_owned(),
            format!("--header=cookie: {cookie}"),
            "--input-file=urls".to_owned(),
        ];
        Self { args: args.into(), seconds, scratch: scratch(), file: ("urls", list.join("\n")) }
    }

    /// Logins with the right password, each as soon as the one before is done.
    pub(super) fn logins(server: &Instance, seconds: u32) -> Self {
        let args = [
            format!("--clients={LOGINS}"),
            "--max-concurrent-streams=1".to_owned(),
            "--header=content-type: application/json".to_owned(),
            "--data=login".to_owned(),
            server.url("/api/v1/session"),
        ];
        let login = json!({"username": FLOOD, "password": PASSWORD}).to_string();
        Self { args: args.into(), seconds, scratch: scratch(), file: ("login", login) }
    }

    pub(super) fn start(self) -> Result<Running> {
        let scratch = self.scratch?;
        let (name, text) = self.file;
        File::create(scratch.path().join(name))?.write_all(text.as_bytes())?;
        let child = Command::new("h2load")
            .args([
                format!("--duration={}", self.seconds),
                "--warm-up-time=1".to_owned(),
                "--log-file=log".to_owned(),
            ])
            .args(self.args)
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(File::create(scratch.path().join("out"))?)
            .spawn()
            .context("cannot run h2load (package nghttp2-client)")?;
        Ok(Running { child, seconds: self.seconds, scratch })
    }

    pub(super) fn run(self) -> Result<Answers> {
        self.start()?.wait()
    }
}

impl Running {
    /// The answers; an error when one of them was not what was asked for.
    pub(super) fn wait(mut self) -> Result<Answers> {
        let status = self.child.wait()?;
        let log = fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
        let mut times = Vec::new();
        for line in log.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            match columns[..] {
                // What was under way when the time was over is told as -1.
                [_, "200", time, ..] => times.push(time.parse::<f64>()? / 1000.0),
                [_, "-1", ..] => {}
                _ => bail!("h2load was told `{line}`, not 200"),
            }
        }
        if !status.success() || times.is_empty() {
            let out = fs::read_to_string(self.scratch.path().join("out")).unwrap_or_default();
            bail!("h2load ended with {status} and {} answers: {out}", times.len());
        }
        times.sort_by(f64::total_cmp);
        Ok(Answers { times, seconds: self.seconds })
    }
}

impl Answers {
    /// Of so many answers in a hundred none took longer, ms.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (share * self.times.len() as f64).ceil() as usize;
        self.times.get(place.saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn count(&self) -> usize {
        self.times.len()
    }

    /// Answers of a second.
    pub(super) fn rate(&self) -> f64 {
        self.times.len() as f64 / f64::from(self.seconds)
    }
}

fn scratch() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("palisade-load-").tempdir()?)
}
