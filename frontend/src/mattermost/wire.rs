//! Lenient readers for fields that servers leave out, null or fill with text.
//!
//! Trust: none of these fails on a value that is merely absent; an id that is
//! none fails, so that the whole object is skipped.

use gaggle_ipc::MattermostId;
use serde::{Deserialize, Deserializer, de::Error};

/// Null and missing mean the default.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// An id that has to be there.
pub(crate) fn id<'de, D: Deserializer<'de>>(from: D) -> Result<MattermostId, D::Error> {
    MattermostId::new(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// An id that may be null, missing or empty.
pub(crate) fn optional_id<'de, D>(from: D) -> Result<Option<MattermostId>, D::Error>
where
    D: Deserializer<'de>,
{
    match Option::<String>::deserialize(from)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => MattermostId::new(text).map(Some).map_err(D::Error::custom),
    }
}

/// A list of ids, in which what is none is left out.
pub(crate) fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<MattermostId>, D::Error> {
    let texts = Option::<Vec<String>>::deserialize(from)?.unwrap_or_default();
    Ok(texts.iter().filter_map(|text| MattermostId::new(text).ok()).collect())
}
