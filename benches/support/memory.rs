//! What a process holds in memory, as far as the system tells.

use std::fs;

/// All of it that is in memory.
pub(crate) const RESIDENT: &str = "VmRSS:";
/// What of that is its own, without pages of its program's file, which the system maps by the
/// dozen around each that is used, and can drop.
#[allow(dead_code, reason = "not everybody tells them apart")]
pub(crate) const OWN: &str = "RssAnon:";

/// MiB of process `pid`.
pub(crate) fn mebibytes(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
