//! [`JobBook`]: what the scheduler notes about jobs and executors for its pages.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use ballista_scheduler::state::execution_graph::{ExecutionGraph, ExecutionGraphBox};
use ballista_scheduler::state::task_manager::JobInfoCache;
use pomona_console::{Executor, JobRow, JobState, redacted, shortened};
use tokio::sync::RwLock;

use super::graph::{plain_error, row};
use super::now;
use super::tally::Tally;

/// Bytes of a statement that are kept.
pub(crate) const MOST_SQL: usize = 4000;

/// Executors that are gone and still shown.
const MOST_GONE: usize = 100;

/// A job as Ballista runs it.
pub(crate) type Graph = Arc<RwLock<ExecutionGraphBox>>;

/// All jobs that the scheduler remembers, with what the graphs of Ballista do not hold. How far those are that run, their
/// graphs say.
///
/// A job has a row here from the moment in which the scheduler accepts it until it is forgotten. Ballista's list of running
/// jobs has gaps on both sides: a job that has begun is not in it at once, and one that ends leaves it before its end is
/// kept.
#[derive(Default)]
pub(crate) struct JobBook(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    rows: HashMap<JobId, Arc<JobRow>>,
    /// The graphs of jobs that were seen to run and have not ended.
    graphs: HashMap<JobId, Graph>,
    sql: HashMap<JobId, Arc<str>>,
    ended: HashMap<JobState, u64>,
    tally: Tally,
    /// Executors that have registered and are not gone.
    live: HashSet<String>,
    gone: VecDeque<Executor>,
}

impl Noted {
    fn has_ended(&self, job: &JobId) -> bool {
        self.rows.get(job).is_some_and(|row| row.state.has_ended())
    }

    /// Takes the executors out of a tally that are not shown any more: what is kept, and the series of `/metrics`, must
    /// not grow with all that ever came and went.
    fn keep_known(&self, tally: &mut Tally) {
        let gone: HashSet<&String> = self.gone.iter().map(|gone| &gone.id).collect();
        let is_known = |id: &String| self.live.contains(id) || gone.contains(id);
        tally.executors.retain(|id, _| is_known(id));
    }

    fn forget_unknown(&mut self) {
        let mut tally = std::mem::take(&mut self.tally);
        self.keep_known(&mut tally);
        self.tally = tally;
    }
}

impl JobBook {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that waits to be planned.
    pub(crate) fn accepted(&self, job: &JobId, name: &str, queued: u64) {
        let row = JobRow {
            id: job.to_string(),
            name: name.to_string(),
            queued,
            ..JobRow::default()
        };
        self.noted().rows.insert(job.clone(), Arc::new(row));
    }

    /// A job that runs: its graph has everything about it, once Ballista lists it.
    pub(crate) fn started(&self, job: &JobId) {
        let mut noted = self.noted();
        if let Some(row) = noted.rows.get_mut(job) {
            let row = Arc::make_mut(row);
            (row.state, row.started) = (JobState::Running, now());
        }
    }

    /// The graphs of the jobs that run: of those that Ballista lists as running, and of those that it listed before and
    /// that have not ended.
    pub(crate) fn graphs(&self, listed: &HashMap<JobId, JobInfoCache>) -> HashMap<JobId, Graph> {
        let mut noted = self.noted();
        for (job, cached) in listed {
            if noted.rows.contains_key(job) && !noted.has_ended(job) {
                let graph = Arc::clone(&cached.execution_graph);
                noted.graphs.insert(job.clone(), graph);
            }
        }
        noted.graphs.clone()
    }

    /// A job that has ended.
    pub(crate) fn ended(&self, job: &JobId, graph: &dyn ExecutionGraph) {
        let (row, tally) = (row(graph), Tally::of(graph));
        let mut noted = self.noted();
        noted.graphs.remove(job);
        let state = row.state;
        if let Some(before) = noted.rows.insert(job.clone(), Arc::new(row))
            && before.state.has_ended()
        {
            return;
        }
        *noted.ended.entry(state).or_default() += 1;
        noted.tally.add(&tally);
        noted.forget_unknown();
    }

