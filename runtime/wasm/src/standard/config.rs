//! `wasi:config/store`: the values of the configuration in force, by name. The empty
//! name is the whole as JSON.

use std::collections::BTreeMap;

use wasmtime::component::{ComponentType, Linker, Lower};

use crate::store::State;

pub(super) const VERSION: &str = "0.2.0-rc.1";

/// A failure, as the interface has it.
#[derive(Clone, ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[expect(dead_code, reason = "the interface's type has it")]
    #[component(name = "io")]
    Io(String),
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut store = linker.instance(&format!("wasi:config/store@{VERSION}"))?;
    store.func_wrap_async("get", |mut store, (name,): (String,)| {
        Box::new(async move {
            let state = store.data_mut();
            let value = if name.is_empty() {
                whole(state).await
            } else {
                of(state, |values| values.get(&name).cloned()).await
            };
            Ok((value,))
        })
    })?;
    store.func_wrap_async("get-all", |mut store, (): ()| {
        Box::new(async move {
            let all = of(store.data_mut(), |values| {
                let pairs = values.iter();
                pairs
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect::<Vec<_>>()
            });
            Ok((all.await,))
        })
    })
}

/// The configuration in force as JSON; none before one was applied.
async fn whole(state: &mut State) -> Result<Option<String>, Error> {
    let Some(configuration) = &mut state.configuration else {
        return Ok(None);
    };
    match &*configuration.json().await {
        Ok(json) => Ok(Some(json.clone())),
        Err(reason) => Err(Error::Upstream(reason.clone())),
    }
}

/// Takes something out of the values in force. Before a configuration was
/// applied, there are none.
async fn of<T>(
    state: &mut State,
    take: impl FnOnce(&BTreeMap<String, String>) -> T + Send,
) -> Result<T, Error> {
    let Some(configuration) = &mut state.configuration else {
        return Ok(take(&BTreeMap::new()));
    };
    match &*configuration.values().await {
        Ok(values) => Ok(take(values)),
        Err(reason) => Err(Error::Upstream(reason.clone())),
    }
}
