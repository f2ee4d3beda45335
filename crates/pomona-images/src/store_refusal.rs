//! [`StoreRefusal`]: why a bucket does not serve requests, in a sentence with the way out.

use std::error::Error;
use std::iter::from_fn;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};
use thiserror::Error;

/// What was asked of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To list keys.
    List,
    /// To read an object, or what is known of it.
    Read,
    /// To write, copy or remove an object.
    Write,
}

/// Why a bucket does not serve requests, whatever the object. Each names S3's code for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "the message of a variant says what its fields are"
)]
pub enum StoreRefusal {
    /// There is no such bucket.
    #[error(
        "the bucket '{bucket}' does not exist (NoSuchBucket): check its name, and AWS_ENDPOINT_URL if it \
         is on a server of your own; Pomona makes no buckets"
    )]
    NoSuchBucket { bucket: String },
    /// The right to list or to write is missing.
    #[error(
        "the credentials may not {verb} the bucket '{bucket}' (AccessDenied): they need {rights}, or \
         use others (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
    )]
    AccessDenied {
        bucket: String,
        verb: &'static str,
        rights: &'static str,
    },
    /// The access key is unknown.
    #[error(
        "the server of the bucket '{bucket}' does not know the access key ({code}): check \
         AWS_ACCESS_KEY_ID or AWS_PROFILE, and AWS_ENDPOINT_URL if it is a server of your own"
    )]
    UnknownKey { bucket: String, code: &'static str },
    /// The secret key is not that of the access key.
    #[error(
        "the server of the bucket '{bucket}' refuses the signature (SignatureDoesNotMatch): check \
         AWS_SECRET_ACCESS_KEY or AWS_PROFILE"
    )]
    WrongSecret { bucket: String },
    /// A session token is old or damaged.
    #[error(
        "the credentials for the bucket '{bucket}' have expired, or their session token is wrong \
         ({code}): log in again, or set AWS_SESSION_TOKEN anew"
    )]
    Expired { bucket: String, code: &'static str },
    /// The clocks differ.
    #[error(
        "the server of the bucket '{bucket}' has another time than this machine \
         (RequestTimeTooSkewed): set this machine's clock"
    )]
    Clock { bucket: String },
    /// The bucket is in another region.
    #[error(
        "the bucket '{bucket}' is in another region than this request was for ({code}): set AWS_REGION \
         to {}",
        region.as_deref().unwrap_or("the bucket's")
    )]
    OtherRegion {
        bucket: String,
        code: &'static str,
        region: Option<String>,
    },
    /// Nothing says where the bucket is, and S3 does not either.
    #[error(
        "the region of the bucket '{bucket}' cannot be found ({reason}): set AWS_REGION, or \
         AWS_ENDPOINT_URL if it is on a server of your own"
    )]
    NoRegion { bucket: String, reason: String },
    /// What is known of the bucket makes no client.
    #[error("no client for the bucket '{bucket}' can be made: {reason}")]
    NoClient { bucket: String, reason: String },
    /// No connection.
    #[error(
        "the server of the bucket '{bucket}' cannot be reached ({reason}): check the network, and \
         AWS_ENDPOINT_URL if it is a server of your own"
    )]
    Unreachable { bucket: String, reason: String },
}