    /// A job that could not be planned.
    pub(crate) fn not_planned(&self, job: &JobId, reason: &str) {
        let mut noted = self.noted();
        let mut row = match noted.rows.get(job) {
            Some(row) => JobRow::clone(row),
            None => JobRow {
                id: job.to_string(),
                ..JobRow::default()
            },
        };
        row.state = JobState::Failed;
        row.ended = now();
        row.error = Some(plain_error(reason));
        noted.rows.insert(job.clone(), Arc::new(row));
        *noted.ended.entry(JobState::Failed).or_default() += 1;
    }

    /// A job that the scheduler does not remember any more.
    pub(crate) fn forget(&self, job: &JobId) {
        let mut noted = self.noted();
        noted.rows.remove(job);
        noted.graphs.remove(job);
        noted.sql.remove(job);
    }

    /// The statement of a job, without its secrets.
    pub(crate) fn keep_sql(&self, job: JobId, sql: &str) {
        let sql = shortened(&redacted(sql), MOST_SQL);
        self.noted().sql.insert(job, Arc::from(sql));
    }

    /// The statement of a job.
    pub(crate) fn sql(&self, job: &JobId) -> Option<Arc<str>> {
        self.noted().sql.get(job).cloned()
    }

    /// All jobs. What is said of one that runs is how it began.
    pub(crate) fn rows(&self) -> Vec<Arc<JobRow>> {
        self.noted().rows.values().cloned().collect()
    }

    /// A job, as in [`Self::rows`].
    pub(crate) fn row(&self, job: &JobId) -> Option<Arc<JobRow>> {
        self.noted().rows.get(job).cloned()
    }

    /// How many jobs have ended in each state since the scheduler started.
    pub(crate) fn ended_jobs(&self) -> HashMap<JobState, u64> {
        self.noted().ended.clone()
    }

    /// The work of jobs that have ended, and of these that run. A job that has ended meanwhile counts once.
    pub(crate) fn tally(&self, running: impl IntoIterator<Item = (JobId, Tally)>) -> Tally {
        let noted = self.noted();
        let mut tally = noted.tally.clone();
        for (job, work) in running {
            if !noted.has_ended(&job) {
                tally.add(&work);
            }
        }
        noted.keep_known(&mut tally);
        tally
    }

    /// An executor that registers.
    pub(crate) fn executor_joined(&self, id: &str) {
        self.noted().live.insert(id.to_string());
    }

    /// An executor that was lost, or has ended.
    pub(crate) fn executor_gone(&self, executor: Executor) {
        let mut noted = self.noted();
        noted.live.remove(&executor.id);
        noted.gone.retain(|gone| gone.id != executor.id);
        noted.gone.push_back(executor);
        if noted.gone.len() > MOST_GONE {
            noted.gone.pop_front();
        }
        noted.forget_unknown();
    }

