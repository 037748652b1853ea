//! The tamper-evident log: what an entry says, the tree over all entries, who signed it, and how anybody checks it.
//!
//! An RFC 6962 Merkle tree in the form of C2SP tlog-tiles; checkpoints are signed notes. Pure: no files, no network, no
//! database, no clock. Whoever keeps a log brings its tiles and entries; whoever checks one needs a public key alone.
#![forbid(unsafe_code)]

mod archive;
mod catalogue;
mod checkpoint;
mod edge;
mod entries;
mod event;
mod key;
mod kind;
mod policy;
mod proof;
mod tile;
mod together;
mod verify;
mod witness;

pub use archive::{Archive, ArchiveError, Writer as ArchiveWriter, write as write_archive};
pub use catalogue::catalogue;
pub use checkpoint::{Checkpoint, CheckpointError, Cosignature, Head};
pub use edge::{Edge, EdgeError};
pub use entries::{BundleError, join, split};
pub use event::{Actor, ActorKind, Event, EventError, LONGEST as LONGEST_EVENT, Outcome, Subject};
pub use key::{Algorithm, KeyError, SigningKey, VerifierKey};
pub use kind::{Category, Kind};
pub use policy::{Policy, PolicyError};
pub use proof::{Proof, ProofError, consistency, consistency_needs, inclusion, inclusion_needs};
pub use tile::{Path, TILE, Tile, TileError};
pub use tlog_tiles::{Hash, record_hash};
pub use together::{Checked, check_one, check_together, verify_archive};
pub use verify::{Check, Fault, KEPT_ASIDE, Log, Source, SourceError, Verified, verify, verify_proof};
pub use witness::{Refusal, Request, RequestError, SIZE_TYPE, admit, judge, read_cosignatures, read_size};
