//! Audits of this machine in processes of their own. The server asks for one over a pipe and may itself have given up root; who answers
//! keeps it, has no network, and does nothing but audits.
//!
//! A question is one byte. An answer is one byte that says what follows ([`REPORT`] or [`WHY_NOT`]), its length as four bytes, the
//! highest first, and that many bytes. The auditor ends when nobody can ask any more.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use model::Report;
use rustix::process::setsid;
use rustix::thread::set_name;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::runtime::Builder;

use crate::output::Ending;

/// How long the audit of this machine may take; it takes a second.
const AUDIT_LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long the process that audits may take to answer: the audit, and some.
const ANSWER_LIMIT: Duration = Duration::from_secs(16 * 60);

/// The least time from one audit to the next, whoever asks.
const PAUSE: Duration = Duration::from_secs(5);

/// What an audit says beside its report, as far as it is told.
const SAID_LIMIT: u64 = 16 << 10;

/// The most bytes of its report; one of ten thousand findings has about twenty million.
const REPORT_LIMIT: u32 = 64 << 20;

/// A report follows, as JSON.
const REPORT: u8 = b'r';
/// Why there is none follows, as text.
const WHY_NOT: u8 = b'e';

/// The process that audits, once it was started.
pub(super) struct Auditor {
    questions: OwnedFd,
    answers: OwnedFd,
}

impl Auditor {
    /// Starts it with the rights that this process has now.
    #[expect(clippy::disallowed_methods, reason = "the program itself")]
    pub(super) fn start() -> Result<Self> {
        // The very program that runs, also when another has taken its place on the disk.
        let mut command = std::process::Command::new("/proc/self/exe");
        command.arg0("palisade").arg("auditor").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start the process that audits")?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        let (questions, answers) = questions.zip(answers).context("the process that audits has no pipes")?;
        Ok(Self { questions: questions.into(), answers: answers.into() })
    }

    /// Ready to be asked. Within the runtime.
    pub(super) fn open(self) -> Result<Asked> {
        let opened = Sender::from_owned_fd(self.questions)
            .and_then(|questions| Ok(Asked { questions, answers: Receiver::from_owned_fd(self.answers)? }));
        opened.context("cannot speak to the process that audits")
    }
}

/// The server's end of the pipes.
pub(super) struct Asked {
    questions: Sender,
    answers: Receiver,
}

impl Asked {
    /// An audit of this machine now. One that is given up leaves its answer behind: nothing can be asked after it.
    pub(super) async fn audit(&mut self) -> Result<Report> {
        let answer = async {
            self.questions.write_all(b"a").await?;
            let kind = self.answers.read_u8().await?;
            let length = self.answers.read_u32().await?.min(REPORT_LIMIT);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            self.answers.read_exact(&mut bytes).await?;
            io::Result::Ok((kind, bytes))
        };
        let gone = "the process that audits has ended; start the server again";
        let within = tokio::time::timeout(ANSWER_LIMIT, answer).await;
        let (kind, bytes) =
            within.context("the process that audits does not answer; start the server again")?.context(gone)?;
        if kind != REPORT {
            bail!("{}", String::from_utf8_lossy(&bytes));
        }
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice(&bytes)).await?;
        read.context("the audit said something that is no report")
    }
}

/// Answers until nobody can ask any more.
pub(crate) fn run() -> Result<Ending> {
    // Ctrl-C is for the server, whose end ends this too; nor can a terminal stop what has none. By hand this fails, as it should.
    setsid().context("this is started by `palisade up` alone")?;
    set_name(c"palisade-audit").context("cannot tell what this process is")?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(answer())?;
    Ok(Ending::Clean)
}

async fn answer() -> Result<()> {
    let pipes = io::stdin().as_fd().try_clone_to_owned().and_then(Receiver::from_owned_fd);
    let mut questions = pipes.context("this is started by `palisade up` alone")?;
    let pipes = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd);
    let mut answers = pipes.context("this is started by `palisade up` alone")?;
    while asked(&mut questions).await {
        let begun = tokio::time::Instant::now();
        let audited = tokio::select! {
            audited = audit() => audited,
            // Nobody waits for the answer, and what was begun ends with this.
            () = left(&mut questions) => return Ok(()),
        };
        let (kind, bytes) = match audited {
            Ok(text) => (REPORT, text),
            Err(error) => (WHY_NOT, format!("{error:#}").into_bytes()),
        };
        let length = u32::try_from(bytes.len()).context("too long an answer")?;
        answers.write_u8(kind).await?;
        answers.write_u32(length).await?;
        answers.write_all(&bytes).await?;
        tokio::time::sleep_until(begun + PAUSE).await;
    }
    Ok(())
}

/// Whether somebody asks; false once nobody can.
async fn asked(questions: &mut Receiver) -> bool {
    questions.read_u8().await.is_ok()
}

/// Returns when nobody can ask any more.
async fn left(questions: &mut Receiver) {
    while asked(questions).await {}
}

/// The report of an audit in a process of its own: what it takes of memory is given back, and what goes wrong in it ends it alone.
async fn audit() -> Result<Vec<u8>> {
    let mut command = tokio::process::Command::new("/proc/self/exe");
    command
        .arg0("palisade")
        .args(["audit", "--format", "json", "--fail-on", "never"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A terminal shows the set-up code, and no progress.
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut audit = command.spawn().context("cannot start the audit")?;
    let (report, said) = (audit.stdout.take(), audit.stderr.take());
    let (report, said) = report.zip(said).context("the audit has no output")?;
    let work = async {
        let (text, said) = tokio::try_join!(up_to(u64::from(REPORT_LIMIT), report), up_to(SAID_LIMIT, said))?;
        let status = audit.wait().await.context("cannot tell how the audit ended")?;
        anyhow::Ok((text, said, status))
    };
    let within = tokio::time::timeout(AUDIT_LIMIT, work).await;
    let (text, said, status) =
        within.with_context(|| format!("it took longer than {} minutes", AUDIT_LIMIT.as_secs() / 60))??;
    if text.is_empty() {
        let said = String::from_utf8_lossy(&said);
        bail!("the audit ended with {status} and without a report: {}", said.trim());
    }
    Ok(text)
}

/// What a program writes, as far as this; the rest is read and let go, so that it can end.
async fn up_to(limit: u64, mut from: impl AsyncRead + Unpin) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let cannot = "cannot read what the audit says";
    (&mut from).take(limit).read_to_end(&mut text).await.context(cannot)?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await.context(cannot)?;
    Ok(text)
}
