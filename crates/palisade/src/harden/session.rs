//! What comes after applying: confirming, undoing, recovering, and the process that watches.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use harden::{ApplyError, Decision, Executor, Foreign, Journal, JournalError, Moment, Operator, Who};
use host::{Door, programs};
use model::Timestamp;

use super::{interrupt, page, tree};
use crate::args::ForeignArg;
use crate::output::{Ending, say, talk};
use crate::target;

/// Who works: the account that logged in, and where it came from.
pub(super) fn operator(door: &Door) -> Operator {
    let text = |path: &str| door.read_text(path).ok();
    let login = text("/proc/self/loginuid").and_then(|uid| uid.trim().parse::<u32>().ok());
    let by_number = |number: u32| {
        text("/etc/passwd")?.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
        })
    };
    let name = login
        .filter(|uid| *uid != u32::MAX)
        .and_then(by_number)
        .or_else(|| std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty()))
        .or_else(|| by_number(rustix::process::getuid().as_raw()))
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let connection = std::env::var("SSH_CONNECTION").or_else(|_| std::env::var("SSH_CLIENT")).ok();
    let ssh_from = connection.and_then(|text| text.split(' ').next().map(ToOwned::to_owned));
    Operator { name, ssh_from: ssh_from.or_else(|| sshd_above(door).then(|| "an SSH session".to_owned())) }
}

