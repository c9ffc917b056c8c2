//! The adapters over HTTP: against moto, and against answers that moto does not give.

#[cfg(test)]
mod buses;
#[cfg(test)]
mod canned;
#[cfg(test)]
mod emulated;
#[cfg(test)]
mod moto;
#[cfg(test)]
mod refusals;
mod secrets;
#[cfg(test)]
mod session;
#[cfg(test)]
mod web_identity;
