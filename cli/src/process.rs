//! The runtime of a command, and the signals that end it.

#[cfg(unix)]
use miette::IntoDiagnostic as _;

/// A runtime for a command that needs one.
pub(crate) fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| miette::miette!("cannot start the runtime: {error}"))
}

/// Ends when a person interrupts the program or asks it to end. It listens from
/// the call on, not only from the first poll.
#[cfg(unix)]
pub(crate) fn stop_signal() -> miette::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when a person interrupts the program.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> miette::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error means that there is no console to interrupt from.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Requests to read the settings again, by SIGHUP.
pub(crate) struct Reload {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Reload {
    /// Listens from the call on.
    #[cfg(unix)]
    pub(crate) fn listen() -> miette::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup()).into_diagnostic()?;
        Ok(Self { signal })
    }

    /// Resolves at the next request.
    #[cfg(unix)]
    pub(crate) async fn asked(&mut self) {
        if self.signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// There is no such signal here.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> miette::Result<Self> {
        Ok(Self {})
    }

    /// Never resolves.
    #[cfg(not(unix))]
    pub(crate) async fn asked(&mut self) {
        std::future::pending::<()>().await;
    }
}
