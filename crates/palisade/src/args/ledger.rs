//! The arguments of `palisade ledger`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::ListFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Verify a whole ledger: exit code 0 when nothing was changed and nothing is missing, 1 when something was, 2 when that could not be
    /// looked at.
    Verify(Verify),
    /// Verify the proof of one entry, offline: exit code 0 when the entry is in the ledger that was signed, 1 when it is not.
    VerifyProof(VerifyProof),
    /// List entries of a Management System's ledger, newest first.
    List(List),
    /// Keep a Management System's ledger as a file.
    Export(Export),
}

/// Whose signatures are believed.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Trust {
    /// The key of a stream, as its page shows it, or the file in which it is kept; got on another way than the ledger. Given several
    /// times: one for each stream.
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) key: Vec<String>,
    /// A file that says whose keys are believed and how many witnesses must have signed (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// How a Management System is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct Access {
    /// Certificates (PEM) of the authorities that the server's certificate may lead to, besides the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A file with an API token that may `ledger.read` or `ledger.export`; else it is taken from `PALISADE_TOKEN`.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// An exported archive, or https://HOST:PORT of a Management System.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Checkpoints that were kept when the ledger was verified before: it must begin with what it was then.
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// When nothing is wrong, keep the checkpoints in this file for the next time.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_known: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
    /// How the result is written.
    #[arg(long, default_value = "terminal")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyProof {
    /// The proof (`.tlog-proof`).
    #[arg(value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// The entry, byte by byte as the server gives it.
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: PathBuf,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

/// Which entries.
#[derive(Debug, ClapArgs)]
pub(crate) struct Filters {
    /// Of this stream: management-system, nodes or workloads.
    #[arg(long, value_name = "STREAM", help_heading = "Which entries")]
    pub(crate) stream: Option<String>,
    /// Of this user, by name or identifier.
    #[arg(long, value_name = "USER", help_heading = "Which entries")]
    pub(crate) actor: Option<String>,
    /// Done to this user, role, session, ..., by identifier; users also by name.
    #[arg(long, value_name = "ID", help_heading = "Which entries")]
    pub(crate) subject: Option<String>,
    /// From this IP address.
    #[arg(long, value_name = "ADDR", help_heading = "Which entries")]
    pub(crate) address: Option<String>,
    /// Of this kind, such as session.begun.
    #[arg(long, value_name = "EVENT", help_heading = "Which entries")]
    pub(crate) event: Option<String>,
    /// Of this category, such as access-control.
    #[arg(long, value_name = "CATEGORY", help_heading = "Which entries")]
    pub(crate) category: Option<String>,
    /// That ended so: success, refused or failed.
    #[arg(long, value_name = "RESULT", help_heading = "Which entries")]
    pub(crate) result: Option<String>,
    /// Of the request with this identifier.
    #[arg(long, value_name = "ID", help_heading = "Which entries")]
    pub(crate) correlation: Option<String>,
    /// Not before this time: 2026-11-22, 2026-11-22T19:40 (UTC) or RFC 3339.
    #[arg(long, value_name = "TIME", help_heading = "Which entries")]
    pub(crate) since: Option<String>,
    /// Before this time; a day is in as a whole.
    #[arg(long, value_name = "TIME", help_heading = "Which entries")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// The Management System: https://HOST:PORT.
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Entries at most.
    #[arg(long, value_name = "COUNT", default_value = "50")]
    pub(crate) most: NonZeroUsize,
    #[command(flatten)]
    pub(crate) access: Access,
    /// How the list is written.
    #[arg(long, default_value = "terminal")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// The Management System: https://HOST:PORT.
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    /// As what. An archive holds all and proves itself; filters are for the others.
    #[arg(long, default_value = "archive")]
    pub(crate) format: ExportFormat,
    /// The file, which must not exist yet.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) filters: Filters,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A tar archive that `palisade ledger verify` reads.
    Archive,
    /// An entry a line, as JSON.
    Jsonl,
    /// An entry a row, for spreadsheets.
    Csv,
}

impl ExportFormat {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}
