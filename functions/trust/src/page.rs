//! Pages of lists: `pageSize` and `pageToken`.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::filter::Filter;

/// What is answered where nothing is said, and at most.
const DEFAULT: u32 = 100;
const MOST: u32 = 1000;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) size: u32,
    /// The name behind which it goes on; empty: from the start.
    pub(crate) after: String,
}

impl Page {
    /// # Errors
    /// If size or token are none.
    pub(crate) fn of(size: Option<&str>, token: Option<&str>) -> Result<Self, ApiError> {
        let size = size.filter(|size| !size.is_empty());
        let size: i64 = size
            .map_or(Ok(0), str::parse)
            .map_err(|_| ApiError::invalid("pageSize is no number"))?;
        let size = match u32::try_from(size) {
            Err(_) if size < 0 => return Err(ApiError::invalid("pageSize is negative")),
            Ok(0) => DEFAULT,
            Ok(size) => size.min(MOST),
            Err(_) => MOST,
        };
        let invalid = || ApiError::invalid("pageToken is not one that was answered here");
        let token = BASE64_URL_SAFE_NO_PAD
            .decode(token.unwrap_or_default())
            .map_err(|_| invalid())?;
        let after = String::from_utf8(token).map_err(|_| invalid())?;
        Ok(Self { size, after })
    }
}

/// So many are looked at for one page; a filter that finds few of them gets a shorter page.
const MOST_LOOKED_AT: usize = 10_000;
/// So many are read at once.
const AT_ONCE: u32 = 500;

/// A page of what matches a filter, and the name behind which there may be more. `next` reads items behind a
/// name, with their names.
pub(crate) async fn gathered<F>(
    page: &Page,
    filter: &Filter,
    next: impl Fn(String, u32) -> F,
) -> Result<(Vec<Value>, Option<String>), ApiError>
where
    F: Future<Output = Result<Vec<(String, Value)>, ApiError>>,
{
    let (mut found, mut looked_at, mut after) = (Vec::new(), 0, page.after.clone());
    loop {
        let items = next(after.clone(), AT_ONCE).await?;
        let is_last = items.len() < AT_ONCE as usize;
        for (name, item) in items {
            if found.len() == page.size as usize {
                return Ok((found, Some(after)));
            }
            if filter.matches(&item) {
                found.push(item);
            }
            looked_at += 1;
            after = name;
        }
        if is_last {
            return Ok((found, None));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok((found, Some(after)));
        }
    }
}

/// A list's answer; `last` is the name behind which there is more.
pub(crate) fn listed(field: &str, items: Vec<Value>, last: Option<&str>) -> Value {
    let mut answer = Map::new();
    if !items.is_empty() {
        answer.insert(field.to_owned(), items.into());
    }
    if let Some(last) = last {
        let token = BASE64_URL_SAFE_NO_PAD.encode(last);
        answer.insert("nextPageToken".to_owned(), token.into());
    }
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded_and_tokens_lead_on() {
        let page = |size, token| Page::of(size, token);
        assert_eq!(page(None, None).unwrap().size, DEFAULT);
        assert_eq!(page(Some("5"), None).unwrap().size, 5);
        assert_eq!(page(Some("99999999999"), None).unwrap().size, MOST);
        assert!(page(Some("-1"), None).is_err());
        assert!(page(Some("x"), None).is_err());
        assert!(page(None, Some("!")).is_err());
        let answer = listed("notes", vec![Value::Null], Some("projects/p/notes/ä"));
        let token = answer["nextPageToken"].as_str();
        assert_eq!(page(None, token).unwrap().after, "projects/p/notes/ä");
    }
}
