//! Lists and maps of foreign JSON, of which so much is kept and no more.
//! Pure: no I/O, no clock, no randomness.
//!
//! A few bytes of JSON can be a hundred times as many in memory: of `{"":0}` a tree has a whole
//! node. So what comes from outside is never decoded into a `Value`, nor into a list without end.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The first `N` of a list. The rest is read over.
#[derive(Debug)]
pub(crate) struct Few<T, const N: usize>(pub(crate) Vec<T>);

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for ListVisitor<T, N> {
    type Value = Few<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut few = Few::default();
        while few.0.len() < N {
            match list.next_element()? {
                Some(element) => few.0.push(element),
                None => return Ok(few),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(few)
    }
}

/// A map of at most `N` entries. One that has more is refused: which of them would be right?
#[derive(Debug)]
pub(crate) struct FewByName<T, const N: usize>(pub(crate) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for FewByName<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for MapVisitor<T, N> {
    type Value = FewByName<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut few = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            few.insert(name, value);
            if few.len() > N {
                return Err(A::Error::custom(format_args!("more than {N} entries")));
            }
        }
        Ok(FewByName(few))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_and_the_rest_is_read_over() {
        let few = |text: &str| serde_json::from_str::<Few<u8, 3>>(text).map(|few| few.0);
        assert!(few("[]").unwrap().is_empty());
        assert_eq!(few("[1,2]").unwrap(), [1, 2]);
        assert_eq!(few(r#"[1,2,3,"x",{"a":[]}]"#).unwrap(), [1, 2, 3]);
        assert!(few("[1,2,3,4").is_err() && few("7").is_err() && few(r#"["x"]"#).is_err());
    }

    #[test]
    fn a_map_of_too_many_is_refused() {
        let few = |text: &str| serde_json::from_str::<FewByName<u8, 2>>(text).map(|few| few.0);
        assert_eq!(few(r#"{"a":1,"b":2}"#).unwrap().len(), 2);
        assert_eq!(few(r#"{"a":1,"a":2,"a":3}"#).unwrap()["a"], 3);
        assert!(few(r#"{"a":1,"b":2,"c":3}"#).is_err());
    }
}
