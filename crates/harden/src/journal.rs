//! What was planned, begun, kept and undone: enough to take back any change set after any crash, and to show an auditor.
//!
//! Below `/var/lib/palisade-harden` of the tree that is changed, readable by root alone: a folder for each change set
//! with its plan (every state before and after) and its status, and `history.jsonl`, in which every line holds the hash
//! of the line before. A lock keeps two runs apart. What has been taken back needs no states any more: then only an
//! outline stays, so that no secret outlives its use here.

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use rustix::fs::FlockOperation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::{Content, Disk, DiskError, Perms, State};
use crate::plan::Plan;

/// Palisade's own folder for changes.
pub(crate) const FOLDER: &str = "/var/lib/palisade-harden";

/// Locked by whoever changes the tree.
const LOCK: &str = "/var/lib/palisade-harden/lock";

/// How many bytes of the history were told elsewhere.
const TOLD: &str = "/var/lib/palisade-harden/told";

/// The most bytes of a plan or history.
const JOURNAL_LIMIT: u64 = 256 << 20;

/// Whoever only looks whether somebody works holds the lock for a moment too.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The most bytes of one line of the history.
const LINE_LIMIT: u64 = 16 << 20;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another run holds the lock.
    #[error("another `palisade harden` is at work ({0}); wait for it, or see `palisade harden status`")]
    Busy(String),
    /// There is no such change set.
    #[error("there is no change set {0}; `palisade harden history` lists them")]
    NoSuchChangeSet(String),
    /// Something in it cannot be read.
    #[error("{path} in the journal is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How far a change set came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    /// Begun; whoever finds it so without its writer takes it back.
    Applying,
    /// Carried out; taken back at `until` unless confirmed.
    Awaiting {
        /// When it reverts.
        until: Timestamp,
    },
    /// Carried out and kept.
    Kept,
    /// Being taken back; whoever finds it so goes on.
    Undoing {
        /// Why.
        reason: String,
    },
    /// Taken back.
    Undone {
        /// Why.
        reason: String,
    },
    /// What the journal says cannot be read; perhaps it is in force. A person decides: undo it or confirm it.
    Unclear {
        /// Why it cannot be read.
        reason: String,
    },
}

impl Status {
    /// Whether somebody has to act before anything else may begin.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Applying | Self::Undoing { .. })
    }

    /// Whether its changes are in force.
    pub fn is_in_force(&self) -> bool {
        matches!(self, Self::Awaiting { .. } | Self::Kept | Self::Unclear { .. })
    }

    /// Whether nothing else may begin before somebody confirmed or undid it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Awaiting { .. } | Self::Unclear { .. })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applying => f.write_str("being applied"),
            Self::Awaiting { until } => write!(f, "applied, reverts at {until} unless confirmed"),
            Self::Kept => f.write_str("applied"),
            Self::Undoing { reason } => write!(f, "being undone: {reason}"),
            Self::Undone { reason } => write!(f, "undone: {reason}"),
            Self::Unclear { reason } => write!(f, "perhaps in force, its status cannot be read: {reason}"),
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// The account that logged in, before `sudo`.
    pub name: String,
    /// Where they came from over SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Who,
    /// `plan`, `apply`, `confirm`, `undo`, `revert`, `recover`, `refuse`.
    pub act: String,
    /// The change set; empty for a plan that was only shown.
    #[serde(default)]
    pub change_set: String,
    /// What became of it, for a person.
    pub result: String,
    /// The fixes concerned.
    #[serde(default)]
    pub fixes: Vec<String>,
    /// Files with the hash of what stood there before and stands there after; empty where there is none.
    #[serde(default)]
    pub files: Vec<FileHashes>,
    /// Running state that was changed, for a person.
    #[serde(default)]
    pub live: Vec<String>,
    /// Hash of the line before; empty in the first.
    #[serde(default)]
    pub previous: String,
}

/// What stood in a place before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileHashes {
    /// The path.
    pub path: String,
    /// SHA-256 of the state before, hex.
    pub before: String,
    /// SHA-256 of the state after, hex.
    pub after: String,
}