impl StoreRefusal {
    /// What S3 means by the error of a request, where it is about the bucket or the credentials. That
    /// one object may not be read is about the object.
    pub fn of(error: &StoreError, bucket: &str, request: Request) -> Option<Self> {
        let bucket = bucket.to_owned();
        let text = error.to_string();
        let code = element(&text, "Code");
        Some(match code {
            Some("NoSuchBucket") => Self::NoSuchBucket { bucket },
            Some("AccessDenied" | "AllAccessDisabled") => {
                let (verb, rights) = match request {
                    Request::List => ("list", "s3:ListBucket"),
                    Request::Write => ("write to", "s3:PutObject and s3:DeleteObject"),
                    Request::Read => return None,
                };
                Self::AccessDenied {
                    bucket,
                    verb,
                    rights,
                }
            }
            Some("SignatureDoesNotMatch") => Self::WrongSecret { bucket },
            Some("RequestTimeTooSkewed") => Self::Clock { bucket },
            Some(code) => {
                const UNKNOWN: [&str; 2] = ["InvalidAccessKeyId", "NotSignedUp"];
                const EXPIRED: [&str; 3] = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"];
                const MOVED: [&str; 5] = [
                    "PermanentRedirect",
                    "TemporaryRedirect",
                    "AuthorizationHeaderMalformed",
                    "IllegalLocationConstraintException",
                    "IncorrectEndpoint",
                ];
                let known = |codes: &[&'static str]| codes.iter().copied().find(|one| *one == code);
                if let Some(code) = known(&UNKNOWN) {
                    Self::UnknownKey { bucket, code }
                } else if let Some(code) = known(&EXPIRED) {
                    Self::Expired { bucket, code }
                } else {
                    Self::OtherRegion {
                        bucket,
                        code: known(&MOVED)?,
                        region: element(&text, "Region").map(str::to_owned),
                    }
                }
            }
            None => Self::Unreachable {
                bucket,
                reason: unreachable(error)?,
            },
        })
    }

    /// Whether it is about this bucket alone, so that others may be read with the same settings and
    /// credentials.
    pub(crate) fn is_about_one_bucket(&self) -> bool {
        matches!(
            self,
            Self::NoSuchBucket { .. } | Self::NoRegion { .. } | Self::NoClient { .. }
        )
    }

    /// What the answer means to somebody who asked S3 for a bucket's region.
    pub fn no_region(error: &StoreError, bucket: &str) -> Self {
        let last = causes(error).last();
        let reason = last.map_or_else(String::new, ToString::to_string);
        let bucket = bucket.to_owned();
        // The types of these errors are object_store's own.
        match causes(error).any(|cause| cause.to_string() == format!("Bucket '{bucket}' not found"))
        {
            true => Self::NoSuchBucket { bucket },
            false => Self::NoRegion { bucket, reason },
        }
    }

    /// Why no client of a bucket can be made.
    pub fn no_client(error: &StoreError, bucket: &str) -> Self {
        let last = causes(error).last();
        Self::NoClient {
            bucket: bucket.to_owned(),
            reason: last.map_or_else(String::new, ToString::to_string),
        }
    }

    /// The refusal that an error is or has as its cause.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

/// What a store said, in words and not in XML: why a bucket does not serve requests, or code and
/// message of S3's answer.
pub fn store_answer(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(refusal) = StoreRefusal::find(error) {
        return Some(refusal.to_string());
    }
    let text = error.to_string();
    let code = element(&text, "Code")?;
    Some(match element(&text, "Message") {
        Some(message) if !message.is_empty() => format!("{code}: {message}"),
        _ => code.to_owned(),
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// Why there was no connection, if that is what failed.
fn unreachable(error: &StoreError) -> Option<String> {
    let http = causes(error).find_map(|cause| cause.downcast_ref::<HttpError>())?;
    let is_unreachable = matches!(http.kind(), HttpErrorKind::Connect);
    is_unreachable.then(|| {
        causes(error)
            .last()
            .map_or_else(String::new, ToString::to_string)
    })
}

/// The text of an element of S3's answer.
fn element<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = answer.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(body: &str) -> StoreError {
        StoreError::Generic {
            store: "S3",
            source: format!("Server returned non-2xx status code: 400: <Error>{body}</Error>")
                .into(),
        }
    }

    #[test]
    fn a_code_is_a_sentence_that_names_the_bucket_and_the_way_out() {
        for (code, words) in [
            ("NoSuchBucket", "does not exist"),
            ("AccessDenied", "s3:ListBucket"),
            ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
            ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            ("ExpiredToken", "AWS_SESSION_TOKEN"),
            ("RequestTimeTooSkewed", "clock"),
            ("PermanentRedirect", "AWS_REGION"),
        ] {
            let error = answered(&format!("<Code>{code}</Code><Message>m</Message>"));
            let refusal = StoreRefusal::of(&error, "photos", Request::List).unwrap();
            let text = refusal.to_string();
            assert!(text.contains("'photos'") && text.contains(words), "{text}");
            assert!(text.contains(code) && !text.contains('<'), "{text}");
        }
        let error = answered("<Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region>");
        let refusal = StoreRefusal::of(&error, "photos", Request::Read).unwrap();
        assert!(refusal.to_string().ends_with("set AWS_REGION to eu-west-3"));
    }

    #[test]
    fn an_object_that_is_denied_says_nothing_of_its_bucket() {
        let denied = answered("<Code>AccessDenied</Code>");
        assert_eq!(StoreRefusal::of(&denied, "photos", Request::Read), None);
        let absent = answered("<Code>NoSuchKey</Code>");
        assert_eq!(StoreRefusal::of(&absent, "photos", Request::Read), None);
    }

    #[test]
    fn a_bucket_without_a_region_is_not_there_or_not_found() {
        let said = |text: &str| StoreError::Generic {
            store: "S3",
            source: text.into(),
        };
        let absent = StoreRefusal::no_region(&said("Bucket 'photos' not found"), "photos");
        assert!(absent.to_string().contains("does not exist"), "{absent}");
        let lost = StoreRefusal::no_region(&said("connection refused"), "photos");
        let text = lost.to_string();
        assert!(
            text.contains("'photos' cannot be found (connection refused)"),
            "{text}"
        );
        assert!(absent.is_about_one_bucket() && lost.is_about_one_bucket());
        let secret = StoreRefusal::WrongSecret {
            bucket: "photos".to_owned(),
        };
        assert!(!secret.is_about_one_bucket());
    }

    #[test]
    fn a_refusal_is_found_below_other_errors() {
        let refusal = StoreRefusal::WrongSecret {
            bucket: "photos".to_owned(),
        };
        let error = StoreError::Generic {
            store: "S3",
            source: Box::new(refusal.clone()),
        };
        assert_eq!(StoreRefusal::find(&error), Some(&refusal));
        assert_eq!(StoreRefusal::find(&answered("")), None);
    }
}
