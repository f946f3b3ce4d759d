//! A plugin's calls to its host, passed to the [`Guard`] of their instance,
//! which checks grants and bounds.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mortise_runtime::{
    Guard, Log, Origin,
    grants::Scheme,
    guard::Allowed,
    log::Source,
    schedule::Timing,
    types::{Error, Level},
};
use parking_lot::Mutex;

use crate::{
    connection::{Answer, Handler},
    supervisor::{debugger::Debugger, output::Sink},
};
use mortise_protocol::{
    codec::Payload,
    imports::{DEBUGGED, Debugged, Import, LOG},
    message::{Call, Failure, FailureKind},
    methods::Blob,
};

/// The instances in a plugin's process by their numbers, and the plugin's own
/// log.
#[derive(Debug)]
pub(crate) struct Imports {
    log: Arc<Log>,
    debugger: Debugger,
    next: AtomicU64,
    routes: Mutex<BTreeMap<u64, Route>>,
}

/// A host that a process connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The target of one instance's calls.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Its guard.
    pub(crate) guard: Arc<Guard>,
    /// The number of its open `filter` calls.
    pub(crate) filtering: Arc<AtomicU32>,
}

impl Imports {
    /// `log_bytes` bounds the plugin's own log.
    pub(crate) fn new(log_bytes: u64) -> Self {
        let log = Arc::new(Log::new(log_bytes));
        Self {
            debugger: Debugger::new(Arc::clone(&log)),
            log,
            next: AtomicU64::new(1),
            routes: Mutex::default(),
        }
    }

    /// Returns the log of the process: its output, and the host's observations.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Returns the debugger of the process.
    pub(crate) fn debugger(&self) -> &Debugger {
        &self.debugger
    }

    /// Gives an instance a number that was never used before.
    pub(crate) fn register(&self, route: Route) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.routes.lock().insert(number, route);
        number
    }

    /// Answers this instance no more.
    pub(crate) fn unregister(&self, number: u64) {
        self.routes.lock().remove(&number);
    }

    /// Returns true if an instance may request one of these targets. Counts nothing.
    pub(crate) fn may_request(&self, targets: &[Target]) -> bool {
        let routes = self.routes.lock();
        let may = |route: &Route, target: &Target| {
            route
                .guard
                .may_request(target.scheme, &target.host, Some(target.port))
        };
        let mut routes = routes.values();
        routes.any(|route| targets.iter().any(|target| may(route, target)))
    }

    /// Lets the process connect to a host, if an instance in it may request one of
    /// these ways to write the same target. The denial is the instance's own, or,
    /// where several users share the process, the plugin's.
    ///
    /// # Errors
    ///
    /// As [`Guard::outbound_http`].
    pub(crate) fn outbound_http(&self, targets: &[Target]) -> Result<Allowed, Error> {
        let guards: Vec<_> = self
            .routes
            .lock()
            .values()
            .map(|route| Arc::clone(&route.guard))
            .collect();
        let mut exhausted = None;
        for Target { scheme, host, port } in targets {
            for guard in &guards {
                if !guard.may_request(*scheme, host, Some(*port)) {
                    continue;
                }
                match guard.outbound_http(*scheme, host, Some(*port)) {
                    Ok(allowed) => return Ok(allowed),
                    // Another user's share may have room.
                    Err(error) => exhausted = Some(error),
                }
            }
        }
        if let Some(error) = exhausted {
            return Err(error);
        }
        let Some(Target { scheme, host, port }) = targets.first() else {
            return Err(Error::Invalid("no target is named".to_owned()));
        };
        match guards.as_slice() {
            [only] => only.outbound_http(*scheme, host, Some(*port)),
            _ => {
                let text = format!(
                    "a request to {scheme}://{host}:{port} needs the permission `http`, which no \
                     user of this plugin granted it"
                );
                self.log
                    .write(Level::Warn, Source::Host, &format!("denied: {text}"));
                Err(Error::Denied(text))
            }
        }
    }

    /// Returns true if an instance may connect to an address of these targets' host, by
    /// one of the targets that it may request. Counts nothing.
    pub(crate) fn may_reach(&self, targets: &[Target], address: IpAddr) -> bool {
        let routes = self.routes.lock();
        let may = |route: &Route, target: &Target| {
            let Target { scheme, host, port } = target;
            let guard = &route.guard;
            guard.may_request(*scheme, host, Some(*port))
                && guard.may_reach(*scheme, host, *port, address)
        };
        let mut routes = routes.values();
        routes.any(|route| targets.iter().any(|target| may(route, target)))
    }

    /// Counts that an address of these targets' host is not granted. The denial is the
    /// instance's own, or, where several users share the process, the plugin's.
    pub(crate) fn deny_address(&self, targets: &[Target], address: IpAddr) -> Error {
        let Some(Target { scheme, host, port }) = targets.first() else {
            return Error::Invalid("no target is named".to_owned());
        };
        let routes = self.routes.lock();
        if let (1, Some(route)) = (routes.len(), routes.values().next()) {
            return route.guard.deny_address(*scheme, host, *port, address);
        }
        let text = format!(
            "a request to {scheme}://{host}:{port}, whose name leads to {address}, needs the \
             permission `http` for that address, which no user of this plugin granted it"
        );
        self.log
            .write(Level::Warn, Source::Host, &format!("denied: {text}"));
        Error::Denied(text)
    }

    fn route(&self, instance: Option<u64>) -> Result<Route, Failure> {
        let Some(number) = instance else {
            return Err(Failure::new(
                FailureKind::Invalid,
                "the call names no instance; every call to the host does",
            ));
        };
        self.routes.lock().get(&number).cloned().ok_or_else(|| {
            Failure::new(
                FailureKind::UnknownInstance,
                format!("there is no instance {number}; it may have been dropped"),
            )
        })
    }
}

