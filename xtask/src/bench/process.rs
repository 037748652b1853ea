//! Measuring whole processes: wall time by our clock, processor time and peak memory by the kernel's account.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What several runs of one command took.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Seconds from start to end.
    pub(crate) wall: Vec<f64>,
    /// Seconds of processor time, children included.
    pub(crate) cpu: Vec<f64>,
    /// MiB of memory of the largest process at its peak.
    pub(crate) peak: Vec<f64>,
    /// Standard output of the last run.
    pub(crate) output: String,
}

/// Runs a command several times. Its exit code is not judged: auditors use it to say what they found.
///
/// # Errors
/// When it cannot be started or is killed.
pub(crate) fn measure(command: &[String], runs: usize, warm_up: usize) -> Result<Runs> {
    let scratch = tempfile::tempdir()?;
    let (account, output) = (scratch.path().join("account"), scratch.path().join("output"));
    let mut result = Runs::default();
    for run in 0..runs + warm_up {
        // GNU time asks the kernel (wait4) what the process and its children used.
        let started = Instant::now();
        let status = Command::new("/usr/bin/time")
            .args(["--quiet", "--format=%U %S %M", "--output"])
            .arg(&account)
            .arg("--")
            .args(command)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(Stdio::null())
            .status()
            .context("cannot run /usr/bin/time (package time)")?;
        let wall = started.elapsed().as_secs_f64();
        if matches!(status.code(), None | Some(126 | 127)) {
            bail!("`{}` ended with {status}", command.join(" "));
        }
        if run >= warm_up {
            let (cpu, peak) = read_account(&account)?;
            result.wall.push(wall);
            result.cpu.push(cpu);
            result.peak.push(peak);
        }
    }
    result.output = String::from_utf8_lossy(&std::fs::read(&output)?).into_owned();
    Ok(result)
}

fn read_account(path: &Path) -> Result<(f64, f64)> {
    let text = std::fs::read_to_string(path)?;
    let numbers: Vec<f64> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("what time says cannot be read: {text}"))?;
    match numbers[..] {
        [user, system, kib] => Ok((user + system, kib / 1024.0)),
        _ => bail!("what time says cannot be read: {text}"),
    }
}

/// The middle value; of an even number the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len().is_multiple_of(2) { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 } else { at(middle) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_command_that_does_not_exist_is_an_error() {
        assert!(measure(&["/no/such/program".to_owned()], 1, 0).is_err());
    }
}
