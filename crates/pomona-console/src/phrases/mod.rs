//! [`Phrases`]: every word of the pages, so that a language without one of them does not compile.

mod english;
mod french;

use pomona_report::Language;

use crate::model::{JobState, StageState, TaskState};

/// The words of a language. Sentences receive numbers as text in that language's format; if the words
/// depend on a number, it comes before the texts.
pub(crate) struct Phrases {
    pub(crate) skip: &'static str,
    pub(crate) pages: &'static str,
    pub(crate) languages: &'static str,
    pub(crate) not_connected: &'static str,
    pub(crate) of_scheduler: fn(version: &str, address: &str) -> String,
    pub(crate) since: fn(moment: &str) -> String,
    pub(crate) read_only: &'static str,

    pub(crate) run: &'static str,
    pub(crate) notes: &'static str,
    pub(crate) no_stages: &'static str,
    pub(crate) images_done: fn(done: u64, all: u64, done_text: &str, all_text: &str) -> String,
    pub(crate) jobs: &'static str,
    pub(crate) job: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) no_jobs: &'static str,
    pub(crate) running: &'static str,
    pub(crate) queued: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) completed: &'static str,
    pub(crate) part_completed: &'static str,
    pub(crate) part_failed: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) ready: &'static str,
    pub(crate) slots_busy: &'static str,
    pub(crate) of_slots: fn(slots: &str) -> String,
    pub(crate) state: &'static str,
    pub(crate) progress: &'static str,
    pub(crate) started: &'static str,
    pub(crate) duration: &'static str,
    pub(crate) time_left: &'static str,
    pub(crate) about: fn(duration: &str) -> String,
    pub(crate) images: &'static str,
    pub(crate) images_per_second: &'static str,
    pub(crate) per_second: fn(rate: &str) -> String,
    pub(crate) tasks: &'static str,
    pub(crate) tasks_done: fn(done: u64, all: u64, done_text: &str, all_text: &str) -> String,
    pub(crate) tasks_again: fn(count: u64, failed: &str) -> String,
    pub(crate) unnamed: &'static str,
    pub(crate) page_of: fn(page: &str, pages: &str) -> String,
    pub(crate) previous: &'static str,
    pub(crate) next: &'static str,
    pub(crate) sort_by: &'static str,

    pub(crate) error: &'static str,
    pub(crate) stages: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) stage_name: fn(stage: &str) -> String,
    pub(crate) drawing: &'static str,
    pub(crate) drawing_text: &'static str,
    pub(crate) reads: &'static str,
    pub(crate) slowest_task: &'static str,
    pub(crate) median_task: &'static str,
    pub(crate) rows_in: &'static str,
    pub(crate) rows_out: &'static str,
    pub(crate) bytes_in: &'static str,
    pub(crate) bytes_out: &'static str,
    pub(crate) failed_tasks: &'static str,
    pub(crate) attempts: fn(count: u64, attempts: &str) -> String,
    pub(crate) query: &'static str,
    pub(crate) no_sql: &'static str,
    pub(crate) plan: &'static str,
    pub(crate) operators: &'static str,
    pub(crate) no_tasks: &'static str,

    pub(crate) task: &'static str,
    pub(crate) partitions: &'static str,
    pub(crate) executor: &'static str,

    pub(crate) executors: &'static str,
    pub(crate) no_executors: &'static str,
    pub(crate) live: &'static str,
    pub(crate) late: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) memory: &'static str,
    pub(crate) memory_of: fn(used: &str, total: &str) -> String,
    pub(crate) memory_peak: &'static str,
    pub(crate) network_loads: &'static str,
    pub(crate) heartbeat: &'static str,
    pub(crate) ago: fn(duration: &str) -> String,
    pub(crate) executors_text: fn(seconds: &str) -> String,

    pub(crate) cancel: &'static str,
    pub(crate) cancel_question: fn(job: &str) -> String,
    pub(crate) cancel_text: &'static str,
    pub(crate) cancel_yes: &'static str,
    pub(crate) cancel_no: &'static str,
    pub(crate) back: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) not_found_text: &'static str,
}

impl Phrases {
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &english::ENGLISH,
            Language::French => &french::FRENCH,
        }
    }

    pub(crate) fn job_state(&self, state: JobState) -> &'static str {
        match state {
            JobState::Running => self.running,
            JobState::Queued => self.queued,
            JobState::Failed => self.failed,
            JobState::Cancelled => self.cancelled,
            JobState::Completed => self.completed,
        }
    }

    pub(crate) fn stage_state(&self, state: StageState) -> &'static str {
        match state {
            StageState::Waiting => self.waiting,
            StageState::Ready => self.ready,
            StageState::Running => self.running,
            StageState::Completed => self.part_completed,
            StageState::Failed => self.part_failed,
        }
    }

    pub(crate) fn task_state(&self, state: TaskState) -> &'static str {
        match state {
            TaskState::Running => self.running,
            TaskState::Completed => self.part_completed,
            TaskState::Failed => self.part_failed,
        }
    }
}
