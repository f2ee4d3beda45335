//! [`Feeds`]: pages that follow the cluster, by server-sent events.
//!
//! All readers of one page in one language share a feed, which looks at the cluster, makes the page, and
//! sends the regions that have changed: once for all of them, however many there are.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::response::sse::Event;
use futures::Stream;
use futures::stream::unfold;
use pomona_console::{Frame, Language, Page, Settings, View};
use serde_json::{Map, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::pages::Source;

/// The time between two looks at the cluster, and what each reader adds to it.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_OF_READER: Duration = Duration::from_millis(10);

/// Readers at the same time. Each takes a connection and some kilobytes.
const MOST_READERS: usize = 1000;

/// Events that a slow reader may be behind before it gets the whole page again.
const BEHIND: usize = 8;

/// The address of a page.
type Key = (View, Language);

/// The feeds of the pages of a process.
pub(crate) struct Feeds {
    source: Arc<dyn Source>,
    settings: Settings,
    feeds: Mutex<HashMap<Key, Weak<Feed>>>,
    places: Arc<Semaphore>,
}

struct Feed {
    key: Key,
    sender: Sender<Message>,
    /// The regions as they were sent last.
    shown: Mutex<Vec<(&'static str, String)>>,
}

/// What readers get.
#[derive(Debug, Clone)]
enum Message {
    /// The regions that have changed: an object of JSON.
    Regions(Arc<str>),
    /// Nothing will change any more.
    End,
}

impl Message {
    fn event(&self) -> Event {
        match self {
            Self::Regions(regions) => Event::default().event("regions").data(&**regions),
            Self::End => Event::default().event("end").data(""),
        }
    }
}

impl Feeds {
    pub(crate) fn new(source: Arc<dyn Source>, settings: Settings) -> Self {
        Self {
            source,
            settings,
            feeds: Mutex::default(),
            places: Arc::new(Semaphore::new(MOST_READERS)),
        }
    }

    /// Whether anybody follows a page.
    pub(crate) fn has_readers(&self) -> bool {
        self.places.available_permits() < MOST_READERS
    }

    /// The page of an address, now.
    pub(crate) async fn page(&self, view: &View, language: Language) -> Option<Page> {
        let content = self.source.content(view).await?;
        let cluster = self.source.cluster();
        let frame = Frame {
            cluster: &cluster,
            language,
            settings: self.settings,
        };
        view.render(&content, &frame)
    }

    /// The events of a page; `None` when there are too many readers.
    pub(crate) fn follow(
        self: &Arc<Self>,
        view: View,
        language: Language,
    ) -> Option<impl Stream<Item = Result<Event, Infallible>> + Send + use<>> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (feed, receiver) = self.feed((view, language));
        let reader = Reader {
            feed,
            receiver,
            is_new: true,
            has_ended: false,
            _place: place,
        };
        Some(unfold(reader, |mut reader| async move {
            let message = reader.next().await?;
            Some((Ok::<_, Infallible>(message.event()), reader))
        }))
    }

    /// The feed of a page, which is started where nobody follows it yet. Whoever has a receiver gets its end.
    fn feed(self: &Arc<Self>, key: Key) -> (Arc<Feed>, Receiver<Message>) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade) {
            let receiver = feed.sender.subscribe();
            return (feed, receiver);
        }
        let (sender, receiver) = channel(BEHIND);
        let feed = Arc::new(Feed {
            key: key.clone(),
            sender,
            shown: Mutex::default(),
        });
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds.insert(key, Arc::downgrade(&feed));
        tokio::spawn(run(Arc::clone(self), Arc::downgrade(&feed)));
        (feed, receiver)
    }
}

/// Sends what has changed, until nobody follows or nothing can change.
async fn run(feeds: Arc<Feeds>, feed: Weak<Feed>) {
    loop {
        let Some(feed) = feed.upgrade() else {
            return;
        };
        let page = feeds.page(&feed.key.0, feed.key.1).await;
        let is_final = page.as_ref().is_none_or(|page| page.is_final);
        if let Some(changed) = page.and_then(|page| feed.changed(page)) {
            // An error is that nobody follows any more.
            let _ = feed.sender.send(Message::Regions(changed));
        }
        if is_final {
            // Whoever comes now gets a feed of their own, which ends at once.
            let mut all = feeds.feeds.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(&feed.key);
            let _ = feed.sender.send(Message::End);
            return;
        }
        let readers = feed.sender.receiver_count() as u32;
        drop(feed);
        sleep(PAUSE + PAUSE_OF_READER * readers).await;
    }
}

impl Feed {
    /// Notes a page, and returns its regions that are not as they were.
    fn changed(&self, page: Page) -> Option<Arc<str>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before: HashMap<&str, &String> = shown.iter().map(|(id, html)| (*id, html)).collect();
        let changed = page
            .regions
            .iter()
            .filter(|region| before.get(region.id) != Some(&&region.html))
            .map(|region| (region.id, region.html.as_str()));
        let changed = regions(changed);
        *shown = page
            .regions
            .into_iter()
            .map(|region| (region.id, region.html))
            .collect();
        changed
    }

    /// All regions.
    fn all(&self) -> Option<Arc<str>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        regions(shown.iter().map(|(id, html)| (*id, html.as_str())))
    }
}

/// Regions as an object of JSON, if there are any.
fn regions<'a>(regions: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Arc<str>> {
    let object: Map<String, Value> = regions
        .map(|(id, html)| (id.to_string(), Value::from(html)))
        .collect();
    (!object.is_empty()).then(|| Arc::from(Value::Object(object).to_string()))
}

/// One who follows a page.
struct Reader {
    feed: Arc<Feed>,
    receiver: Receiver<Message>,
    /// Whether it has to get the whole page before what changes.
    is_new: bool,
    has_ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(&mut self) -> Option<Message> {
        if self.has_ended {
            return None;
        }
        loop {
            if std::mem::take(&mut self.is_new)
                && let Some(all) = self.feed.all()
            {
                return Some(Message::Regions(all));
            }
            match self.receiver.recv().await {
                Ok(message) => {
                    self.has_ended = matches!(message, Message::End);
                    return Some(message);
                }
                Err(RecvError::Lagged(_)) => self.is_new = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pomona_console::Region;

    use super::*;

    fn page(regions: &[(&'static str, &str)]) -> Page {
        let regions = regions.iter().map(|(id, html)| Region {
            id,
            html: (*html).to_string(),
        });
        Page {
            title: String::new(),
            regions: regions.collect(),
            is_final: false,
        }
    }

    #[test]
    fn only_what_changes_is_sent() {
        let feed = Feed {
            key: (View::of_jobs(), Language::English),
            sender: channel(BEHIND).0,
            shown: Mutex::default(),
        };
        assert_eq!(feed.all(), None);
        let first = feed.changed(page(&[("a", "1"), ("b", "<b>\n2")])).unwrap();
        assert_eq!(&*first, r#"{"a":"1","b":"<b>\n2"}"#);
        assert_eq!(feed.changed(page(&[("a", "1"), ("b", "<b>\n2")])), None);
        let second = feed.changed(page(&[("a", "1"), ("b", "3")])).unwrap();
        assert_eq!(&*second, r#"{"b":"3"}"#);
        assert_eq!(&*feed.all().unwrap(), r#"{"a":"1","b":"3"}"#);
    }
}
