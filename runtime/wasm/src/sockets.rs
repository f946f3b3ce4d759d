//! Sockets and look-ups of names, which components do not have: refused as the
//! standard says, and told to the author in the plugin's log.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::p2::{
    Network, TcpSocket, UdpSocket,
    bindings::sockets::{
        ip_name_lookup::ResolveAddressStream,
        network::{ErrorCode, IpAddressFamily},
    },
};

use super::store::State;

/// Puts refusals in the place of the functions that make sockets and look up
/// names.
pub(super) fn refuse(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Family = (IpAddressFamily,);
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap("create-tcp-socket", |store: Store<'_>, (_,): Family| {
            store.data().guard.deny_socket("a TCP socket");
            Ok((Err::<Resource<TcpSocket>, _>(ErrorCode::AccessDenied),))
        })?;
    linker
        .instance("wasi:sockets/udp-create-socket@0.2.12")?
        .func_wrap("create-udp-socket", |store: Store<'_>, (_,): Family| {
            store.data().guard.deny_socket("a UDP socket");
            Ok((Err::<Resource<UdpSocket>, _>(ErrorCode::AccessDenied),))
        })?;
    linker
        .instance("wasi:sockets/ip-name-lookup@0.2.12")?
        .func_wrap(
            "resolve-addresses",
            |store: Store<'_>, (_, name): (Resource<Network>, String)| {
                let what = format!("a look-up of the name {name}");
                store.data().guard.deny_socket(&what);
                let code = ErrorCode::PermanentResolverFailure;
                Ok((Err::<Resource<ResolveAddressStream>, _>(code),))
            },
        )
}

type Store<'a> = StoreContextMut<'a, State>;
