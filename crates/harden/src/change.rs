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
    /// A line that holds a public key goes from one text to another. Nobody has to know the line's text: it is told
    /// by its number and its key, and nothing is done when another line stands there.
    MoveKey {
        /// The authorized_keys file.
        from: String,
        /// The line's number, from 1.
        line: usize,
        /// `SHA256:...` of the key in it; none when the line holds no key.
        fingerprint: Option<String>,
        /// The file that gets it, made with mode 0600.
        to: String,
        /// What is written before it there.
        mark: String,
    },
    /// `/etc/audit/audit.rules` is what augenrules makes of `/etc/audit/rules.d` with all changes of the plan: it would
    /// write the file itself at the next boot, and nobody could tell what stood there before.
    AuditRules,
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
    /// A line stands at the end of the file, unless it stands somewhere in it already.
    Last(String),
    /// A line stands right behind the one that reads `line` (but for blanks around it).
    After {
        /// The line as it stands. It must be there.
        line: String,
        /// The line that follows it.
        text: String,
    },
    /// A word between blanks of the line that reads `line` is another. Several of one line go together.
    Word {
        /// The line as it stands. It must be there.
        line: String,
        /// The word as it stands; none: one is added at the line's end.
        old: Option<String>,
        /// What it becomes; none: it goes.
        new: Option<String>,
    },
    /// A field is different in the lines that `key` begins, in files such as `/etc/passwd`: fields between colons.
    Field {
        /// The first field.
        key: String,
        /// Which field, from 0.
        index: usize,
        /// What becomes of it.
        field: Field,
    },
    /// The line that reads so (but for blanks around it) reads otherwise, or goes. It must be there once at least.
    Replace {
        /// The line as it stands.
        old: String,
        /// What it becomes; none: it goes.
        new: Option<String>,
    },
    /// The file consists of this text.
    Whole(String),
    /// A member of a YAML document of Palisade's own has a value; names are kept in order.
    Yaml {
        /// Names from the outermost map inwards.
        path: Vec<String>,
        /// The value as YAML writes it in one line, such as JSON.
        value: String,
    },
    /// The file consists of what a variable of a container holds now. Only the plan's file content knows it.
    Variable {
        /// The engine's socket.
        socket: String,
        /// The container.
        container: String,
        /// The variable.
        name: String,
    },
}

/// What becomes of a field between colons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// It reads so.
    Is(String),
    /// It begins with this; what stood there follows.
    Begins(String),
    /// It is a list with commas in which this name does not stand. The line need not be there.
    Without(String),
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
    /// Runs a program of the fixed list; that it fails with one of these words is as good as success.
    Ensure {
        /// Its name.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// What it says when all is so already: `Rule exists`.
        already: Vec<String>,
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
    /// Asks the service behind a Unix socket for something; its answer must be a success.
    Post {
        /// The socket.
        socket: String,
        /// The path of the request.
        path: String,
        /// What is sent, JSON.
        body: String,
        /// What it does, for a person.
        what: String,
    },
    /// Runs a program of the fixed list, which must print this line.
    Prints {
        /// Its name.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// The line.
        line: String,
        /// What it means when it does not.
        otherwise: String,
    },
    /// Waits until a container runs, is not unhealthy and, when its health is checked, is healthy.
    Healthy {
        /// The engine's socket.
        socket: String,
        /// The container's name.
        container: String,
        /// Seconds to wait for it.
        limit_secs: u64,
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

    /// A word of a line of a file that is there; none as `new`: it goes, none as `old`: it comes at the end.
    pub fn word(file: &str, line: &str, old: Option<&str>, new: Option<&str>) -> Self {
        let (old, new) = (old.map(ToOwned::to_owned), new.map(ToOwned::to_owned));
        let edit = Edit::Word { line: line.trim().to_owned(), old, new };
        Self::Edit { file: file.to_owned(), mode: 0o644, edit }
    }

    /// A field of the lines of a file such as `/etc/passwd` that begin with `key`.
    pub fn field(file: &str, key: &str, index: usize, field: Field) -> Self {
        let edit = Edit::Field { key: key.to_owned(), index, field };
        Self::Edit { file: file.to_owned(), mode: 0o600, edit }
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

impl Act {
    /// Runs a program that may say that all is so already.
    pub fn ensure(program: &str, args: &[&str], already: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self::Ensure { program: program.to_owned(), args: owned(args), already: owned(already) }
    }
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run { program, args, .. } | Self::Ensure { program, args, .. } => {
                f.write_str(program)?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            Self::Prints { program, args, .. } => {
                f.write_str(program)?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            Self::Post { what, .. } => f.write_str(what),
            Self::Healthy { container, .. } => write!(f, "see that {container} is healthy"),
            Self::Kernel { path, to, .. } => write!(f, "write {to} to {path}"),
            Self::Signal { comm, signal, .. } => write!(f, "signal {signal} to {comm}"),
            Self::Alive { comm, .. } => write!(f, "see that {comm} runs"),
        }
    }
}
