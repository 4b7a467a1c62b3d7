//! A bag of things with O(1) removal by the number under which they were put in.
//!
//! A parent keeps its children here: they come and go in any order, by the hundred thousand.

/// The bag.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// The first of a chain of free entries.
    free: usize,
    len: usize,
}

#[derive(Debug)]
enum Entry<T> {
    Full(T),
    /// The next free entry.
    Free(usize),
}

/// Ends the chain of free entries.
const NONE: usize = usize::MAX;

impl<T> Slab<T> {
    pub(super) const fn new() -> Slab<T> {
        Slab { entries: Vec::new(), free: NONE, len: 0 }
    }

    /// Puts `value` in, and says under which number.
    pub(super) fn insert(&mut self, value: T) -> usize {
        self.len += 1;
        let slot = self.free;
        match self.entries.get_mut(slot) {
            Some(entry) => {
                if let Entry::Free(next) = *entry {
                    self.free = next;
                }
                *entry = Entry::Full(value);
                slot
            }
            None => {
                self.entries.push(Entry::Full(value));
                self.entries.len() - 1
            }
        }
    }

    /// Takes out what is under `slot`, if anything is.
    pub(super) fn remove(&mut self, slot: usize) -> Option<T> {
        let entry = self.entries.get_mut(slot)?;
        if let Entry::Free(_) = entry {
            return None;
        }
        let Entry::Full(value) = std::mem::replace(entry, Entry::Free(self.free)) else {
            return None;
        };
        self.free = slot;
        self.len -= 1;
        if self.len == 0 {
            // Empty again: give back what a crowd of children has taken.
            *self = Slab::new();
        }
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Full(value) => Some(value),
            Entry::Free(_) => None,
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Behaves as a map from numbers to values, and reuses numbers before it grows.
        #[test]
        fn is_a_map(ops in proptest::collection::vec((any::<bool>(), 0usize..20), 0..200)) {
            let mut slab = Slab::new();
            let mut model = BTreeMap::new();
            let mut most = 0;
            for (n, (insert, slot)) in ops.into_iter().enumerate() {
                if insert {
                    let slot = slab.insert(n);
                    prop_assert!(model.insert(slot, n).is_none());
                    most = most.max(model.len());
                    prop_assert!(slot < most);
                } else {
                    prop_assert_eq!(slab.remove(slot), model.remove(&slot));
                }
                prop_assert_eq!(slab.len(), model.len());
                prop_assert!(slab.iter().eq(model.values()));
            }
        }
    }
}
