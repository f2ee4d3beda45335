//! AWS credentials from the SDK's default chain: environment, profiles, SSO, containers, instances.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use crate::SessionError;

/// What the SDK finds on this machine.
pub(super) async fn sdk_config() -> SdkConfig {
    // The SDK's future is large, and a large future on the stack is what overflows it.
    Box::pin(aws_config::defaults(BehaviorVersion::latest()).load()).await
}

/// The SDK's credentials chain as object_store takes it. The chain caches and renews by itself.
#[derive(Debug)]
pub(super) struct SdkCredentials {
    bucket: String,
    chain: SharedCredentialsProvider,
}

impl SdkCredentials {
    /// The chain of `config`, if it has one; `bucket` is for errors.
    pub(super) fn new(bucket: &str, config: &SdkConfig) -> Option<Arc<Self>> {
        let chain = config.credentials_provider()?;
        Some(Arc::new(Self {
            bucket: bucket.to_string(),
            chain,
        }))
    }
}

#[async_trait]
impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = self.chain.provide_credentials().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}"));
            SessionError::NoCredentials {
                bucket: self.bucket.clone(),
                reason: format!("{error}{}", cause.unwrap_or_default()),
            }
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_string(),
            secret_key: found.secret_access_key().to_string(),
            token: found.session_token().map(ToString::to_string),
        }))
    }
}