/// Whether one of the processes that started this one is sshd: `sudo` does not hand on where the operator came from.
fn sshd_above(door: &Door) -> bool {
    let mut pid = rustix::process::getpid().as_raw_nonzero().get();
    for _ in 0..64 {
        let Ok(stat) = door.read_text(format!("/proc/{pid}/stat")) else { return false };
        // The name stands in parentheses and may hold anything.
        let Some((head, tail)) = stat.rsplit_once(')') else { return false };
        if head.split_once('(').is_some_and(|(_, name)| name.starts_with("sshd")) {
            return true;
        }
        match tail.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) {
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

/// The same, as the journal writes it.
pub(super) fn who(operator: &Operator) -> Who {
    Who { name: operator.name.clone(), from: operator.ssh_from.clone() }
}

/// Asks a question at the terminal; anything but `y` or `yes` is no.
pub(super) fn agrees(question: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("there is nobody to ask: add --yes");
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Whether the caller may write where it must.
pub(super) fn must_be_root(door: &Door, root: Option<&Path>) -> Result<()> {
    if root.is_none() && !door.is_root() {
        bail!("this changes the host: run it as root (sudo palisade harden ...)");
    }
    Ok(())
}

/// Says so when others than root could change the program that the next boot may run as root.
pub(super) fn warn_of_strangers(door: &Door, program: &Path) {
    let strange = |path: &Path| door.stat(path).is_ok_and(|stat| stat.uid != 0 || stat.mode & 0o022 != 0);
    if program.ancestors().any(strange) {
        talk(&format!(
            "warning: others than root can change {}, which a boot before the confirmation would run as root; \
             install it in /usr/local/sbin",
            program.display()
        ));
    }
}

/// Keeps what waits.
pub(super) fn confirm(root: Option<&Path>) -> Result<Ending> {
    let door = target::door(root)?;
    must_be_root(&door, root)?;
    let who = who(&operator(&door));
    let mut quiet = |_: &Moment| {};
    let mut executor = Executor::new(&door, tree(root), who, &mut quiet)?;
    let kept = executor.confirm(target::now())?;
    say(&format!("Kept: {}. {} still takes it back.", kept.join(", "), page::command("undo", root)))?;
    Ok(Ending::Clean)
}

/// Takes back what earlier runs left in the middle; the change sets concerned.
pub(super) fn recover_first(door: &Door, root: Option<&Path>, operator: &Operator) -> Result<Vec<String>> {
    let mut tell = page::teller();
    let mut executor = Executor::new(door, tree(root), who(operator), &mut tell)?;
    let recovered = executor.recover(target::now())?;
    for id in &recovered {
        talk(&format!("{id} had been cut off: taken back"));
    }
    tell_notes(&executor);
    Ok(recovered)
}

/// Tells what was left on purpose.
fn tell_notes(executor: &Executor<'_>) {
    for note in executor.notes() {
        talk(&report::printable(note));
    }
}

/// Takes back.
pub(super) fn undo(
    change_set: Option<&str>,
    root: Option<&Path>,
    yes: bool,
    foreign: Option<ForeignArg>,
    leave: bool,
) -> Result<Ending> {
    let door = target::door(root)?;
    must_be_root(&door, root)?;
    let operator = operator(&door);
    if leave {
        return give_up(&door, change_set, root, yes, &operator);
    }
    let recovered = recover_first(&door, root, &operator)?;
    if !recovered.is_empty() && change_set.is_none_or(|id| recovered.iter().any(|recovered| recovered == id)) {
        say(&format!("Undone: {}.", recovered.join(", ")))?;
        return Ok(Ending::Clean);
    }
    let named = match change_set {
        Some(id) => id.to_owned(),
        None => {
            let sets = Journal::list(tree(root))?;
            match sets.iter().rev().find(|(_, status)| status.is_in_force()) {
                Some((id, _)) => id.clone(),
                None => bail!("there is nothing to undo; `palisade harden history` lists what was done"),
            }
        }
    };
    let plan = Journal::peek(tree(root), &named).map_err(|error| match error {
        JournalError::Damaged { .. } => {
            anyhow!("{error}; `palisade harden undo {named} --leave` counts it as undone and changes nothing")
        }
        error => error.into(),
    })?;
    page::undoing(&named, &plan);
    // Nobody holds the lock while a person thinks: what waits to be confirmed must be able to revert.
    if !agrees("Take this back?", yes)? {
        bail!("nothing was undone");
    }
    // What has begun to be taken back is taken back, whoever presses Ctrl-C.
    let _unread = interrupt::watch()?;
    let mut tell = page::teller();
    let mut executor = Executor::new(&door, tree(root), who(&operator), &mut tell)?;
    let now = target::now();
    let mut decisions = Vec::new();
    loop {
        match executor.undo(Some(&named), "undo", "asked for", &decisions, now) {
            Ok(id) => {
                say(&match executor.notes() {
                    [] => format!("Undone: {id}. Everything it changed is as it was before."),
                    notes => format!("Undone: {id}, but for this: {}.", report::printable(&notes.join("; "))),
                })?;
                return Ok(Ending::Clean);
            }
            Err(ApplyError::Foreign(files)) if decisions.is_empty() && foreign.is_some() => {
                for file in files {
                    let decision = decide(&file, foreign)?;
                    decisions.push((file.path, decision));
                }
            }
            Err(ApplyError::Foreign(files)) => {
                say(&page::three_ways(&files))?;
                bail!(
                    "somebody else changed {} since; nothing was undone. Choose: --foreign keep leaves what they \
                     wrote, --foreign merge takes only our lines out, --foreign discard loses their change",
                    match files.len() {
                        1 => "a file".to_owned(),
                        count => format!("{count} files"),
                    }
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes back what can be, and leaves the rest.
fn give_up(
    door: &Door,
    change_set: Option<&str>,
    root: Option<&Path>,
    yes: bool,
    operator: &Operator,
) -> Result<Ending> {
    if !agrees("Take back what can be, and leave the rest as it is?", yes)? {
        bail!("nothing was undone");
    }
    let _unread = interrupt::watch()?;
    let mut tell = page::teller();
    let mut executor = Executor::new(door, tree(root), who(operator), &mut tell)?;
    let id = executor.give_up(change_set, target::now())?;
    say(&match executor.notes() {
        [] => format!("Undone: {id}. Everything it changed is as it was before."),
        notes => format!("Counted as undone: {id}. Left: {}.", report::printable(&notes.join("; "))),
    })?;
    Ok(Ending::Clean)
}

fn decide(file: &Foreign, foreign: Option<ForeignArg>) -> Result<Decision> {
    Ok(match foreign {
        Some(ForeignArg::Discard) => Decision::Discard,
        Some(ForeignArg::Merge) => match &file.merged {
            Some(text) => Decision::Merge(text.clone()),
            None => bail!(
                "{}: both changed the same lines, so they cannot be merged; edit it by hand, then use \
                 --foreign keep",
                file.path
            ),
        },
        Some(ForeignArg::Keep) | None => Decision::Keep,
    })
}

/// What a boot does.
pub(super) fn recover(root: Option<&Path>, early: bool) -> Result<Ending> {
    let door = target::door(root)?;
    must_be_root(&door, root)?;
    let who = Who { name: "boot".to_owned(), from: None };
    let mut quiet = |_: &Moment| {};
    let mut executor = Executor::new(&door, tree(root), who, &mut quiet)?;
    let back = executor.recover_at_boot(early, target::now())?;
    tell_notes(&executor);
    executor.stand_down()?;
    say(&match back.as_slice() {
        [] => "Nothing was left unfinished.".to_owned(),
        back => format!("Taken back: {}", back.join(", ")),
    })?;
    Ok(Ending::Clean)
}

/// Waits, in a session of its own, and takes back what nobody confirms.
pub(super) fn watch(change_set: &str, window_ms: u64) -> Result<Ending> {
    // Already the leader of one when the service manager started us.
    let _own = rustix::process::setsid();
    say("ready")?;
    let door = target::door(None)?;
    let window = Duration::from_millis(window_ms);
    harden::watch(&door, Path::new("/"), change_set, window, &|| -> Timestamp { target::now() })?;
    Ok(Ending::Clean)
}

/// Starts the watching process where neither the end of the shell nor that of the connection reaches it.
pub(super) fn start_watch(door: &Door, change_set: &str, window: Duration) -> Result<()> {
    let program = std::env::current_exe().context("cannot tell where this program stands")?;
    let millis = window.as_millis().to_string();
    if door.exists("/run/systemd/system") {
        let unit = format!("--unit=palisade-revert-{change_set}");
        let path = program.display().to_string();
        let args = [
            unit.as_str(),
            "--collect",
            "--quiet",
            "--service-type=exec",
            "--",
            &path,
            "harden",
            "watch",
            change_set,
            "--window",
            &millis,
        ];
        let ran = door.run(&programs::SYSTEMD_RUN, &args, Duration::from_secs(20));
        if ran.and_then(|output| output.success(&programs::SYSTEMD_RUN, &args)).is_ok() {
            return Ok(());
        }
    }
    #[expect(clippy::disallowed_methods, reason = "this program itself, not one of the target's")]
    let mut child = Command::new(&program)
        .args(["harden", "watch", change_set, "--window", &millis])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the process that reverts")?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        std::io::BufReader::new(out).read_line(&mut line)?;
    }
    if line.trim() != "ready" {
        bail!("the process that reverts did not start");
    }
    Ok(())
}
