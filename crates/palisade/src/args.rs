//! The arguments.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use model::Severity;
use report::Format;

use crate::target::{Credentials, Reference, Spec};

pub(crate) mod ledger;
#[cfg(test)]
mod noted;

use ledger::Ledger;

/// Audits a host against published hardening guides, and proves it.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 nothing found; 1 findings at or above --fail-on; 2 could not do it; \
                        3 with --strict when something is unknown.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the Management System for this machine: pages and API over HTTPS, with this machine's audit in it.
    Up(Up),
    /// Start the Management System alone, as a service.
    Serve(Serve),
    /// Audit this host whenever the process that started this asks for it over standard input.
    #[command(hide = true)]
    Auditor,
    /// Read this host, decide every rule, and show what falls short of the guides.
    Audit(Box<Audit>),
    /// Print what is known of this host as JSON.
    Facts(Facts),
    /// Mend what falls short: shows the plan as a diff, and changes nothing without --apply.
    Harden(Box<Harden>),
    /// List what `harden` can mend, how disruptive that is, and the rules it serves.
    Fixes(Fixes),
    /// Write the packages of a container image as a CycloneDX bill of materials.
    Sbom(Sbom),
    /// Explain a rule, a requirement, a guide, a section of facts, or a word.
    Explain(Explain),
    /// Show what decides each requirement of the guides.
    Guides(Guides),
    /// List the rules.
    Rules(Rules),
    /// Work on rules and guides.
    #[command(subcommand)]
    Content(Content),
    /// Work on a site's profile.
    #[command(subcommand)]
    Profile(Profile),
    /// Check and show the configuration of the Management System.
    #[command(subcommand)]
    Config(Config),
    /// Ask the Management System of this machine whether it is ready: exit code 0 when it is, 1 when it is not.
    Ready(ConfigFile),
    /// Verify the signed record of a review, of access or of the ledger, offline: exit code 0 when nothing of it was changed, 1 when it was.
    Verify(Verify),
    /// Verify, list and export the ledger of a Management System.
    #[command(subcommand)]
    Ledger(Box<Ledger>),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}