/// The journal of one tree, locked for this process.
#[derive(Debug)]
pub struct Journal {
    disk: Disk,
    /// Held until the journal is dropped.
    _lock: std::fs::File,
}

impl Journal {
    /// Opens and locks the journal of the tree below `root`.
    ///
    /// # Errors
    /// `Busy` when another run holds it; `Disk` when it cannot be written.
    pub fn open(root: &Path) -> Result<Self, JournalError> {
        let disk = Disk::below(root)?;
        disk.make_own(FOLDER)?;
        disk.is_own(FOLDER)?;
        let mut lock = disk.append_own(LOCK)?;
        let mut tries = 0;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if tries < LOCK_TRIES => tries += 1,
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(JournalError::Busy(holder_in(&disk))),
                Err(errno) => {
                    let path = LOCK.to_owned();
                    return Err(DiskError::System { act: "lock", path, source: errno.into() }.into());
                }
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        // Only for people, so a full disk is no reason to stop.
        let _unsaid = lock.set_len(0).and_then(|()| write!(lock, "process {}", std::process::id()));
        let journal = Self { disk, _lock: lock };
        journal.forget_never_begun()?;
        for (id, status) in journal.change_sets()? {
            if matches!(status, Status::Undone { .. }) {
                journal.forget_states(&id)?;
            }
        }
        Ok(journal)
    }

