//! What a function does with the messages of a queue that its platform reads for it.

use std::pin::Pin;
use std::sync::Arc;

use postern_core::ports::Unavailable;

/// Takes one message's body in. An error says that it is not done: the message comes again.
pub type Consume = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send>> + Send + Sync,
>;

/// A [`Consume`] of an async closure.
pub fn consume<F, T>(take: F) -> Consume
where
    F: Fn(String) -> T + Send + Sync + 'static,
    T: Future<Output = Result<(), Unavailable>> + Send + 'static,
{
    Arc::new(move |body| Box::pin(take(body)))
}