    /// The executors that are gone.
    pub(crate) fn gone(&self) -> Vec<Executor> {
        self.noted().gone.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::extension::SessionConfigExt;
    use ballista_scheduler::planner::DefaultDistributedPlanner;
    use ballista_scheduler::state::execution_graph::StaticExecutionGraph;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::test_plans::rows;

    fn executor(id: usize) -> Executor {
        Executor {
            id: id.to_string(),
            is_gone: true,
            ..Executor::default()
        }
    }

    #[test]
    fn executors_that_are_gone_are_bounded() {
        let book = JobBook::default();
        for id in 0..MOST_GONE + 10 {
            book.executor_gone(executor(id));
            book.executor_gone(executor(id));
        }
        let gone = book.gone();
        assert_eq!((gone.len(), gone[0].id.as_str()), (MOST_GONE, "10"));
    }

    #[test]
    fn the_work_of_executors_that_are_forgotten_is_forgotten() {
        let book = JobBook::default();
        let work = |id: usize| {
            let mut tally = Tally::default();
            tally.executors.entry(id.to_string()).or_default().tasks = 1;
            (JobId::from("running"), tally)
        };
        let known = |id: usize| book.tally([work(id)]).executors.len();
        // Nobody has registered by that name.
        assert_eq!(known(0), 0);
        for id in 0..3 * MOST_GONE {
            book.executor_joined(&id.to_string());
            book.noted().tally.add(&work(id).1);
            assert_eq!(book.tally([]).executors[&id.to_string()].tasks, 1);
            book.executor_gone(executor(id));
        }
        assert_eq!(book.noted().tally.executors.len(), MOST_GONE);
        // A task of an executor that is long gone, in a job that still runs, brings it not back.
        assert_eq!(known(0), MOST_GONE);
        assert_eq!(book.tally([]).executors.len(), MOST_GONE);
        assert!(book.noted().live.is_empty());
    }

    #[test]
    fn statements_are_kept_without_secrets_and_forgotten_with_their_jobs() {
        let book = JobBook::default();
        let job = JobId::from("a");
        book.accepted(&job, "name", 1);
        book.keep_sql(job.clone(), "SET s3_secret_key = 'X1'");
        assert_eq!(&*book.sql(&job).unwrap(), "SET s3_secret_key = '***'");
        book.not_planned(&job, "too deep");
        let row = book.row(&job).unwrap();
        assert_eq!(
            (row.state, row.error.as_deref()),
            (JobState::Failed, Some("too deep"))
        );
        assert_eq!(book.ended_jobs()[&JobState::Failed], 1);
        book.forget(&job);
        assert_eq!((book.sql(&job), book.rows().len()), (None, 0));
    }

    /// A job of one stage, as Ballista begins it.
    fn graph(job: &JobId) -> ExecutionGraphBox {
        let (plan, mut planner) = (rows(), DefaultDistributedPlanner::new());
        let config = Arc::new(SessionConfig::new_with_ballista());
        let graph = StaticExecutionGraph::new("", job, "", "", plan, 1, config, &mut planner, None);
        Box::new(graph.unwrap())
    }

    #[test]
    fn a_job_is_known_all_the_time() {
        let book = JobBook::default();
        let job = JobId::from("a");
        let state = || book.row(&job).map(|row| row.state);
        let (none, some) = (HashMap::new(), graph(&job));
        let some = HashMap::from([(job.clone(), JobInfoCache::new(some))]);
        book.accepted(&job, "", 1);
        assert_eq!(state(), Some(JobState::Queued));
        book.started(&job);
        assert_eq!(
            (state(), book.graphs(&none).len()),
            (Some(JobState::Running), 0)
        );
        assert_eq!(book.graphs(&some).len(), 1);
        // Ballista lists it no more, and its end is not kept yet.
        assert_eq!(
            (state(), book.graphs(&none).len()),
            (Some(JobState::Running), 1)
        );
        let mut ended = graph(&job);
        ended.fail_job("Cancelled".to_string());
        book.ended(&job, &*ended);
        // Also for one who was given the list before.
        assert_eq!(
            (state(), book.graphs(&some).len()),
            (Some(JobState::Cancelled), 0)
        );
        book.forget(&job);
        assert_eq!((state(), book.graphs(&some).len()), (None, 0));
    }

    #[test]
    fn the_work_of_a_job_counts_once() {
        let book = JobBook::default();
        let job = JobId::from("a");
        let work = Tally {
            images: 5,
            ..Tally::default()
        };
        book.accepted(&job, "", 1);
        book.started(&job);
        assert_eq!(book.tally([(job.clone(), work.clone())]).images, 5);
        // It has ended since its graph was looked at.
        book.not_planned(&job, "cancelled");
        assert_eq!(book.tally([(job, work)]).images, 0);
    }
}
