//! The target this program looks at: this host, through its door.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use host::{Door, Local, Trace, Tree};
use model::report::{Target, TargetKind};
use model::{FactsDocument, Timestamp};
use probe::{Event, PROBES, Request};

use crate::output::talk;

/// Nothing is said about progress before this.
const PATIENCE: Duration = Duration::from_secs(1);

/// The door to this host, or to the tree below `root`.
pub(crate) fn door(root: Option<&Path>) -> Result<Door> {
    Ok(match root {
        None => Door::new(Arc::new(Local::new())),
        Some(root) => {
            let tree = Tree::new(root).with_context(|| format!("cannot enter {}", root.display()))?;
            Door::new(Arc::new(tree))
        }
    })
}

/// Reads the wanted sections of this host, or of the tree below `root`; all when none is named.
pub(crate) fn collect(root: Option<&Path>, sections: &[String], trace: bool) -> Result<FactsDocument> {
    for section in sections {
        if !PROBES.iter().any(|probe| probe.name == section) {
            let names: Vec<&str> = PROBES.iter().map(|probe| probe.name).collect();
            let near = names.iter().min_by_key(|name| strsim::damerau_levenshtein(name, section));
            bail!(
                "there is no section `{section}`; did you mean `{}`? Sections: {}",
                near.unwrap_or(&""),
                names.join(", ")
            );
        }
    }
    let record = Arc::new(Trace::default());
    let mut door = door(root)?;
    if trace {
        door = door.traced(Arc::clone(&record));
    }
    let kind = if root.is_some() { TargetKind::Root } else { TargetKind::Host };
    let target = Target { kind, name: name(&door), id: line(&door, "/etc/machine-id") };
    let mut progress = Progress::new();
    let request = Request { door: &door, target, now: now(), sections, probes: PROBES };
    let document = probe::collect(&request, &mut |event| progress.show(event));
    progress.clear();
    if trace {
        for touch in record.touched() {
            talk(&format!("{:7} {}", touch.act, report::printable(&touch.object)));
        }
    }
    Ok(document)
}

/// The clock: the only place that reads it.
#[expect(clippy::disallowed_methods, reason = "the binary is where time comes from")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn name(door: &Door) -> String {
    let running = if door.is_live() { line(door, "/proc/sys/kernel/hostname") } else { String::new() };
    let name = if running.is_empty() { line(door, "/etc/hostname") } else { running };
    if name.is_empty() { "this-host".to_owned() } else { name }
}

/// The first line of a file; empty when it cannot be read.
fn line(door: &Door, path: &str) -> String {
    door.read_text(path)
        .ok()
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .unwrap_or_default()
}

/// One line on a terminal that says which probes are still running.
struct Progress {
    shown: bool,
    wanted: bool,
}

impl Progress {
    fn new() -> Self {
        Self { shown: false, wanted: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, event: &Event) {
        let Event::Waiting { probes, elapsed } = event;
        if self.wanted && *elapsed >= PATIENCE {
            let text = format!("reading {} ({} s)", probes.join(", "), elapsed.as_secs());
            let text: String = text.chars().take(79).collect();
            self.draw(&text);
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if self.shown {
            self.draw("");
        }
    }

    fn draw(&self, text: &str) {
        use std::io::Write as _;
        let mut err = std::io::stderr().lock();
        let _closed = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
    }
}
