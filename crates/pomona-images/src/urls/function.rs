//! [`ReadFunc`]: `read_image(url)`, `try_read_image(url)` and `read_error(url)`.

use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, mpsc};

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::utils::take_function_args;
use datafusion::common::{ScalarValue, exec_datafusion_err};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::options::ReadOptions;
use super::reader::{Reader, shown};
use crate::error::ImagesError;
use crate::fetch::Content;
use crate::io_runtime::io_runtime;

/// What a function makes of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadOutput {
    /// Its bytes; the query fails where it has none.
    Content,
    /// Its bytes, or NULL.
    ContentOrNull,
    /// Why it has none, or NULL.
    Reason,
}

/// The functions that read URLs, for a session with this runtime.
///
/// A plan with the rule [`ReadApart`](super::ReadApart) calls them where no operator can: in
/// ORDER BY, in a join, and in the branches of CASE.
pub fn read_functions(runtime: &RuntimeEnv) -> Vec<Arc<ScalarUDF>> {
    let stores = || Arc::clone(&runtime.object_store_registry);
    [
        ReadOutput::Content,
        ReadOutput::ContentOrNull,
        ReadOutput::Reason,
    ]
    .map(|output| Arc::new(ScalarUDF::from(ReadFunc::new(output, stores()))))
    .into()
}

/// A function of a URL. It is volatile: what a server answers is known to no planner, and a call
/// that stands once in a query is not to be made twice.
pub struct ReadFunc {
    output: ReadOutput,
    signature: Signature,
    aliases: Vec<String>,
    stores: Arc<dyn ObjectStoreRegistry>,
}

impl ReadFunc {
    fn new(output: ReadOutput, stores: Arc<dyn ObjectStoreRegistry>) -> Self {
        let signature = Signature::string(1, Volatility::Volatile);
        Self {
            output,
            signature: signature
                .with_parameter_names(vec!["url"])
                .expect("one name for one parameter"),
            aliases: match output {
                ReadOutput::Content => vec!["read_file".to_owned()],
                ReadOutput::ContentOrNull => vec!["try_read_file".to_owned()],
                ReadOutput::Reason => vec![],
            },
            stores,
        }
    }

    /// What it makes of a URL.
    pub(crate) fn output(&self) -> ReadOutput {
        self.output
    }
}

impl ReadOutput {
    /// The type of the function's result.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Content | Self::ContentOrNull => DataType::Binary,
            Self::Reason => DataType::Utf8,
        }
    }

    /// The results of some URLs, which were read or are NULL.
    ///
    /// # Errors
    /// If the bytes are more than a column of them can hold.
    pub(crate) fn column<'a>(
        self,
        read: impl Iterator<Item = Option<&'a Content>>,
    ) -> Result<ArrayRef> {
        if self == Self::Reason {
            let reasons = read.map(|content| content.and_then(|content| content.as_ref().err()));
            return Ok(Arc::new(reasons.collect::<StringArray>()));
        }
        let mut builder = BinaryBuilder::new();
        let mut total = 0;
        for content in read {
            let bytes = content.and_then(|content| content.as_ref().ok());
            total += bytes.map_or(0, |bytes| bytes.len());
            if i32::try_from(total).is_err() {
                return Err(exec_datafusion_err!(
                    "the URLs of a batch have more than {} bytes: SET datafusion.execution.batch_size \
                     to fewer rows",
                    i32::MAX
                ));
            }
            builder.append_option(bytes);
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// Reads one URL for functions that want this of it.
pub(crate) async fn read_for(reader: &Reader, url: &str, fails: bool) -> Result<Content> {
    match reader.read(url).await? {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(fault) if fails => Err(ImagesError::Read {
            url: shown(url),
            fault,
        }
        .into()),
        Err(fault) => {
            log::info!("{}: {fault}", shown(url));
            Ok(Err(fault.to_string()))
        }
    }
}

impl Debug for ReadFunc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadFunc")
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// Functions of one name are equal: what they read with belongs to the process.
impl PartialEq for ReadFunc {
    fn eq(&self, other: &Self) -> bool {
        self.output == other.output
    }
}

impl Eq for ReadFunc {}

impl Hash for ReadFunc {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.output.hash(state);
    }
}

impl ScalarUDFImpl for ReadFunc {
    fn name(&self) -> &'static str {
        match self.output {
            ReadOutput::Content => "read_image",
            ReadOutput::ContentOrNull => "try_read_image",
            ReadOutput::Reason => "read_error",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.output.data_type())
    }

    /// Reads the URLs of a batch and waits for them. Requests are made on threads of their own, so
    /// that they go on while this one waits.
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = ReadOptions::of(&args.config_options)?;
        let [urls] = take_function_args(self.name(), args.args)?;
        let is_scalar = matches!(urls, ColumnarValue::Scalar(_));
        let urls = cast(&urls.into_array(1)?, &DataType::Utf8)?;
        let reader = Reader::new(Arc::clone(&self.stores), options);
        let output = self.output;
        let (sender, receiver) = mpsc::channel();
        io_runtime().spawn(async move {
            let _ = sender.send(read_all(&reader, urls.as_ref(), output).await);
        });
        let read = receiver.recv().map_err(|_| {
            exec_datafusion_err!("the URLs were not read: the reader has stopped")
        })??;
        let column = output.column(read.iter().map(Option::as_ref))?;
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?),
            false => ColumnarValue::Array(column),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(match self.output {
            ReadOutput::Content => &*CONTENT,
            ReadOutput::ContentOrNull => &*CONTENT_OR_NULL,
            ReadOutput::Reason => &*REASON,
        })
    }
}

