//! Two ways to do the same, measured in turn.

use std::time::Duration;

use criterion::Criterion;

/// Does it so many times and says how long that took, without what has to be prepared.
pub type Batch<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// What is measured, and what it is measured against.
pub struct Duel<'a> {
    pub name: String,
    pub ours: (&'static str, Batch<'a>),
    pub theirs: (&'static str, Batch<'a>),
    /// How often each does it before it is the other's turn.
    pub batch: u64,
    pub rounds: usize,
    /// The greatest ratio that will do.
    pub limit: f64,
}

/// The medians of all rounds.
struct Outcome {
    ours: f64,
    theirs: f64,
    /// The lower quartile, the median and the upper quartile.
    ratio: [f64; 3],
}

impl Duel<'_> {
    /// Who begins changes with every round, as the second may find something warm.
    fn fight(&mut self) -> Outcome {
        let (ours, theirs) = (&mut self.ours.1, &mut self.theirs.1);
        let (warm, rounds) = (self.rounds / 10, self.rounds);
        let mut times = Vec::with_capacity(rounds);
        for round in 0..warm + rounds {
            let (our, their) = if round % 2 == 0 {
                let our = ours(self.batch);
                (our, theirs(self.batch))
            } else {
                let their = theirs(self.batch);
                (ours(self.batch), their)
            };
            if round >= warm {
                times.push((our.as_secs_f64(), their.as_secs_f64()));
            }
        }
        let per_call = |seconds: f64| seconds / f64::from(u32::try_from(self.batch).unwrap());
        let quartiles = |of: &dyn Fn(&(f64, f64)) -> f64| quartiles(times.iter().map(of).collect());
        Outcome {
            ours: per_call(quartiles(&|(our, _)| *our)[1]),
            theirs: per_call(quartiles(&|(_, their)| *their)[1]),
            ratio: quartiles(&|(our, their)| our / their),
        }
    }

    pub fn bench(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(self.name.as_str());
        for (name, batch) in [&mut self.ours, &mut self.theirs] {
            group.bench_function(*name, |bencher| bencher.iter_custom(&mut *batch));
        }
        group.finish();
    }
}

pub fn print_table(duels: &mut [Duel<'_>]) {
    println!("the median of the ratios of neighbours, and their quartiles\n");
    println!(
        "{:<28} {:>10} {:>10} {:>7} {:>15} {:>6}",
        "", "ours", "theirs", "ratio", "half of them", "limit"
    );
    for duel in duels {
        let Outcome {
            ours,
            theirs,
            ratio: [low, median, high],
        } = duel.fight();
        let verdict = if median <= duel.limit { "" } else { "  OVER" };
        println!(
            "{:<28} {:>10} {:>10} {median:>7.3} {:>15} {:>6.2}{verdict}",
            duel.name,
            time(ours),
            time(theirs),
            format!("{low:.3} to {high:.3}"),
            duel.limit,
        );
    }
    println!();
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}

fn time(seconds: f64) -> String {
    match seconds * 1e9 {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.1} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}
