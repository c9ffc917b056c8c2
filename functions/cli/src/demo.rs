//! What `postern demo` is made of.

pub(crate) mod events;
pub(crate) mod receiver;
pub(crate) mod registry;
pub(crate) mod story;