    /// Who works on the tree below `root` at this moment, for a person.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn holder(root: &Path) -> Result<Option<String>, JournalError> {
        let disk = Disk::below(root)?;
        Ok(is_locked(&disk, LOCK)?.then(|| holder_in(&disk)))
    }

    /// Marks a change set as watched over for as long as what is returned lives.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn watch(root: &Path, id: &str) -> Result<std::fs::File, JournalError> {
        let path = format!("{FOLDER}/{id}/watch");
        let file = Disk::below(root)?.append_own(&path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|errno| DiskError::System {
            act: "lock",
            path,
            source: errno.into(),
        })?;
        Ok(file)
    }

    /// Whether a process watches over a change set.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_watched(root: &Path, id: &str) -> Result<bool, JournalError> {
        is_locked(&Disk::below(root)?, &format!("{FOLDER}/{id}/watch"))
    }

    /// As [`Journal::is_watched`], with the lock held.
    pub(crate) fn has_watch(&self, id: &str) -> Result<bool, JournalError> {
        is_locked(&self.disk, &format!("{FOLDER}/{id}/watch"))
    }

    /// Removes plans of runs that were ended before they began.
    fn forget_never_begun(&self) -> Result<(), JournalError> {
        for id in ids(&self.disk)? {
            let folder = format!("{FOLDER}/{id}");
            if self.disk.open_own(&format!("{folder}/status.json"))?.is_none() {
                self.disk.remove_own(&folder)?;
            }
        }
        Ok(())
    }

    /// Leaves of the plan of an undone change set only what a person reads in the history.
    fn forget_states(&self, id: &str) -> Result<(), JournalError> {
        let path = format!("{FOLDER}/{id}/plan.json");
        if self.disk.open_own(&path)?.is_none() {
            return Ok(());
        }
        // A damaged plan has no outline.
        if let Ok(mut plan) = read_plan(&self.disk, id) {
            plan.steps.iter_mut().for_each(|step| (step.before, step.after) = (State::Absent, State::Absent));
            plan.live.iter_mut().for_each(|live| (live.apply, live.undo) = (Vec::new(), Vec::new()));
            plan.fixes.iter_mut().for_each(|fix| fix.changes.clear());
            let text = serde_json::to_vec(&plan)
                .map_err(|error| JournalError::Damaged { path: id.to_owned(), reason: error.to_string() })?;
            self.write(&format!("{FOLDER}/{id}/outline.json"), text)?;
        }
        Ok(self.disk.put(&path, &State::Absent, "journal")?)
    }

    /// The tree that is changed.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Change sets with their status, oldest first. Read without the lock, so that one can look while another works.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn list(root: &Path) -> Result<Vec<(String, Status)>, JournalError> {
        list(&Disk::below(root)?)
    }

    /// As [`Journal::list`], with the lock held.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn change_sets(&self) -> Result<Vec<(String, Status)>, JournalError> {
        list(&self.disk)
    }

    /// The lines of the history, oldest first, and whether the chain of hashes holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn history(root: &Path) -> Result<(Vec<Entry>, bool), JournalError> {
        let disk = Disk::below(root)?;
        let path = format!("{FOLDER}/history.jsonl");
        let Some(bytes) = read(&disk, &path)? else { return Ok((Vec::new(), true)) };
        let mut entries = Vec::new();
        let mut previous = String::new();
        let mut whole = true;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
                whole = false;
                continue;
            };
            whole &= entry.previous == previous;
            previous = hash(line);
            entries.push(entry);
        }
        Ok((entries, whole))
    }

    /// The lines of the history that were told nowhere else yet, oldest first and at most `most`, and what to hand to
    /// [`Journal::set_told`] once they are.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn untold(root: &Path, most: usize) -> Result<(Vec<Told>, usize), JournalError> {
        let disk = Disk::below(root)?;
        let history = read(&disk, &format!("{FOLDER}/history.jsonl"))?.unwrap_or_default();
        let mark = disk.read_own(TOLD, 32)?.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
        // A history that is shorter than what was told of it is another one.
        let mut mark = mark.filter(|mark| *mark <= history.len()).unwrap_or(0);
        let mut lines = Vec::new();
        // A line that is not whole is still being written, or was cut off.
        for line in history.get(mark..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n').take(most) {
            let Some(text) = line.strip_suffix(b"\n") else { break };
            mark += line.len();
            if let Ok(entry) = serde_json::from_slice(text) {
                lines.push(Told { entry, hash: hash(text) });
            }
        }
        Ok((lines, mark))
    }

    /// Says that what [`Journal::untold`] gave was told.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn set_told(root: &Path, mark: usize) -> Result<(), JournalError> {
        write(&Disk::below(root)?, TOLD, mark.to_string().into_bytes())
    }

    /// The plan of a change set.
    ///
    /// # Errors
    /// `NoSuchChangeSet`, `Damaged`.
    pub fn plan(&self, id: &str) -> Result<Plan, JournalError> {
        read_plan(&self.disk, id)
    }

    /// As [`Journal::plan`], without the lock.
    ///
    /// # Errors
    /// As [`Journal::plan`].
    pub fn peek(root: &Path, id: &str) -> Result<Plan, JournalError> {
        read_plan(&Disk::below(root)?, id)
    }

    /// Writes a plan down before anything of it is done, and gives the change set's name.
    pub(crate) fn begin(&self, plan: &Plan, now: Timestamp) -> Result<String, JournalError> {
        let text = serde_json::to_vec(plan).map_err(|error| JournalError::Damaged {
            path: "the new plan".to_owned(),
            reason: error.to_string(),
        })?;
        let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        // Counted, because clocks go back and two runs may be in one second.
        let last = ids(&self.disk)?.iter().filter_map(|id| number(id)).max().unwrap_or(0);
        let id = format!("{:04}-{stamp}", last + 1);
        let folder = format!("{FOLDER}/{id}");
        self.disk.make_own(&folder)?;
        self.write(&format!("{folder}/plan.json"), text)?;
        self.set_status(&id, &Status::Applying)?;
        Ok(id)
    }

    /// Says how far a change set came, synced.
    pub(crate) fn set_status(&self, id: &str, status: &Status) -> Result<(), JournalError> {
        let text = serde_json::to_vec(status)
            .map_err(|error| JournalError::Damaged { path: id.to_owned(), reason: error.to_string() })?;
        self.write(&format!("{FOLDER}/{id}/status.json"), text)?;
        match status {
            // What cannot be forgotten now is forgotten by the next run.
            Status::Undone { .. } => self.forget_states(id).or(Ok(())),
            _ => Ok(()),
        }
    }

    /// Adds a line to the history, synced.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, mut entry: Entry) -> Result<(), JournalError> {
        let path = format!("{FOLDER}/history.jsonl");
        let failed = |source| DiskError::System { act: "write", path: path.clone(), source };
        let mut file = self.disk.append_own(&path)?;
        entry.previous = last_line(&mut file).map_err(failed)?.map_or_else(String::new, |line| hash(&line));
        let mut line = serde_json::to_vec(&entry)
            .map_err(|error| JournalError::Damaged { path: path.clone(), reason: error.to_string() })?;
        line.push(b'\n');
        let length = file.metadata().map_err(failed)?.len();
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(|error| {
            // Half a line helps nobody.
            let _left = file.set_len(length);
            failed(error).into()
        })
    }

    fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), JournalError> {
        write(&self.disk, path, bytes)
    }
}

