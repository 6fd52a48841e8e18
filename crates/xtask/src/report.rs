//! [`Report`]: what passed, what failed, what could not run, and the summary that says so. What did not run never counts
//! as passed.

use std::time::Duration;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything held: how many tests (1 for a check), and how many were left out for a reason that another step names.
    Passed { tests: u64 },
    /// Something did not: passed and failed tests, and what to look at.
    Failed { passed: u64, failed: u64, why: String },
    /// This machine lacks something: the reason, with the command to run once it is there.
    NotRun { why: String },
}

/// All outcomes of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    pub(crate) fn add(&mut self, step: &'static str, outcome: Outcome, took: Duration) {
        self.steps.push((step, outcome, took));
    }

    /// Whether nothing failed.
    pub(crate) fn is_good(&self) -> bool {
        !self.steps.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed { .. }))
    }

    /// The summary, its last line the counts.
    pub(crate) fn summary(&self) -> String {
        let mut lines = vec![String::new(), "Summary".to_owned()];
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        let mut not_run = Vec::new();
        for (step, outcome, took) in &self.steps {
            let (word, note) = match outcome {
                Outcome::Passed { tests } => {
                    passed += tests;
                    ("ok", if *tests == 1 { String::new() } else { format!("{tests} tests") })
                }
                Outcome::Failed { passed: good, failed: bad, why } => {
                    passed += good;
                    failed += (*bad).max(1);
                    ("FAILED", why.clone())
                }
                Outcome::NotRun { why } => {
                    skipped += 1;
                    not_run.push(format!("not run: {step} ({why})"));
                    ("not run", String::new())
                }
            };
            lines.push(format!("  {word:<8} {step:<12} {:>7.1} s  {note}", took.as_secs_f64()).trim_end().to_owned());
        }
        lines.push(String::new());
        lines.extend(not_run);
        lines.push(match skipped {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        });
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_is_listed_and_not_counted_as_passed() {
        let mut report = Report::default();
        report.add("format", Outcome::Passed { tests: 1 }, Duration::from_millis(1_200));
        report.add(
            "python",
            Outcome::NotRun { why: "no python3; run: cargo xtask test --only python".into() },
            Duration::ZERO,
        );
        assert!(report.is_good());
        let summary = report.summary();
        assert!(summary.contains("not run: python (no python3; run: cargo xtask test --only python)"), "{summary}");
        assert!(summary.ends_with("\n1 passed, 0 failed, 1 skipped"), "{summary}");
    }

    #[test]
    fn a_step_that_fails_without_tests_counts_as_one_failure() {
        let mut report = Report::default();
        report.add("clippy", Outcome::Failed { passed: 0, failed: 0, why: "see above".into() }, Duration::ZERO);
        report.add("tests", Outcome::Failed { passed: 7, failed: 2, why: "see above".into() }, Duration::ZERO);
        assert!(!report.is_good());
        assert!(report.summary().ends_with("\n7 passed, 3 failed"));
    }
}