/// The origin of a message that an instance sends now, by the number of its open calls
/// of `filter`.
fn origin(filtering: &AtomicU32) -> Origin {
    match filtering.load(Ordering::Relaxed) {
        0 => Origin::Plugin,
        _ => Origin::PluginFilter,
    }
}

#[async_trait]
impl Handler for Imports {
    async fn asked(&self, call: Call) -> Result<Answer, Failure> {
        let Route { guard, filtering } = self.route(call.instance)?;
        Ok(match Import::read(&call.method, &call.payload)? {
            Import::Send(message) => {
                let origin = origin(&filtering);
                Answer::Id(guard.send(message, origin).await?)
            }
            Import::Message(id) => Answer::Message(guard.message(id).await?),
            Import::Sent(page) => Answer::Messages(guard.sent(page.before, page.limit).await?),
            Import::Received(page) => {
                Answer::Messages(guard.received(page.before, page.limit).await?)
            }
            Import::RemoveMessage(id) => Answer::Null(guard.remove_message(id).await?),
            Import::UpdateMessage(id, content) => {
                let origin = origin(&filtering);
                Answer::Null(guard.update_message(id, content, origin).await?)
            }
            Import::ExpireMessage(id, at_ms) => {
                Answer::Null(guard.expire_message(id, at_ms).await?)
            }
            Import::SendTo(users, message) => {
                let origin = origin(&filtering);
                Answer::Deliveries(guard.send_to(&users, message, origin).await?)
            }
            Import::SetImage(application, Blob(image)) => {
                Answer::Null(guard.set_image(application.as_deref(), image).await?)
            }
            Import::Load(key) => Answer::Value(guard.load(&key).await?.map(Blob)),
            Import::Store(key, Blob(value)) => Answer::Null(guard.store(&key, value).await?),
            Import::Unset(key) => Answer::Null(guard.unset(&key).await?),
            Import::Keys(prefix) => Answer::Keys(guard.keys(&prefix).await?),
            Import::SetTimer(name, when) => {
                Answer::Null(guard.set_timer(&name, when.into()).await?)
            }
            Import::SetTimerWith(name, schedule, options) => {
                let timing = Timing { schedule, options };
                Answer::Null(guard.set_timer(&name, timing).await?)
            }
            Import::CancelTimer(name) => Answer::Null(guard.cancel_timer(&name).await?),
            Import::Log(level, text) => {
                guard.log().write(level, Source::Plugin, &text);
                Answer::Null(())
            }
        })
    }

    fn notified(&self, method: &str, instance: Option<u64>, payload: &Payload) {
        // What cannot be answered is ignored, as the protocol says.
        if method == DEBUGGED {
            if let Ok(Debugged { attached }) = payload.params() {
                self.debugger.report(attached);
            }
        } else if method == LOG
            && let Ok(Route { guard, .. }) = self.route(instance)
            && let Ok(Import::Log(level, text)) = Import::read(method, payload)
        {
            guard.log().write(level, Source::Plugin, &text);
        }
    }

    fn suspended(&self) -> Duration {
        self.debugger.look()
    }
}

impl Sink for Imports {
    /// Into the plugin's log. What a process prints may be about any of its
    /// users, so a user sees it only who has the process alone.
    fn line(&self, level: Level, source: Source, text: &str) {
        let routes = self.routes.lock();
        let only = routes.values().next().filter(|_| routes.len() == 1);
        let instance = only.map(|route| &**route.guard.log());
        Log::write_to_all(
            [&*self.log].into_iter().chain(instance),
            level,
            source,
            text,
        );
    }
}