/// Where rules and guides come from.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ContentArgs {
    /// Use the rules and guides of this folder instead of those in the program.
    #[arg(long, value_name = "DIR")]
    pub(crate) content: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Audit {
    /// What to audit instead of this host. May be given several times; they are read side by side.
    #[arg(value_name = "TARGET", conflicts_with_all = ["facts", "root"], long_help = Spec::help())]
    pub(crate) targets: Vec<Spec>,
    /// A file that lists targets with their labels, profiles and credentials.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["facts", "root"], help_heading = "What is decided")]
    pub(crate) inventory: Option<PathBuf>,
    /// A file that says how to log in to the targets: user, password_file, password_env, identity, ca.
    #[arg(long, value_name = "FILE", help_heading = "What is decided")]
    pub(crate) credentials: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that the targets' certificates must lead to, instead of the system's.
    #[arg(long, value_name = "FILE", help_heading = "What is decided")]
    pub(crate) ca: Option<PathBuf>,
    /// Only what this guide asks for. May be given several times.
    #[arg(long, value_name = "GUIDE", help_heading = "What is decided")]
    pub(crate) guide: Vec<String>,
    /// Only this rule. May be given several times.
    #[arg(long, value_name = "RULE", help_heading = "What is decided")]
    pub(crate) rule: Vec<String>,
    /// Only rules of at least this severity.
    #[arg(long, value_name = "SEVERITY", default_value = "low", help_heading = "What is decided")]
    pub(crate) severity: SeverityArg,
    /// The site's profile: parameters, what is approved, waivers, attestations.
    #[arg(long, value_name = "FILE", help_heading = "What is decided")]
    pub(crate) profile: Option<PathBuf>,
    /// Assess a saved facts document instead of this host; `-` reads standard input.
    #[arg(long, value_name = "FILE", help_heading = "What is decided")]
    pub(crate) facts: Option<PathBuf>,
    /// Compare the packages of images with known vulnerabilities: an export of OSV (zip or JSON) or the JSON of Debian's
    /// security tracker. Nothing is asked of the network.
    #[arg(long, value_name = "FILE", help_heading = "What is decided")]
    pub(crate) vulnerabilities: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// Assess the tree of a host that does not run, such as an image that is being built.
    #[arg(long, value_name = "DIR", conflicts_with = "facts", help_heading = "What is decided")]
    pub(crate) root: Option<PathBuf>,
    /// How the report is written: terminal, json, html, sarif, oscal, junit or csv.
    #[arg(long, value_name = "FORMAT", default_value = "terminal", help_heading = "The report")]
    pub(crate) format: Format,
    /// Write the report to this file instead of standard output; the reports of several targets go to this folder, a
    /// file each.
    #[arg(long, short, value_name = "FILE", help_heading = "The report")]
    pub(crate) output: Option<PathBuf>,
    /// Compare with this earlier JSON report: what is new, what is mended, which change caused it.
    #[arg(long, value_name = "REPORT", help_heading = "The report")]
    pub(crate) baseline: Option<PathBuf>,
    /// Show everything: passes, what does not apply, low severities.
    #[arg(long, short, help_heading = "The report")]
    pub(crate) verbose: bool,
    /// List every file, program and connection that was touched, on standard error.
    #[arg(long, help_heading = "The report")]
    pub(crate) trace: bool,
    /// Exit with 1 when something of at least this severity fails.
    #[arg(long, value_name = "SEVERITY", default_value = "high", help_heading = "The exit code")]
    pub(crate) fail_on: FailOn,
    /// Exit with 3 when something is unknown.
    #[arg(long, help_heading = "The exit code")]
    pub(crate) strict: bool,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Harden {
    #[command(subcommand)]
    pub(crate) action: Option<HardenAction>,
    #[command(flatten)]
    pub(crate) plan: HardenPlan,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HardenPlan {
    /// Mend whatever fails and can be mended.
    #[arg(long, help_heading = "What is mended")]
    pub(crate) all: bool,
    /// Only findings of this rule. May be given several times.
    #[arg(long, value_name = "RULE", help_heading = "What is mended")]
    pub(crate) rule: Vec<String>,
    /// Only what this guide asks for. May be given several times.
    #[arg(long, value_name = "GUIDE", help_heading = "What is mended")]
    pub(crate) guide: Vec<String>,
    /// Only findings of at least this severity.
    #[arg(long, value_name = "SEVERITY", help_heading = "What is mended")]
    pub(crate) severity: Option<SeverityArg>,
    /// Also this fix that is only done on request. May be given several times.
    #[arg(long, value_name = "FIX", help_heading = "What is mended")]
    pub(crate) opt_in: Vec<String>,
    /// Not this fix. May be given several times.
    #[arg(long, value_name = "FIX", help_heading = "What is mended")]
    pub(crate) without: Vec<String>,
    /// The site's profile: parameters, what is approved, waivers.
    #[arg(long, value_name = "FILE", help_heading = "What is mended")]
    pub(crate) profile: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// The tree of a host that does not run, such as an image that is being built, instead of this host.
    #[arg(long, value_name = "DIR", help_heading = "What is mended")]
    pub(crate) root: Option<PathBuf>,
    /// How the plan is written.
    #[arg(long, default_value = "terminal", help_heading = "The plan")]
    pub(crate) format: ListFormat,
    /// Write the plan as something else: `playbook` is an Ansible playbook that does the same.
    #[arg(long, value_name = "KIND", help_heading = "The plan")]
    pub(crate) output: Option<PlanOutput>,
    /// Carry the plan out, after asking.
    #[arg(long, help_heading = "Doing it")]
    pub(crate) apply: bool,
    /// Do not ask.
    #[arg(long, short, requires = "apply", help_heading = "Doing it")]
    pub(crate) yes: bool,
    /// Minutes after which a change that can cut the operator off reverts, unless `palisade harden confirm` is run.
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, help_heading = "Doing it")]
    pub(crate) window: f64,
}

/// What else a plan can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    /// An Ansible playbook.
    Playbook,
}

/// Which tree's journal.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct RootArg {
    /// The tree of a host that does not run, instead of this host.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HardenAction {
    /// Show what is in force, what waits to be confirmed, and what was left unfinished.
    Status {
        #[command(flatten)]
        root: RootArg,
    },
    /// Keep the change that would revert by itself.
    Confirm {
        #[command(flatten)]
        root: RootArg,
    },
    /// Take a change set back: the newest when none is named.
    Undo {
        /// The change set, as `history` names it.
        change_set: Option<String>,
        #[command(flatten)]
        root: RootArg,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// What becomes of files that somebody else changed since: `keep` leaves them, `merge` takes only our lines
        /// out, `discard` loses their change. Without it nothing is undone and all three sides are shown.
        #[arg(long, value_name = "WHAT")]
        foreign: Option<ForeignArg>,
        /// When something cannot be put back, such as a service that does not start any more, leave it as it is and
        /// count the change set as undone.
        #[arg(long)]
        leave: bool,
    },
    /// List the change sets.
    History {
        #[command(flatten)]
        root: RootArg,
        /// How the list is written.
        #[arg(long, default_value = "terminal")]
        format: ListFormat,
    },
    /// Print for an auditor who changed what, when, with hashes before and after.
    Report {
        #[command(flatten)]
        root: RootArg,
        /// How the report is written.
        #[arg(long, default_value = "terminal")]
        format: ListFormat,
    },
    /// Take back what was cut off or not confirmed. Run at boot while something waits to be confirmed.
    Recover {
        #[command(flatten)]
        root: RootArg,
        /// Services have not started yet.
        #[arg(long, hide = true)]
        early: bool,
    },
    /// Wait for the confirmation of a change set, and take it back when none comes.
    #[command(hide = true)]
    Watch {
        change_set: String,
        /// Milliseconds.
        #[arg(long)]
        window: u64,
    },
}

