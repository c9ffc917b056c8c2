//! What `postern demo` is made of.

pub(crate) mod events;
pub(crate) mod people;
pub(crate) mod platform;
pub(crate) mod receiver;
pub(crate) mod registry;
pub(crate) mod stage;
mod story;
