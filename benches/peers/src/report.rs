//! Tables for people, lines for programs.

use std::{env, fs, path::Path};

use serde_json::json;

use crate::field::Spread;

/// What a figure should come to: the first will do, the second is better.
#[derive(Clone, Copy)]
pub enum Goal {
    None,
    AtMost(f64, f64),
    AtLeast(f64, f64),
}

impl Goal {
    fn limits(self) -> Option<[f64; 2]> {
        match self {
            Self::None => None,
            Self::AtMost(enough, better) | Self::AtLeast(enough, better) => Some([enough, better]),
        }
    }

    fn is_met(self, limit: f64, value: f64) -> bool {
        match self {
            Self::AtLeast(..) => value >= limit,
            _ => value <= limit,
        }
    }

    /// For a cell of a table.
    pub fn verdict(self, value: f64) -> String {
        let Some([enough, better]) = self.limits() else {
            return String::new();
        };
        let word = match [enough, better].map(|limit| self.is_met(limit, value)) {
            [_, true] => "better",
            [true, false] => "enough",
            [false, false] => "**MISSED**",
        };
        format!("{enough} / {better}: {word}")
    }
}

/// The figures of all tables.
#[derive(Default)]
pub struct Report {
    lines: String,
}

impl Report {
    pub fn title(title: &str, columns: &[&str]) {
        println!("\n### {title}\n");
        row(columns.iter().map(ToString::to_string));
        let rules = (0..columns.len()).map(|column| if column == 0 { "---" } else { "---:" });
        row(rules.map(str::to_owned));
    }

    /// Notes a figure for programs.
    pub fn note(&mut self, table: &str, row: &str, value: Spread, unit: &str, goal: Goal) {
        let mut line = json!({
            "table": table,
            "row": row,
            "value": round(value.median),
            "low": round(value.low),
            "high": round(value.high),
            "unit": unit,
        });
        if let Some([enough, better]) = goal.limits() {
            line["target"] = enough.into();
            line["aim"] = better.into();
            line["met"] = goal.is_met(enough, value.median).into();
        }
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
    }

    /// Writes `peers.jsonl` into the folder `$BENCH_OUT`, if that is set.
    pub fn save(&self) {
        if let Some(folder) = env::var_os("BENCH_OUT") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(Path::new(&folder).join("peers.jsonl"), &self.lines).unwrap();
        }
    }
}

pub fn row(cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    println!("| {} |", cells.join(" | "));
}

/// `0.55 (0.54 to 0.57)`.
pub fn cell(value: Spread, digits: usize) -> String {
    let Spread { low, median, high } = value;
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
