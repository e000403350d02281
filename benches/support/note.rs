//! Figures, as lines for programs and as rows for people.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

/// The middle of many turns, and their quartiles.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(mut turns: Vec<f64>) -> Self {
        turns.sort_by(f64::total_cmp);
        let at = |quarter: usize| turns[(turns.len() - 1) * quarter / 4];
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }

    pub fn one(value: f64) -> Self {
        Self {
            low: value,
            median: value,
            high: value,
        }
    }
}

/// What a figure should come to: the first will do, the second is better.
#[derive(Clone, Copy)]
pub enum Goal {
    None,
    AtMost(f64, f64),
    #[allow(dead_code, reason = "not everybody has one")]
    AtLeast(f64, f64),
}

/// Prints a figure as a line; `size` is how many of what it is about there are.
pub fn figure(table: &str, size: Option<usize>, row: &str, unit: &str, value: Spread, goal: Goal) {
    let mut line = json!({
        "table": table,
        "row": row,
        "unit": unit,
        "value": round(value.median),
        "low": round(value.low),
        "high": round(value.high),
    });
    if let Some(size) = size {
        line["size"] = size.into();
    }
    let (target, aim, met) = match goal {
        Goal::None => return println!("{line}"),
        Goal::AtMost(target, aim) => (target, aim, value.median <= target),
        Goal::AtLeast(target, aim) => (target, aim, value.median >= target),
    };
    line["target"] = target.into();
    line["aim"] = aim.into();
    line["met"] = met.into();
    println!("{line}");
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A line as a row of a table.
pub fn row_of(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let verdict = match line["met"].as_bool() {
        None => "",
        Some(true) => "met",
        Some(false) => "**OVER**",
    };
    format!(
        "| {} | {} | {} | {:.3} ({:.3} to {:.3}) {} | {verdict} |",
        text("table"),
        line["size"]
            .as_u64()
            .map_or_else(String::new, |size| size.to_string()),
        text("row"),
        line["value"].as_f64().unwrap(),
        line["low"].as_f64().unwrap(),
        line["high"].as_f64().unwrap(),
        text("unit"),
    )
}

/// Writes `file` into the folder `$BENCH_OUT`, if that is set.
pub fn save(file: &str, lines: &str) {
    if let Some(folder) = env::var_os("BENCH_OUT") {
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(file), lines).unwrap();
    }
}