/// A line of the history, to be told elsewhere.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it says.
    pub entry: Entry,
    /// Its SHA-256 in hexadecimal digits, which the line after it holds.
    pub hash: String,
}

fn write(disk: &Disk, path: &str, bytes: Vec<u8>) -> Result<(), JournalError> {
    let state = State::File {
        content: Some(Content(bytes)),
        perms: Perms {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            mode: 0o600,
        },
        xattrs: std::collections::BTreeMap::new(),
        modified: None,
    };
    Ok(disk.put(path, &state, "journal")?)
}

/// The last line that was written whole. A line that a crash cut off is ended, so that the next begins anew.
fn last_line(file: &mut std::fs::File) -> std::io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_LIMIT)))?;
    Read::by_ref(file).take(LINE_LIMIT).read_to_end(&mut text)?;
    if text.last().is_some_and(|last| *last != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(text
        .split(|byte| *byte == b'\n')
        .rfind(|line| serde_json::from_slice::<Entry>(line).is_ok())
        .map(<[u8]>::to_vec))
}

/// Names of change sets, oldest first.
fn ids(disk: &Disk) -> Result<Vec<String>, DiskError> {
    let mut ids: Vec<String> = disk.names(FOLDER)?.into_iter().filter(|name| number(name).is_some()).collect();
    ids.sort_by_key(|id| number(id));
    Ok(ids)
}

/// The number with which a change set's name begins.
fn number(id: &str) -> Option<u64> {
    id.split_once('-').and_then(|(number, _)| number.parse().ok())
}

fn list(disk: &Disk) -> Result<Vec<(String, Status)>, JournalError> {
    let mut list = Vec::new();
    for id in ids(disk)? {
        // A folder without a status was never begun.
        let Some(bytes) = disk.read_own(&format!("{FOLDER}/{id}/status.json"), JOURNAL_LIMIT)? else {
            continue;
        };
        let status = serde_json::from_slice(&bytes);
        let status = status.unwrap_or_else(|error| Status::Unclear { reason: error.to_string() });
        list.push((id, status));
    }
    Ok(list)
}

fn is_locked(disk: &Disk, path: &str) -> Result<bool, JournalError> {
    let Some(file) = disk.open_own(path)? else { return Ok(false) };
    Ok(rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

/// What the one that holds the lock wrote into it.
fn holder_in(disk: &Disk) -> String {
    let text = disk.read_own(LOCK, 100).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.is_empty() { "a process".to_owned() } else { text }
}

fn read_plan(disk: &Disk, id: &str) -> Result<Plan, JournalError> {
    let named = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let path = format!("{FOLDER}/{id}/plan.json");
    let mut bytes = if named { read(disk, &path)? } else { None };
    if named && bytes.is_none() {
        bytes = read(disk, &format!("{FOLDER}/{id}/outline.json"))?;
    }
    let bytes = bytes.ok_or_else(|| JournalError::NoSuchChangeSet(id.to_owned()))?;
    serde_json::from_slice(&bytes).map_err(|error| JournalError::Damaged { path, reason: error.to_string() })
}

fn read(disk: &Disk, path: &str) -> Result<Option<Vec<u8>>, JournalError> {
    match disk.read_own(path, JOURNAL_LIMIT) {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.into()),
    }
}

/// SHA-256, hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
