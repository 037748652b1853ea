//! What fixes ask for, as data: shown, compared, combined and tested without a host.

use serde::{Deserialize, Serialize};

/// One thing to change.
///
/// Changes of different fixes may concern one file: they are combined, and the order of the fixes does not matter.
/// Two that want different things of the same place cannot be combined; the plan says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A text file reads differently. A file that is not there is made, with `mode` and owned by root.
    Edit {
        /// Absolute path on the target; a symbolic link is followed.
        file: String,
        /// Permission bits when the file has to be made.
        mode: u32,
        /// What becomes different.
        edit: Edit,
    },
    /// Something that exists gets another owner or other permissions. Links are not followed.
    Access {
        /// Absolute path on the target.
        path: String,
        /// What becomes different.
        access: Access,
    },
    /// A directory is there, owned by root.
    Directory {
        /// Absolute path on the target.
        path: String,
        /// Permission bits when it has to be made.
        mode: u32,
    },
    /// A symbolic link is there.
    Link {
        /// Where it stands.
        path: String,
        /// Where it points, as written.
        target: String,
    },
    /// A file or link is gone.
    Remove {
        /// Where it stands.
        path: String,
    },
    /// The running state is different. Left out for a tree that does not run.
    Live(Live),
}

/// What becomes different in a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// A setting has a value. The first line that sets it is rewritten, others that set it are commented out;
    /// without one a line is added at the end of its section.
    Set {
        /// How the file writes settings.
        syntax: Syntax,
        /// The section it stands in, without brackets; none above the first one.
        section: Option<String>,
        /// The setting's name.
        key: String,
        /// Its value, as the file writes it.
        value: String,
    },
    /// Every line that sets it is commented out.
    Unset {
        /// How the file writes settings.
        syntax: Syntax,
        /// The section it stands in.
        section: Option<String>,
        /// The setting's name.
        key: String,
    },
    /// A member of a JSON document has a value; what stands around it keeps its form.
    Json {
        /// Names from the outermost object inwards.
        path: Vec<String>,
        /// The value as JSON text.
        value: String,
    },
    /// A line stands in a file of Palisade's own, whose lines are kept in the order of rank, then text.
    Line {
        /// Where it comes among the file's lines.
        rank: u16,
        /// The line.
        text: String,
    },
    /// A line stands above everything else in the file.
    First(String),
    /// A line stands below everything else that is in the file now.
    Last(String),
    /// The line that reads so (but for blanks around it) reads otherwise, or goes. It must be there once at least.
    Replace {
        /// The line as it stands.
        old: String,
        /// What it becomes; none: it goes.
        new: Option<String>,
    },
    /// The file consists of this text.
    Whole(String),
}

/// How a configuration file writes settings. Comments begin with `#`; with `;` too in [`Syntax::Ini`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Syntax {
    /// `Key value`; names are compared without regard to case.
    Spaced,
    /// `key = value`; names are compared without regard to case.
    Equals,
    /// `Key=value`, with `[sections]`.
    Ini,
}

/// Owner and permission bits; what is none or zero stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The owner's number.
    pub uid: Option<u32>,
    /// The group's number.
    pub gid: Option<u32>,
    /// Bits that are taken away.
    pub clear: u32,
    /// Bits that are added.
    pub set: u32,
}

/// A change of running state, with the way back. Both ways can be gone twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// What becomes different, for a person: `kernel.kptr_restrict: 0 -> 2`.
    pub what: String,
    /// How it is done, in order.
    pub apply: Vec<Act>,
    /// How it is taken back, in order.
    pub undo: Vec<Act>,
}

/// One thing done to the running system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Runs a program of the fixed list in [`host::programs`].
    Run {
        /// Its name.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// Seconds it may take.
        limit_secs: u64,
    },
    /// Writes a value to a file of the kernel (`/proc/sys`, `/sys`), if it reads `from` now.
    Kernel {
        /// The file.
        path: String,
        /// The value it has before.
        from: String,
        /// The value it gets.
        to: String,
    },
    /// Sends a signal to the process whose number a file holds, if it is the program meant. Nothing when it is gone.
    Signal {
        /// The file with the process's number.
        pid_file: String,
        /// The name of the program as `/proc/PID/comm` gives it.
        comm: String,
        /// `HUP`, `TERM`, `USR1`.
        signal: String,
    },
    /// Waits until the process whose number a file holds runs, and still runs a moment later.
    Alive {
        /// The file with the process's number.
        pid_file: String,
        /// The name of the program.
        comm: String,
        /// Seconds to wait for it.
        limit_secs: u64,
    },
}

impl Change {
    /// A setting of a file with sections or without.
    pub fn set(file: &str, syntax: Syntax, section: Option<&str>, key: &str, value: &str) -> Self {
        Self::Edit {
            file: file.to_owned(),
            mode: 0o644,
            edit: Edit::Set {
                syntax,
                section: section.map(ToOwned::to_owned),
                key: key.to_owned(),
                value: value.to_owned(),
            },
        }
    }

    /// A line of a file of Palisade's own.
    pub fn line(file: &str, text: &str) -> Self {
        let edit = Edit::Line { rank: 100, text: text.to_owned() };
        Self::Edit { file: file.to_owned(), mode: 0o644, edit }
    }

    /// A whole file of Palisade's own.
    pub fn whole(file: &str, mode: u32, text: &str) -> Self {
        Self::Edit { file: file.to_owned(), mode, edit: Edit::Whole(text.to_owned()) }
    }
}

impl Act {
    /// Runs a program for at most half a minute.
    pub fn run(program: &str, args: &[&str]) -> Self {
        Self::Run {
            program: program.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            limit_secs: 30,
        }
    }
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run { program, args, .. } => {
                f.write_str(program)?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            Self::Kernel { path, to, .. } => write!(f, "write {to} to {path}"),
            Self::Signal { comm, signal, .. } => write!(f, "signal {signal} to {comm}"),
            Self::Alive { comm, .. } => write!(f, "see that {comm} runs"),
        }
    }
}
