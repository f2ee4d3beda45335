//! The keys of a test's S3 server: its files, and keys that no file can have.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use s3s::dto::{self, CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

/// Objects that are listed although there is no file of their name, by bucket and key, with the
/// bytes that they are said to have. S3 keys are any text; files are not.
#[derive(Debug, Clone, Default)]
pub(crate) struct OtherKeys(Arc<Mutex<BTreeMap<(String, String), i64>>>);

impl OtherKeys {
    pub(crate) fn add(&self, bucket: &str, key: &str, size: i64) {
        let mut keys = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        keys.insert((bucket.to_owned(), key.to_owned()), size);
    }

    /// The bytes that an object of exactly this key is said to have.
    fn size(&self, bucket: &str, key: &str) -> Option<i64> {
        let keys = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        keys.get(&(bucket.to_owned(), key.to_owned())).copied()
    }

    fn of(&self, bucket: &str, prefix: &str) -> Vec<Object> {
        let keys = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let of_bucket = keys.iter().filter(|((of, _), _)| of == bucket);
        let listed = of_bucket.filter(|((_, key), _)| key.starts_with(prefix));
        listed
            .map(|((_, key), size)| Object {
                key: Some(key.clone()),
                size: Some(*size),
                last_modified: Some(std::time::SystemTime::UNIX_EPOCH.into()),
                ..Object::default()
            })
            .collect()
    }
}

/// A file system as a bucket that lists other keys beside its files.
pub(crate) struct Bucket {
    pub(crate) files: FileSystem,
    pub(crate) others: OtherKeys,
    /// The folder of the file system.
    pub(crate) root: PathBuf,
}

/// Gives operations to the file system as they are.
macro_rules! of_files {
    ($($operation:ident($input:ident) -> $output:ident),* $(,)?) => {
        #[async_trait]
        impl S3 for Bucket {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                self.files.$operation(request).await
            })*

            async fn head_object(
                &self,
                request: S3Request<dto::HeadObjectInput>,
            ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
                if let Some(size) = self.others.size(&request.input.bucket, &request.input.key) {
                    return Ok(S3Response::new(dto::HeadObjectOutput {
                        content_length: Some(size),
                        last_modified: Some(std::time::SystemTime::UNIX_EPOCH.into()),
                        ..dto::HeadObjectOutput::default()
                    }));
                }
                // The file system fails at a folder, where S3 has no key.
                let path = self.root.join(&request.input.bucket).join(&request.input.key);
                if path.is_dir() {
                    return Err(s3_error!(NoSuchKey));
                }
                self.files.head_object(request).await
            }

            async fn put_object(
                &self,
                request: S3Request<dto::PutObjectInput>,
            ) -> S3Result<S3Response<dto::PutObjectOutput>> {
                // The file system makes a bucket, where S3 has none.
                if !self.root.join(&request.input.bucket).is_dir() {
                    return Err(s3_error!(NoSuchBucket));
                }
                self.files.put_object(request).await
            }

            async fn list_objects_v2(
                &self,
                request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                self.list(request).await
            }
        }
    };
}

of_files! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput,
    copy_object(CopyObjectInput) -> CopyObjectOutput,
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput,
    delete_object(DeleteObjectInput) -> DeleteObjectOutput,
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput,
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput,
    get_object(GetObjectInput) -> GetObjectOutput,
    head_bucket(HeadBucketInput) -> HeadBucketOutput,
    list_buckets(ListBucketsInput) -> ListBucketsOutput,
    list_objects(ListObjectsInput) -> ListObjectsOutput,
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
    upload_part(UploadPartInput) -> UploadPartOutput,
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput,
    list_parts(ListPartsInput) -> ListPartsOutput,
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
}

impl Bucket {
    /// ListObjectsV2: keys in their order, a thousand at most, up to the delimiter, in percent
    /// encoding where that is asked for.
    async fn list(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input.clone();
        let prefix = input.prefix.clone().unwrap_or_default();
        let whole = request.map_input(|input| ListObjectsV2Input {
            delimiter: None,
            start_after: None,
            continuation_token: None,
            encoding_type: None,
            max_keys: Some(i32::MAX),
            ..input
        });
        let files = self.files.list_objects_v2(whole).await?;
        let files = files.output.contents.unwrap_or_default().into_iter();
        let others = self.others.of(&input.bucket, &prefix);

        // An object, or none for a common prefix.
        let mut entries = BTreeMap::new();
        for object in files.chain(others) {
            let key = object.key.clone().unwrap_or_default();
            // The file system takes a prefix without its leading slashes.
            let Some(rest) = key.strip_prefix(&prefix) else {
                continue;
            };
            let folder = input.delimiter.as_ref().and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(format!("{prefix}{}", &rest[..end]))
            });
            match folder {
                Some(folder) => entries.insert(folder, None),
                None => entries.insert(key, Some(object)),
            };
        }
        let after = match &input.continuation_token {
            Some(token) => Some(decode(token)),
            None => input.start_after.clone(),
        };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let most = input.max_keys.unwrap_or(1_000).clamp(0, 1_000) as usize;
        let range = || entries.range::<String, _>((start.as_ref(), Bound::Unbounded));
        let is_truncated = range().nth(most).is_some();
        let is_encoded = input.encoding_type.as_ref().map(EncodingType::as_str) == Some("url");
        let written = |text: &str| match is_encoded {
            true => encode(text),
            false => text.to_owned(),
        };

        let (mut contents, mut prefixes, mut last) = (vec![], vec![], None);
        for (key, object) in range().take(most) {
            last = Some(token(key));
            match object {
                Some(object) => contents.push(Object {
                    key: Some(written(key)),
                    ..object.clone()
                }),
                None => prefixes.push(CommonPrefix {
                    prefix: Some(written(key)),
                }),
            }
        }
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some((contents.len() + prefixes.len()) as i32),
            max_keys: Some(most as i32),
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            contents: Some(contents).filter(|contents| !contents.is_empty()),
            common_prefixes: Some(prefixes).filter(|prefixes| !prefixes.is_empty()),
            continuation_token: input.continuation_token,
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            prefix: Some(written(&prefix)),
            start_after: input.start_after.as_deref().map(written),
            name: Some(input.bucket),
            ..ListObjectsV2Output::default()
        }))
    }
}

/// As S3 does with `encoding-type=url`: a form's encoding, with slashes as they are.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A token says nothing to a client.
fn token(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(token: &str) -> String {
    let digits = (0..token.len()).step_by(2);
    let bytes = digits.filter_map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok());
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}