/// What becomes of what somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForeignArg {
    Keep,
    Merge,
    Discard,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Fixes {
    /// How the list is written.
    #[arg(long, default_value = "terminal")]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
}

/// One target other than this host.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct TargetArgs {
    /// What to read instead of this host, written as for `audit`.
    #[arg(long = "target", value_name = "TARGET")]
    pub(crate) spec: Option<Spec>,
    /// A file that says how to log in there: user, password_file, password_env, identity, ca.
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

impl TargetArgs {
    /// The credentials that the file names.
    pub(crate) fn credentials(&self) -> anyhow::Result<Credentials> {
        credentials(self.credentials.as_deref(), None)
    }
}

/// The credentials that a file names, with these authorities if there are any; none without both.
pub(crate) fn credentials(file: Option<&Path>, ca: Option<&Path>) -> anyhow::Result<Credentials> {
    let named = match file {
        Some(file) => Reference::read(file)?.resolve(file.parent().unwrap_or(Path::new("")))?,
        None => Credentials::default(),
    };
    Ok(Credentials { ca: ca.map(Path::to_owned).or(named.ca), ..named })
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Facts {
    /// Sections to read; all when none is given. `template windows` prints a document to fill in on a Windows host.
    pub(crate) section: Vec<String>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print the JSON schema of the facts instead.
    #[arg(long)]
    pub(crate) schema: bool,
    /// List every file, program and connection that was touched, on standard error.
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sbom {
    /// The image: `docker-archive:FILE`, `oci:DIR` or `image:NAME`.
    #[arg(value_name = "TARGET")]
    pub(crate) target: Spec,
    /// Also list the vulnerabilities of the packages by this file, as for `audit`.
    #[arg(long, value_name = "FILE")]
    pub(crate) vulnerabilities: Option<PathBuf>,
    /// Write it to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// A rule's, requirement's or guide's id, a section of facts, or a word.
    pub(crate) word: String,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Guides {
    /// Show every requirement of this guide.
    pub(crate) guide: Option<String>,
    /// How the list is written.
    #[arg(long, default_value = "terminal")]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rules {
    /// How the list is written.
    #[arg(long, default_value = "terminal")]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Content {
    /// Check a folder of rules and guides: names, types, examples, and that every rule can fail.
    Check {
        /// The folder with rules/, guides/ and declarations/.
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Write a commented profile from what this host has now, for a person to confirm.
    Init {
        /// Write it to this file, which must not exist yet, instead of standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Begin from a saved facts document instead of this host.
        #[arg(long, value_name = "FILE")]
        facts: Option<PathBuf>,
        #[command(flatten)]
        content: ContentArgs,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Up {
    /// Where the database and the keys are kept; /var/lib/palisade for root, ~/.local/state/palisade for others.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The address and port of the pages and the API; 0.0.0.0:8443 when nothing says otherwise.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// The record, as the Management System gives it.
    #[arg(value_name = "FILE")]
    pub(crate) record: PathBuf,
    /// The Management System's public key (PEM), got on another way than the record.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

/// The configuration of the Management System.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ConfigFile {
    /// The configuration file; without it the defaults and the environment alone.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say everything that is wrong (exit code 2) or unsafe (1) in the configuration.
    Check {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Show the configuration: what somebody set, and what is unsafe.
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// Show every parameter, with the value that holds in the end, where it came from and what it does.
        #[arg(long)]
        effective: bool,
        /// How the list is written.
        #[arg(long, default_value = "terminal")]
        format: ListFormat,
    },
    /// Write a configuration file with every parameter explained, its default in a comment.
    Example,
    /// Write the reference of every parameter as Markdown.
    Reference,
}

/// A list for a person or for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For a person.
    Terminal,
    /// For a program.
    Json,
}

/// A severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityArg {
    Low,
    Medium,
    High,
    Critical,
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

/// The least severity whose failure counts for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
    /// Findings never change the exit code.
    Never,
}

impl FailOn {
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
            Self::Never => None,
        }
    }
}
