//! The one door to a target: its files, its programs, its sockets.
//!
//! Probes read through a [`Door`] and never know what stands behind it: the running machine ([`Local`]), a
//! machine reached over SSH ([`ssh::Ssh`]), the file tree of a machine that does not run ([`Tree`]), a tree made for a test. Every read is bounded, every wait has a
//! limit, programs come from a fixed list and run without a shell, and what was touched can be listed.
//! Nothing here writes a file of a target.

mod door;
mod error;
mod files;
mod local;
mod net;
mod program;
pub mod ssh;
mod trace;
mod tree;
mod walk;

pub use door::{Backend, DirEntry, Door, FileKind, FileTree, FsUsage, Stat};
pub use error::Error;
pub use local::Local;
pub use net::{Address, Stream};
pub use program::{Output, Program, programs};
pub use trace::{Touch, Trace};
pub use tree::{Canned, Tree};
pub use walk::{
    LISTED, Mount, SkipReason, Skipped, Stop, Visitor, WalkEntry, WalkOutcome, WalkPlan, mountinfo, unescaped,
};

/// The most bytes of an ordinary configuration file: larger ones are not configuration.
pub const FILE_LIMIT: usize = 1 << 20;

/// The most addresses of one host name.
pub const ADDRESSES: usize = 16;

/// The most bytes a program may print.
pub const OUTPUT_LIMIT: usize = 256 << 10;
