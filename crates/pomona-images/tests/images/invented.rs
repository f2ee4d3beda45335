//! A store that invents its objects, page by page: none is kept anywhere.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

const PAGE: usize = 1_000;

/// Objects `class 0000/0000000.jpg` and so on below a folder `d`, as many in each class.
#[derive(Debug, Clone)]
pub struct InventedStore {
    classes: usize,
    each: usize,
    latency: Duration,
    pages: Arc<AtomicUsize>,
}

impl InventedStore {
    pub fn new(classes: usize, each: usize, latency: Duration) -> Self {
        let pages = Arc::default();
        Self {
            classes,
            each,
            latency,
            pages,
        }
    }

    /// How many pages were asked for.
    pub fn pages(&self) -> usize {
        self.pages.load(SeqCst)
    }

    fn class(name: &str) -> Option<usize> {
        name.strip_prefix("class ")?.parse().ok()
    }

    /// The numbers of the objects below a folder.
    fn numbers(&self, folder: &str) -> Range<usize> {
        match folder.strip_prefix("d").map(|rest| rest.trim_matches('/')) {
            Some("") => 0..self.classes * self.each,
            Some(class) => match Self::class(class) {
                Some(class) if class < self.classes => class * self.each..(class + 1) * self.each,
                _ => 0..0,
            },
            None if folder.is_empty() => 0..self.classes * self.each,
            None => 0..0,
        }
    }

    fn object(&self, number: usize) -> ObjectMeta {
        let (class, inside) = (number / self.each, number % self.each);
        ObjectMeta {
            location: format!("d/class {class:04}/{inside:07}.jpg").into(),
            last_modified: Default::default(),
            size: 1,
            e_tag: None,
            version: None,
        }
    }

    async fn request(&self) {
        self.pages.fetch_add(1, SeqCst);
        tokio::time::sleep(self.latency).await;
    }

    fn listing(&self, numbers: Range<usize>) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        stream::unfold((this, numbers), |(this, numbers)| async move {
            if numbers.is_empty() {
                return None;
            }
            this.request().await;
            let end = numbers.end.min(numbers.start + PAGE);
            let page: Vec<_> = (numbers.start..end).map(|n| Ok(this.object(n))).collect();
            Some((stream::iter(page), (this, end..numbers.end)))
        })
        .flatten()
        .boxed()
    }
}

impl fmt::Display for InventedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InventedStore")
    }
}

fn unsupported<T>() -> Result<T> {
    let operation = "anything but listing".to_owned();
    let implementer = "InventedStore".to_owned();
    Err(Error::NotImplemented {
        operation,
        implementer,
    })
}

#[async_trait]
impl ObjectStore for InventedStore {
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(self.numbers(prefix.map_or("", Path::as_ref)))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut numbers = self.numbers(prefix.map_or("", Path::as_ref));
        let (mut low, mut high) = (numbers.start, numbers.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.object(middle).location <= *offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        numbers.start = low;
        self.listing(numbers)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.map_or("", Path::as_ref);
        let (common_prefixes, objects) = match folder {
            "" => (vec!["d".into()], vec![]),
            "d" => {
                let folders = (0..self.classes).map(|class| format!("d/class {class:04}").into());
                (folders.collect(), vec![])
            }
            folder => {
                let numbers = self.numbers(folder);
                (vec![], numbers.map(|number| self.object(number)).collect())
            }
        };
        for _ in 0..(common_prefixes.len() + objects.len())
            .div_ceil(PAGE)
            .max(1)
        {
            self.request().await;
        }
        Ok(ListResult {
            common_prefixes,
            objects,
        })
    }

    async fn get_opts(&self, location: &Path, _options: GetOptions) -> Result<GetResult> {
        Err(Error::NotFound {
            path: location.to_string(),
            source: "nothing is stored".into(),
        })
    }

    async fn get_ranges(&self, _location: &Path, _ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        unsupported()
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        unsupported()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        unsupported()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::once(async { unsupported() }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unsupported()
    }
}
