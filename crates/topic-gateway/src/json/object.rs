//! Members of an object: a list, with an index once it is long.

use std::collections::HashMap;
use std::slice;

use foldhash::quality::RandomState;

use super::{Text, Value};

/// Members that most objects have room for at once.
const USUAL: usize = 8;

/// Members that are found by looking at each of them.
const FEW: usize = 16;

/// Members of an object, in the order in which they were first written. `==` does not compare the order.
#[derive(Debug, Clone, Default)]
pub struct Object {
    members: Vec<(Text, Value)>,
    /// The place of each, if there are more than [`FEW`].
    places: Option<Box<Places>>,
}

/// In a box of its own, so that values stay small.
#[derive(Debug, Clone)]
struct Places(HashMap<Text, usize, RandomState>);

/// Members with their names.
#[derive(Debug, Clone)]
pub struct Members<'a>(slice::Iter<'a, (Text, Value)>);

impl Object {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).and_then(|place| self.members.get(place)).map(|(_, value)| value)
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Adds a member, or replaces that of the same name in its place and returns it.
    pub fn insert(&mut self, name: Text, value: Value) -> Option<Value> {
        if let Some(place) = self.place(&name)
            && let Some((_, known)) = self.members.get_mut(place)
        {
            return Some(std::mem::replace(known, value));
        }
        if self.members.capacity() == 0 {
            self.members.reserve(USUAL);
        }
        if let Some(places) = &mut self.places {
            places.0.insert(name.clone(), self.members.len());
        } else if self.members.len() == FEW {
            let all = self.members.iter().map(|(known, _)| known).chain([&name]);
            self.places = Some(Box::new(Places(all.cloned().zip(0..).collect())));
        }
        self.members.push((name, value));
        None
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let (_, value) = self.members.remove(self.place(name)?);
        *self = std::mem::take(&mut self.members).into_iter().collect();
        Some(value)
    }

    /// Members with their names.
    pub fn iter(&self) -> Members<'_> {
        Members(self.members.iter())
    }

    /// The names.
    pub fn keys(&self) -> impl Iterator<Item = &Text> + Clone {
        self.members.iter().map(|(name, _)| name)
    }

    /// The members without their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.members.iter().map(|(_, value)| value)
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.0.get(name).copied(),
            None => self.members.iter().position(|(known, _)| known == name),
        }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl FromIterator<(Text, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(members: I) -> Self {
        let mut object = Self::default();
        for (name, value) in members {
            object.insert(name, value);
        }
        object
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a Text, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Members<'_> {}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Text, &'a Value);
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_keep_their_order_however_many_there_are() {
        let mut object = Object::default();
        for number in 0..40_i64 {
            let name = format!("a name that is no short one {number}");
            assert_eq!(object.insert(name.as_str().into(), number.into()), None);
            assert_eq!(object.insert(name.into(), (-number).into()), Some(number.into()));
        }
        assert_eq!(object.len(), 40);
        for number in 0..40_i64 {
            let name = format!("a name that is no short one {number}");
            assert_eq!(object.get(&name), Some(&(-number).into()));
        }
        assert_eq!(object.remove("a name that is no short one 7"), Some((-7_i64).into()));
        assert!(!object.contains_key("a name that is no short one 7") && object.get("x").is_none());
        assert_eq!(object.get("a name that is no short one 39"), Some(&(-39_i64).into()));
        let order: Vec<_> = object.values().cloned().collect();
        assert_eq!(order, (0..40_i64).filter(|n| *n != 7).map(|n| (-n).into()).collect::<Vec<_>>());
    }
}
