//! Signed checkpoints as objects of a bucket of Amazon S3.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use postern_core::ledger::checkpoint::{file_name, says_the_same};
use postern_core::ports::{Anchor, Unavailable};

use crate::failure::explain;
use crate::session::Session;

/// As much of an object as is read; no note is as long.
const LIMIT: i64 = 64 * 1024;

/// A folder of a bucket. Object lock makes what is there unchangeable.
#[derive(Debug)]
pub struct BucketAnchor {
    name: String,
    bucket: String,
    prefix: String,
    client: Client,
}

impl BucketAnchor {
    /// The folder `prefix` (empty: the top) of a bucket; a region stands over that of the session.
    pub fn new(session: &Session, bucket: &str, prefix: &str, region: Option<&str>) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(session.sdk());
        if let Some(region) = region {
            config = config.region(Region::new(region.to_owned()));
        }
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            name: format!("s3:{bucket}/{prefix}"),
            bucket: bucket.to_owned(),
            prefix,
            client: Client::from_conf(config.build()),
        }
    }

    /// Whether the object is there now, and was not before.
    async fn put(&self, object: &str, note: &str) -> Result<bool, Unavailable> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(object)
            .content_type("text/plain; charset=utf-8")
            // Only where there is none: nothing is ever written over.
            .if_none_match("*")
            .body(ByteStream::from(note.as_bytes().to_vec()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused))
                if refused.err().code() == Some("PreconditionFailed") =>
            {
                Ok(false)
            }
            Err(error) => Err(self.outage(explain(&error, "s3:PutObject", &self.name))),
        }
    }

    async fn kept(&self, object: &str) -> Result<String, Unavailable> {
        let get = self.client.get_object().bucket(&self.bucket).key(object);
        let answer = get
            .send()
            .await
            .map_err(|error| self.outage(explain(&error, "s3:GetObject", &self.name)))?;
        if answer.content_length().is_none_or(|length| length > LIMIT) {
            return Err(self.outage(format_args!("{object} is no checkpoint: it is too long")));
        }
        let body = answer.body.collect().await;
        let body = body.map_err(|error| self.outage(error))?.into_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn outage(&self, message: impl ToString) -> Unavailable {
        Unavailable::new(&self.name, message)
    }
}

#[async_trait]
impl Anchor for BucketAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable> {
        let object = format!("{}{}", self.prefix, file_name(size));
        if !self.put(&object, note).await? && !says_the_same(&self.kept(&object).await?, note) {
            let message = format!("{object} holds another checkpoint of {size} entries");
            return Err(Unavailable::permanent(&self.name, message));
        }
        Ok(format!("s3://{}/{object}", self.bucket))
    }
}
