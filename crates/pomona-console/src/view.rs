//! [`View`]: which page an address names.

use pomona_report::Language;

use crate::order::{Column, Order};

/// A page of the console.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// The list of jobs.
    Jobs {
        /// What is shown of it.
        list: List,
    },
    /// A job, with its stages, which are all on the first page.
    Job {
        /// Its identifier.
        id: String,
        /// What is shown of its stages.
        list: List,
    },
    /// A stage of a job, with its tasks.
    Stage {
        /// The job's identifier.
        job: String,
        /// The stage's number.
        stage: usize,
        /// What is shown of its tasks.
        list: List,
    },
    /// The executors.
    Executors {
        /// What is shown of them.
        list: List,
    },
}

/// The part of a list that a page shows, and the list's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct List {
    /// The part, from 1.
    pub page: usize,
    /// The order; `None` is that of the page.
    pub order: Option<Order>,
}

impl Default for List {
    fn default() -> Self {
        Self {
            page: 1,
            order: None,
        }
    }
}

const OF_JOBS: &[Column] = &[
    Column::Job,
    Column::State,
    Column::Progress,
    Column::Images,
    Column::Rate,
    Column::Started,
    Column::Duration,
    Column::Left,
];
const OF_STAGES: &[Column] = &[
    Column::Stage,
    Column::State,
    Column::Tasks,
    Column::Failed,
    Column::Slowest,
    Column::Median,
    Column::RowsIn,
    Column::RowsOut,
    Column::BytesIn,
    Column::BytesOut,
];
const OF_TASKS: &[Column] = &[
    Column::Task,
    Column::State,
    Column::Executor,
    Column::Started,
    Column::Duration,
];
const OF_EXECUTORS: &[Column] = &[
    Column::Executor,
    Column::State,
    Column::Heartbeat,
    Column::Busy,
    Column::Tasks,
    Column::Memory,
    Column::MemoryPeak,
    Column::NetworkLoads,
];

impl View {
    /// The page of a path and a query, such as `/job/01AB` and `lang=fr`.
    pub fn parse(path: &str, query: &str) -> Option<Self> {
        let mut list = List::default();
        if let Some(page) = parameter(query, "page") {
            list.page = page.parse().ok().filter(|page| *page > 0)?;
        }
        if let Some(order) = parameter(query, "sort") {
            list.order = Some(Order::parse(order)?);
        }
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let view = match parts[..] {
            [""] | ["jobs"] => Self::Jobs { list },
            ["executors"] => Self::Executors { list },
            ["job", id] => Self::Job {
                id: identifier(id)?,
                list: List { page: 1, ..list },
            },
            ["job", job, "stage", stage] => Self::Stage {
                job: identifier(job)?,
                stage: stage.parse().ok()?,
                list,
            },
            _ => return None,
        };
        let can_sort = |order: Order| view.columns().contains(&order.column);
        list.order.is_none_or(can_sort).then_some(view)
    }

    /// The columns by which its list can be sorted.
    fn columns(&self) -> &'static [Column] {
        match self {
            Self::Jobs { .. } => OF_JOBS,
            Self::Job { .. } => OF_STAGES,
            Self::Stage { .. } => OF_TASKS,
            Self::Executors { .. } => OF_EXECUTORS,
        }
    }

    /// The page of a job.
    pub fn of_job(id: &str) -> Self {
        Self::Job {
            id: id.to_string(),
            list: List::default(),
        }
    }

    /// The page of a stage of a job.
    pub fn of_stage(job: &str, stage: usize) -> Self {
        Self::Stage {
            job: job.to_string(),
            stage,
            list: List::default(),
        }
    }

    /// The list of jobs.
    pub fn of_jobs() -> Self {
        Self::Jobs {
            list: List::default(),
        }
    }

    /// The executors.
    pub fn of_executors() -> Self {
        Self::Executors {
            list: List::default(),
        }
    }

    /// Its path.
    pub fn path(&self) -> String {
        match self {
            Self::Jobs { .. } => "/".to_string(),
            Self::Executors { .. } => "/executors".to_string(),
            Self::Job { id, .. } => format!("/job/{id}"),
            Self::Stage { job, stage, .. } => format!("/job/{job}/stage/{stage}"),
        }
    }

    /// What it shows of its list.
    pub fn list(&self) -> List {
        match self {
            Self::Jobs { list }
            | Self::Executors { list }
            | Self::Job { list, .. }
            | Self::Stage { list, .. } => *list,
        }
    }

    /// The same page with another part or order of its list.
    #[must_use]
    pub fn with(&self, list: List) -> Self {
        let mut view = self.clone();
        match &mut view {
            Self::Jobs { list: shown }
            | Self::Executors { list: shown }
            | Self::Job { list: shown, .. }
            | Self::Stage { list: shown, .. } => *shown = list,
        }
        view
    }

    /// Its address in a language, with the order and the part of the list.
    pub fn address(&self, language: Language) -> String {
        let List { page, order } = self.list();
        let order = order.map_or(String::new(), |order| format!("&sort={}", order.word()));
        let page = match page {
            1 => String::new(),
            page => format!("&page={page}"),
        };
        format!("{}?lang={language}{order}{page}", self.path())
    }
}

/// Identifiers of jobs are letters and digits, so that none needs an escape in an address.
fn identifier(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = !text.is_empty() && text.len() <= 64 && text.chars().all(is_plain);
    fits.then(|| text.to_string())
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The language of a request: the one that its query names, or the first that its browser prefers
/// (`Accept-Language`) and the console has.
pub fn language_of(query: &str, accepted: &str) -> Language {
    if let Some(named) = parameter(query, "lang").and_then(|code| code.parse().ok()) {
        return named;
    }
    let preferred = accepted.split(',').filter_map(|range| {
        let code = range.split(';').next()?.trim();
        code.split('-').next()?.to_ascii_lowercase().parse().ok()
    });
    preferred.into_iter().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let list = |page, order| List {
            page,
            order: Order::parse(order),
        };
        let views = [
            View::of_jobs(),
            View::of_jobs().with(list(7, "")),
            View::of_jobs().with(list(7, "-left")),
            View::of_executors(),
            View::of_executors().with(list(1, "memory")),
            View::of_job("01ABC"),
            View::of_job("01ABC").with(list(1, "-slowest")),
            View::of_stage("01ABC", 3).with(list(2, "executor")),
        ];
        for view in views {
            let address = view.address(Language::French);
            let (path, query) = address.split_once('?').unwrap();
            assert_eq!(View::parse(path, query), Some(view), "{address}");
            assert_eq!(language_of(query, "en"), Language::French);
        }
    }

    #[test]
    fn other_addresses_name_nothing() {
        for (path, query) in [
            ("/nothing", ""),
            ("/job/", ""),
            ("/job/a%22b", ""),
            ("/job/a\"b", ""),
            ("/job/a/stage/x", ""),
            ("/", "page=0"),
            ("/", "page=-1"),
            ("/job/a/b", ""),
            ("/", "sort=nothing"),
            // A column of another list.
            ("/", "sort=memory"),
            ("/executors", "sort=-images"),
        ] {
            assert_eq!(View::parse(path, query), None, "{path}?{query}");
        }
    }

    #[test]
    fn the_browser_chooses_the_language_unless_the_address_does() {
        assert_eq!(
            language_of("", "de-DE,fr-CH;q=0.8,en;q=0.5"),
            Language::French
        );
        assert_eq!(language_of("", "de"), Language::English);
        assert_eq!(language_of("lang=en", "fr"), Language::English);
        assert_eq!(language_of("lang=xx", "fr"), Language::French);
    }
}