async fn read_all(
    reader: &Reader,
    urls: &dyn Array,
    output: ReadOutput,
) -> Result<Vec<Option<Content>>> {
    let fails = output == ReadOutput::Content;
    let read = |url: Option<String>| async move {
        match url {
            Some(url) => read_for(reader, &url, fails).await.map(Some),
            None => Ok(None),
        }
    };
    let urls = urls.as_string::<i32>().iter();
    let urls: Vec<_> = urls.map(|url| url.map(str::to_owned)).collect();
    stream::iter(urls)
        .map(read)
        .buffered(reader.options().concurrency.get())
        .try_collect()
        .await
}

const SECTION: DocSection = DocSection {
    include: true,
    label: "Image Functions",
    description: None,
};

const URL: &str = "A URL: s3://bucket/key and file:///path are literal, http:// and https:// are as a browser takes them.";

static CONTENT: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "Returns the bytes behind a URL, of which many are read at once. What URLs may name is said by \
         pomona.url_hosts: by default every public host, every bucket, and local files that are images by \
         their names. Addresses of metadata services are never read. read_file is another name. Fails if a \
         URL cannot be read.",
        "read_image(url)",
    )
    .with_sql_example(
        "```sql\n> SELECT path, mobilenet_v2(read_image(path)) AS features FROM images;\n```",
    )
    .with_argument("url", URL)
    .build()
});

static CONTENT_OR_NULL: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "Returns the bytes behind a URL as read_image does, or NULL if it cannot be read; read_error(url) \
         beside it has the reason, and both are one request. try_read_file is another name. Fails if the \
         credentials for a bucket are wrong or its server does not answer, which is no matter of one URL; \
         that a bucket does not exist or its region cannot be found is one.",
        "try_read_image(url)",
    )
    .with_sql_example(
        "```sql\n> SELECT path, try_mobilenet_v2(try_read_image(path)) AS features FROM images;\n```",
    )
    .with_argument("url", URL)
    .build()
});

static REASON: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "Returns why a URL cannot be read, or NULL if it can. The URL is read for that, once for all \
         functions of it in a SELECT. Fails if the credentials for a bucket are wrong or its server does not \
         answer.",
        "read_error(url)",
    )
    .with_sql_example(
        "```sql\n> SELECT read_error(path) AS error, count(*) FROM images GROUP BY error;\n```",
    )
    .with_argument("url", URL)
    .build()
});
