//! [`settled`]: many runs of one proof, on all cores.

use std::sync::Mutex;

use annals_testkit::Proof;

use super::sim::Findings;

/// Does all `runs` of a proof on the machine's cores, adds up what they acknowledged and found, and tells it.
pub(crate) fn settled<R: Send>(mut proof: Proof, runs: Vec<R>, run: impl Fn(R) -> (u64, Findings) + Sync) {
    proof.runs = runs.len() as u64;
    let queue = Mutex::new(runs.into_iter());
    let sum = Mutex::new((0, Findings::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(next) = queue.lock().unwrap().next() else { return };
                    let (acknowledged, findings) = run(next);
                    let mut sum = sum.lock().unwrap();
                    sum.0 += acknowledged;
                    sum.1.add(findings);
                }
            });
        }
    });
    let (acknowledged, findings) = sum.into_inner().unwrap();
    for told in &findings.told {
        println!("{told}");
    }
    let Findings { lost, doubled, invented, wrong, .. } = findings;
    Proof { acknowledged, lost, doubled, invented, wrong, ..proof }.tell();
}
