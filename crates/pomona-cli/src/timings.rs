//! The table of stages by share, for `pomona run --timings`.

use std::time::Duration;

use pomona_results::StageTiming;

/// A line a stage, the longest first, then what lies between them, and the whole run.
pub(crate) fn table(stages: &[StageTiming], run: Duration) -> String {
    let total = run.as_secs_f64();
    let mut rows: Vec<(&str, f64)> = stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.seconds))
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let between = total - rows.iter().map(|(_, seconds)| seconds).sum::<f64>();
    rows.push(("between stages", between.max(0.0)));
    rows.push(("run", total));
    let mut table = format!("{:<16}{:>10}{:>8}", "stage", "seconds", "share");
    for (name, seconds) in rows {
        let share = 100.0 * seconds / total;
        table += &format!("\n{name:<16}{seconds:>10.2}{share:>7.1}%");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_in_order_of_their_share() {
        let stage = |name: &str, seconds| StageTiming {
            name: name.to_string(),
            seconds,
        };
        let stages = [stage("pca_fit", 1.0), stage("features", 7.5)];
        assert_eq!(
            table(&stages, Duration::from_secs(10)),
            "stage              seconds   share\n\
             features              7.50   75.0%\n\
             pca_fit               1.00   10.0%\n\
             between stages        1.50   15.0%\n\
             run                  10.00  100.0%"
        );
    }
}
