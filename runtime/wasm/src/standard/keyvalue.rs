//! `wasi:keyvalue/store` and `batch`, on the plugin's storage.
//!
//! There is one store, `default` or the empty name. The two drafts differ in the
//! cursor of `list-keys` alone. There is no `atomics`: the storage has no
//! operation that reads and writes at once.

use std::sync::Arc;

use wasmtime::component::{
    ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use crate::store::State;
use mortise_runtime::{Guard, log::Source, text::cut, types};

pub(super) const STORE: &str = "wasi:keyvalue/store";
pub(super) const BATCH: &str = "wasi:keyvalue/batch";

const NUMBERED: &str = "0.2.0-draft";
const NAMED: &str = "0.2.0-draft2";

pub(super) const VERSIONS: [&str; 2] = [NUMBERED, NAMED];

/// The most keys of a page.
const PAGE_KEYS: usize = 1000;

/// The longest name of a store that is repeated in the log, in bytes.
const NAME_BYTES: usize = 256;

/// An open store. It only counts towards the plugin's handles.
struct Bucket;

type Handle = Resource<Bucket>;

/// A failure, as the interface has it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::Denied(_) => Self::AccessDenied,
            other => Self::Other(other.to_string()),
        }
    }
}

/// A page of keys, with the cursor of the next one.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
struct Keys<C> {
    #[component(name = "keys")]
    keys: Vec<String>,
    #[component(name = "cursor")]
    cursor: Option<C>,
}

/// A draft's cursor.
trait Cursor: ComponentType + Lift + Lower + Send + Sync + Sized + 'static {
    /// Takes the page at a cursor out of all keys.
    fn page(all: Vec<String>, at: Option<Self>) -> Result<Keys<Self>, Error>;
}

/// A number cannot name a place that stays while keys are removed between two
/// pages, so the first page has all keys, as the contract's own `keys` does.
impl Cursor for u64 {
    fn page(all: Vec<String>, at: Option<Self>) -> Result<Keys<Self>, Error> {
        match at {
            None => Ok(Keys {
                keys: all,
                cursor: None,
            }),
            Some(_) => Err(Error::Other(
                "there is no further page: a list without a cursor has all keys".to_owned(),
            )),
        }
    }
}

