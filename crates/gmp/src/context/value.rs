//! The values of a context: a chain, newest first, keyed by type.

use std::any::{Any, TypeId};
use std::sync::Arc;

/// One value, and those that came before it.
pub(super) struct Value {
    older: Option<Arc<Value>>,
    key: TypeId,
    value: Box<dyn Any + Send + Sync>,
}

impl Value {
    pub(super) fn push<T: Any + Send + Sync>(older: Option<Arc<Value>>, value: T) -> Arc<Value> {
        Arc::new(Value { older, key: TypeId::of::<T>(), value: Box::new(value) })
    }

    /// The newest value of type `T`, from `newest` on.
    pub(super) fn find<T: Any>(newest: Option<&Arc<Value>>) -> Option<&T> {
        let mut next = newest;
        while let Some(value) = next {
            if value.key == TypeId::of::<T>() {
                return value.value.downcast_ref();
            }
            next = value.older.as_ref();
        }
        None
    }
}

impl Drop for Value {
    /// Drops what is no longer used of the chain in a loop: recursion would overflow the stack of a
    /// goroutine that drops the last user of a long one.
    fn drop(&mut self) {
        let mut next = self.older.take();
        while let Some(value) = next {
            next = Arc::into_inner(value).and_then(|mut value| value.older.take());
        }
    }
}
