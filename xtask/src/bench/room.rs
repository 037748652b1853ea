//! A network namespace of its own for one server, so that a section that asks every server of the host asks this one.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::run::run;

/// How long making the namespace may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A network namespace, held open by a process that sleeps in it.
pub(crate) struct Room {
    holder: Child,
}

impl Room {
    /// Makes one with nothing but a loopback address.
    pub(crate) fn open() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "sleep", "infinity"]).stdin(Stdio::null());
        let room = Self { holder: command.spawn().context("cannot run unshare")? };
        let started = Instant::now();
        let own = std::fs::read_link("/proc/self/ns/net")?;
        while std::fs::read_link(room.namespace()).is_ok_and(|other| other == own) {
            if started.elapsed() > PATIENCE {
                bail!("no network namespace could be made");
            }
            thread::sleep(Duration::from_millis(5));
        }
        room.inside(|| run("ip", &["link", "set", "lo", "up"], &[]))??;
        Ok(room)
    }

    /// What a command begins with to run inside.
    pub(crate) fn prefix(&self) -> String {
        format!("nsenter --net={} ", self.namespace())
    }

    /// Calls a function whose programs and connections are inside.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = File::open(self.namespace())?;
        // A thread belongs to a namespace by itself, and this one ends here.
        let acting = move || -> Result<T> {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(act())
        };
        thread::scope(|scope| scope.spawn(acting).join().unwrap_or_else(|_| bail!("what ran in it panicked")))
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}
