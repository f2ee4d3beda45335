//! [`View`]: which page an address names.

use pomona_report::Language;

/// A page of the console.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// The list of jobs, from `page` 1.
    Jobs {
        /// The part of the list.
        page: usize,
    },
    /// A job.
    Job {
        /// Its identifier.
        id: String,
    },
    /// A stage of a job, with its tasks from `page` 1.
    Stage {
        /// The job's identifier.
        job: String,
        /// The stage's number.
        stage: usize,
        /// The part of the list of tasks.
        page: usize,
    },
    /// The executors, from `page` 1.
    Executors {
        /// The part of the list.
        page: usize,
    },
}

impl View {
    /// The page of a path and a query, such as `/job/01AB` and `lang=fr`.
    pub fn parse(path: &str, query: &str) -> Option<Self> {
        let page = match parameter(query, "page") {
            Some(page) => page.parse().ok().filter(|page| *page > 0)?,
            None => 1,
        };
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match parts[..] {
            [""] | ["jobs"] => Some(Self::Jobs { page }),
            ["executors"] => Some(Self::Executors { page }),
            ["job", id] => Some(Self::Job {
                id: identifier(id)?,
            }),
            ["job", job, "stage", stage] => Some(Self::Stage {
                job: identifier(job)?,
                stage: stage.parse().ok()?,
                page,
            }),
            _ => None,
        }
    }

    /// Its path.
    pub fn path(&self) -> String {
        match self {
            Self::Jobs { .. } => "/".to_string(),
            Self::Executors { .. } => "/executors".to_string(),
            Self::Job { id } => format!("/job/{id}"),
            Self::Stage { job, stage, .. } => format!("/job/{job}/stage/{stage}"),
        }
    }

    /// The part of its list that it shows; 1 where it has none.
    pub fn page(&self) -> usize {
        match self {
            Self::Jobs { page } | Self::Executors { page } | Self::Stage { page, .. } => *page,
            Self::Job { .. } => 1,
        }
    }

    /// Its address in a language, with the part of the list.
    pub fn address(&self, language: Language) -> String {
        let page = match self.page() {
            1 => String::new(),
            page => format!("&page={page}"),
        };
        format!("{}?lang={language}{page}", self.path())
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
        let views = [
            View::Jobs { page: 1 },
            View::Jobs { page: 7 },
            View::Executors { page: 1 },
            View::Job {
                id: "01ABC".to_string(),
            },
            View::Stage {
                job: "01ABC".to_string(),
                stage: 3,
                page: 2,
            },
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
