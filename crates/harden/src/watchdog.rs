//! Reverts what nobody confirmed: a process of its own that outlives the shell, the connection and, by a boot job, the
//! machine's power.

use std::path::Path;
use std::time::{Duration, Instant};

use host::Door;
use model::Timestamp;

use crate::disk::{Content, Disk, DiskError, Perms, State};
use crate::execute::{ApplyError, Executor, Moment};
use crate::journal::{Journal, JournalError, Status, Who};

/// The unit that takes back, at boot, what was not confirmed.
const UNIT: &str = "/etc/systemd/system/palisade-recover.service";
const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/palisade-recover.service";
/// Says that the folder of the link was made for it.
const MADE: &str = "/var/lib/palisade-harden/made-wants";
/// The same for cron, on hosts without systemd.
const CRON: &str = "/etc/cron.d/palisade-recover";

/// How often the watchdog looks.
const BEAT: Duration = Duration::from_millis(200);

/// How often it tries again to take back what cannot be taken back, each time after twice as long: 27 minutes in all.
const TRIES: u32 = 12;

/// The boot job of change sets that wait to be confirmed.
#[derive(Debug)]
pub struct Watchdog<'a> {
    /// The tree it is written to.
    disk: &'a Disk,
}

impl<'a> Watchdog<'a> {
    /// The boot job in this tree.
    pub fn new(disk: &'a Disk) -> Self {
        Self { disk }
    }

    /// Writes the boot job that runs `program harden recover`. False when the host has nothing that runs jobs at boot.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn arm(&self, program: &str) -> Result<bool, DiskError> {
        let quoted = program.replace('%', "%%");
        if matches!(self.disk.state("/etc/systemd/system", false)?, State::Directory { .. }) {
            let unit = format!(
                "# Written by Palisade; gone once the change set is confirmed or undone.\n\
                 [Unit]\nDescription=Take back hardening that nobody confirmed\nDefaultDependencies=no\n\
                 RequiresMountsFor=/var/lib/palisade /etc\nAfter=local-fs.target\n\
                 Before=network-pre.target ssh.service sshd.service nftables.service docker.service sysinit.target\n\n\
                 [Service]\nType=oneshot\nExecStart=\"{quoted}\" harden recover --early\n"
            );
            self.disk.put(UNIT, &own(&unit), "watchdog")?;
            let wants = WANTED.rsplit_once('/').map_or("", |(wants, _)| wants);
            if self.disk.state(wants, false)? == State::Absent {
                self.disk.put(MADE, &own(""), "watchdog")?;
                self.disk.put(wants, &State::Directory { perms: Perms::root(0o755) }, "watchdog")?;
            }
            self.disk.put(WANTED, &State::Link { target: UNIT.to_owned() }, "watchdog")?;
            return Ok(true);
        }
        if matches!(self.disk.state("/etc/cron.d", false)?, State::Directory { .. }) {
            self.disk.put(CRON, &own(&format!("@reboot root '{program}' harden recover\n")), "watchdog")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes the boot job away, and the folder made for it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn disarm(&self) -> Result<(), DiskError> {
        for path in [WANTED, UNIT, CRON] {
            self.disk.sweep(path, "watchdog");
            self.disk.put(path, &State::Absent, "watchdog")?;
        }
        if self.disk.state(MADE, false)? != State::Absent {
            let wants = WANTED.rsplit_once('/').map_or("", |(wants, _)| wants);
            self.disk.put(wants, &State::Absent, "watchdog")?;
            self.disk.put(MADE, &State::Absent, "watchdog")?;
        }
        Ok(())
    }
}

fn own(text: &str) -> State {
    State::File {
        content: Some(Content(text.as_bytes().to_vec())),
        perms: Perms::root(0o644),
        xattrs: std::collections::BTreeMap::new(),
        modified: None,
    }
}

/// Watches over a change set until it is confirmed or undone: takes it back when `window` has passed since it was
/// applied, and at once when the run that applies it ends without finishing. Returns whether it was taken back.
///
/// # Errors
/// When not everything could be put back, after many tries: the boot job and every other run go on trying.
pub fn watch(
    door: &Door,
    root: &Path,
    id: &str,
    window: Duration,
    now: &dyn Fn() -> Timestamp,
) -> Result<bool, ApplyError> {
    // Only tells others that somebody watches.
    let _held = Journal::watch(root, id);
    let mut deadline: Option<Instant> = None;
    let mut tries = 0;
    loop {
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let pause = match look(door, root, id, over, now) {
            Ok(Seen::Settled) => return Ok(false),
            Ok(Seen::TakenBack) => return Ok(true),
            Ok(Seen::Works) => BEAT,
            Ok(Seen::Waits) => {
                deadline.get_or_insert_with(|| Instant::now() + window);
                BEAT
            }
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                BEAT * 2_u32.pow(tries)
            }
        };
        std::thread::sleep(pause);
    }
}

/// How a change set stands.
enum Seen {
    /// Kept or undone.
    Settled,
    /// Taken back just now.
    TakenBack,
    /// Somebody works on it.
    Works,
    /// It waits to be confirmed.
    Waits,
}

fn look(
    door: &Door,
    root: &Path,
    id: &str,
    over: bool,
    now: &dyn Fn() -> Timestamp,
) -> Result<Seen, ApplyError> {
    let status = Journal::list(root)?.into_iter().find(|(name, _)| name == id).map(|(_, status)| status);
    match status {
        None | Some(Status::Kept | Status::Undone { .. } | Status::Unclear { .. }) => return Ok(Seen::Settled),
        Some(Status::Awaiting { .. }) if !over => return Ok(Seen::Waits),
        // Whoever works on it holds the lock.
        Some(Status::Applying | Status::Undoing { .. } | Status::Awaiting { .. }) => {}
    }
    let mut quiet = |_: &Moment| {};
    let who = Who { name: "watchdog".to_owned(), from: None };
    let mut executor = match Executor::new(door, root, who, &mut quiet) {
        Err(JournalError::Busy(_)) => return Ok(Seen::Works),
        other => other?,
    };
    if over && executor.revert(id, "nobody confirmed it in time", now())? {
        executor.stand_down()?;
        return Ok(Seen::TakenBack);
    }
    let recovered = executor.recover(now())?;
    Ok(if recovered.iter().any(|recovered| recovered == id) { Seen::TakenBack } else { Seen::Works })
}
