//! What this process uses, read when somebody asks.

use std::fs::{self, File};
use std::io::Read;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Memory and open files of this process.
#[derive(Debug)]
pub(super) struct Figures;

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let figures = [
            ("process_resident_memory", "Memory in use", Some(Unit::Bytes), resident_bytes()),
            ("process_open_files", "Files and connections that are open", None, open_files()),
        ];
        for (name, help, unit, value) in figures {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(
                name,
                help,
                unit.as_ref(),
                prometheus_client::metrics::MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

/// The line `VmRSS:  12345 kB` of proc(5)'s `status`.
#[expect(clippy::disallowed_methods, reason = "this process's own figures, not a target's")]
fn resident_bytes() -> Option<i64> {
    let mut text = String::new();
    File::open("/proc/self/status").ok()?.take(16 * 1024).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024)
}

#[expect(clippy::disallowed_methods, reason = "this process's own figures, not a target's")]
fn open_files() -> Option<i64> {
    // One of them is the folder that is being read.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}
