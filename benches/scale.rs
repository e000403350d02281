//! What a thousand to ten million logins in memory cost: room, hits, new ones, and expiry.
//!
//! ```sh
//! cargo bench --bench scale                     # tables of Markdown, in about four minutes
//! cargo bench --bench scale -- 1000 1000000     # with these numbers of logins only
//! BENCH_OUT=target/figures cargo bench --bench scale # the figures too, in scale.jsonl there
//! ```
//!
//! Each population is a process of its own, so that its memory is that of the process: what is
//! resident with the logins, less what was resident without them. Their users, ten logins each
//! unless it says otherwise, are there before.
//!
//! *The bare map* is a `DashMap` from digest to subject and expiry, sharing its subjects: what one
//! writes by hand, without logins that can be listed, refreshed or revoked. It is filled with as
//! many tokens in the same process, and both are asked in turn, a thousand times each, so that the
//! ratio is of neighbours. The median of the turns is given, with the quartiles.
//!
//! *The longest login* bounds the time for which a sweep holds a lock: logins sweep, and every call
//! is timed, with a buffer for each as a server has. What the machine itself takes away is in that
//! too, so the longest pause of a loop that only looks at the clock stands beside it.

#![expect(
    unreachable_pub,
    reason = "what the modules share is public within this binary"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "scale/logins.rs"]
mod logins;
#[path = "scale/measure.rs"]
mod measure;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/note.rs"]
mod note;

use std::{
    env,
    process::{Command, Stdio},
};

use logins::Shape;
use note::Goal;

/// Bytes for each live token, a refresh token being one too: enough, and better.
const BYTES: Goal = Goal::AtMost(130.0, 85.0);
/// Milliseconds.
const LONGEST: Goal = Goal::AtMost(2.0, 1.0);
/// Where both are asked for.
const LARGEST: usize = 10_000_000;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    match arguments.first().map(String::as_str) {
        Some("alone") => measure::alone(Shape::named(&arguments[1]), numbers[0]),
        _ if numbers.is_empty() => compare(&[1_000, 10_000, 100_000, 1_000_000, LARGEST]),
        _ => compare(&numbers),
    }
}

fn compare(numbers: &[usize]) {
    let mut lines = String::new();
    for shape in Shape::ALL {
        println!("\n### {}\n\n| | of | what | | |", shape.title());
        println!("| --- | ---: | --- | ---: | --- |");
        for number in numbers {
            let output = Command::new(env::current_exe().unwrap())
                .args(["alone", shape.name(), &number.to_string()])
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            for line in String::from_utf8(output.stdout).unwrap().lines() {
                println!("{}", note::row_of(line));
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    note::save("scale.jsonl", &lines);
}