/// The last key of the page before.
impl Cursor for String {
    fn page(mut all: Vec<String>, at: Option<Self>) -> Result<Keys<Self>, Error> {
        all.sort_unstable();
        let begun = at.map_or(0, |last| all.partition_point(|key| *key <= last));
        let rest = all.len() - begun;
        let keys: Vec<_> = all.into_iter().skip(begun).take(PAGE_KEYS).collect();
        let cursor = (rest > keys.len()).then(|| keys.last().cloned()).flatten();
        Ok(Keys { keys, cursor })
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    add_store::<u64>(linker.instance(&format!("{STORE}@{NUMBERED}"))?)?;
    add_store::<String>(linker.instance(&format!("{STORE}@{NAMED}"))?)?;
    for version in VERSIONS {
        add_batch(linker.instance(&format!("{BATCH}@{version}"))?)?;
    }
    Ok(())
}

fn add_store<C: Cursor>(mut store: LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    store.resource(
        "bucket",
        ResourceType::host::<Bucket>(),
        |mut store, handle| {
            let handle = Handle::new_own(handle);
            store.data_mut().table().delete(handle)?;
            Ok(())
        },
    )?;
    store.func_wrap("open", |mut store, (name,): (String,)| {
        Ok((open(store.data_mut(), &name)?,))
    })?;
    store.func_wrap_async("[method]bucket.get", |store, (_, key): (Handle, String)| {
        let guard = Arc::clone(&store.data().guard);
        Box::new(async move { Ok((guard.load(&key).await.map_err(Error::from),)) })
    })?;
    store.func_wrap_async(
        "[method]bucket.set",
        |store, (_, key, value): (Handle, String, Vec<u8>)| {
            let guard = Arc::clone(&store.data().guard);
            Box::new(async move { Ok((guard.store(&key, value).await.map_err(Error::from),)) })
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.delete",
        |store, (_, key): (Handle, String)| {
            let guard = Arc::clone(&store.data().guard);
            Box::new(async move { Ok((guard.unset(&key).await.map_err(Error::from),)) })
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.exists",
        |store, (_, key): (Handle, String)| {
            let guard = Arc::clone(&store.data().guard);
            Box::new(async move {
                let value = guard.load(&key).await.map_err(Error::from);
                Ok((value.map(|value| value.is_some()),))
            })
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.list-keys",
        |store, (_, cursor): (Handle, Option<C>)| {
            let guard = Arc::clone(&store.data().guard);
            Box::new(async move {
                let all = guard.keys("").await.map_err(Error::from);
                Ok((all.and_then(|all| C::page(all, cursor)),))
            })
        },
    )
}

fn add_batch(mut batch: LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    batch.func_wrap_async("get-many", |store, (_, keys): (Handle, Vec<String>)| {
        let guard = Arc::clone(&store.data().guard);
        Box::new(async move { Ok((get_many(&guard, keys).await,)) })
    })?;
    batch.func_wrap_async(
        "set-many",
        |store, (_, pairs): (Handle, Vec<(String, Vec<u8>)>)| {
            let guard = Arc::clone(&store.data().guard);
            Box::new(async move { Ok((set_many(&guard, pairs).await,)) })
        },
    )?;
    batch.func_wrap_async("delete-many", |store, (_, keys): (Handle, Vec<String>)| {
        let guard = Arc::clone(&store.data().guard);
        Box::new(async move { Ok((delete_many(&guard, keys).await,)) })
    })
}

/// Opens the store of this name.
///
/// # Errors
///
/// Of the host: the plugin has too many handles. Of the interface: there is no
/// such store, which the log explains.
fn open(state: &mut State, name: &str) -> wasmtime::Result<Result<Handle, Error>> {
    if name.is_empty() || name == "default" {
        return Ok(Ok(state.table().push(Bucket)?));
    }
    let name = cut(name, NAME_BYTES);
    let text = format!("there is no store `{name}`: a plugin has one, `default`");
    let log = state.guard.log();
    log.write(types::Level::Warn, Source::Host, &text);
    Ok(Err(Error::NoSuchStore))
}

/// A key with its value, if it has one.
type Found = Option<(String, Vec<u8>)>;

/// The values of these keys. Keys may be repeated, so their sum is bounded here:
/// no component can take more than its memory, or store more than its quota.
async fn get_many(guard: &Guard, keys: Vec<String>) -> Result<Vec<Found>, Error> {
    let most = {
        let limits = &guard.in_force().limits;
        limits.memory_bytes.min(limits.storage_bytes)
    };
    let mut left = most;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let value = guard.load(&key).await?;
        let bytes = value.as_ref().map_or(0, Vec::len) as u64;
        left = left.checked_sub(bytes).ok_or_else(|| {
            Error::Other(format!(
                "the values take more than {most} bytes: ask for fewer keys at once"
            ))
        })?;
        found.push(value.map(|value| (key, value)));
    }
    Ok(found)
}

/// Sets one after another, up to the first error.
async fn set_many(guard: &Guard, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    for (key, value) in pairs {
        guard.store(&key, value).await?;
    }
    Ok(())
}

/// Removes one after another, up to the first error.
async fn delete_many(guard: &Guard, keys: Vec<String>) -> Result<(), Error> {
    for key in keys {
        guard.unset(&key).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Cursor as _, PAGE_KEYS};

    #[test]
    fn pages_go_on_after_a_key_that_was_removed() {
        let mut all: Vec<String> = (0..PAGE_KEYS + 10).map(|n| format!("{n:05}")).collect();
        let first = String::page(all.clone(), None).unwrap();
        assert_eq!(first.keys.len(), PAGE_KEYS);
        let cursor = first.cursor.unwrap();
        all.drain(..PAGE_KEYS);
        let second = String::page(all.clone(), Some(cursor)).unwrap();
        assert_eq!((second.keys, second.cursor), (all, None));
        let exact = (0..PAGE_KEYS).map(|n| n.to_string()).collect();
        assert_eq!(String::page(exact, None).unwrap().cursor, None);
        let empty = String::page(Vec::new(), Some("z".to_owned())).unwrap();
        assert_eq!((empty.keys.len(), empty.cursor), (0, None));
        let all = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(u64::page(all, None).unwrap().keys.len(), 2);
        assert!(u64::page(Vec::new(), Some(1)).is_err());
    }
}
