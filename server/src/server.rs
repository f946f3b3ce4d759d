//! A running server: what comes up in which order, and goes down in the other.

use std::{
    fs::{File, TryLockError},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use mortise_store::{Store, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    acme::Acme,
    api,
    auth::{PasswordError, Passwords, Token, TokenKind, generate_password},
    changes::Changes,
    config::Listen,
    events::{self, Events},
    hosting::{self, Backends, ServerUsers, StoreCatalogue},
    house,
    images::Images,
    leftovers, listen, local,
    oci::{AuthorityError, check_authorities},
    oidc::Oidc,
    pipeline::{Chain, Forward, Pipeline},
    plugins::{self, Plugins},
    private,
    rate::Rates,
    redirect,
    seen::Seen,
    sockets::Socket,
    state::{AppState, Live, Parts},
    stream::Hub,
    tls::{Tls, TlsError},
    upstream::{self, Forwarding, Upstream, UpstreamError},
};

/// A server that runs until [`Server::shutdown`]. Dropping it without leaves
/// its task running until the process ends.
#[derive(Debug)]
pub struct Server {
    state: AppState,
    address: SocketAddr,
    listens: Vec<String>,
    served: Option<SocketAddr>,
    tls: Option<Arc<Tls>>,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    housekeeping: JoinHandle<Option<()>>,
    watching: JoinHandle<Option<()>>,
    following: Option<JoinHandle<()>>,
    certifying: Option<JoinHandle<()>>,
    first_run: Option<FirstRun>,
    /// Held while the server uses the data directory.
    lock: File,
}

/// The result of the first run on a data directory.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstRun {
    /// Name of the administrator.
    pub name: String,
    /// The generated password, which is stored nowhere; none if the settings
    /// brought one.
    pub password: Option<String>,
}

impl std::fmt::Debug for FirstRun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FirstRun")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The reason for which a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another server runs on the data directory.
    #[error("another server is running on the data directory {}", .0.display())]
    InUse(PathBuf),
    /// The lock file cannot be made.
    #[error("cannot lock the data directory {}: {source}", path.display())]
    Lock {
        /// The data directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: Listen,
        /// The cause.
        source: io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of certificate authorities for registries.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The Gotify behind this server.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Plugins cannot be run at all; a single plugin is never the reason.
    #[error(transparent)]
    Plugins(#[from] plugins::StartError),
    /// The first administrator's password.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl StartError {
    /// Returns the fix, if the message does not have it.
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::InUse(_) => Some("stop that server, or choose another directory with --data-dir"),
            Self::Lock { .. } => Some(
                "check that the server's user may write there, or choose another directory with --data-dir",
            ),
            Self::Listen { .. } => Some(
                "stop what uses the address, or choose another with --listen; port 0 picks a free one",
            ),
            Self::Tls(error) => Some(error.help()),
            Self::Upstream(_) => Some(
                "check --upstream and --upstream-token: the address is Gotify's, and each token one \
                 of its clients",
            ),
            Self::Authority(_) | Self::Store(_) | Self::Plugins(_) | Self::Password(_) => None,
        }
    }
}

impl Server {
    /// Starts a server and returns once it accepts connections. Its plugins run in these
    /// backends: `mortise_backends::of_server` are those of the program `mortise`.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left running.
    pub async fn start(config: Config, backends: Backends) -> Result<Self, StartError> {
        check_registry(&config)?;
        Store::make_directory(&config.data_dir)?;
        private::close_to_others(&config.data_dir);
        let lock = lock(&config.data_dir)?;
        // Of one that was killed: its key is good no more.
        local::withdraw(&config.data_dir);
        leftovers::remove(&config);
        let store = Store::open(&config.data_dir).await?.with_clock({
            let clock = config.clock.clone();
            move || clock.now_ms()
        });
        let passwords = Arc::new(Passwords::new()?);
        let imported = store.password_hashes("$2").await?;
        passwords.expect_imported(imported.iter().map(String::as_str));
        let local_key = Token::generate(TokenKind::DataDirectory).map_err(no_randomness)?;
        let first_run = create_admin(&config, &store, &passwords).await?;
        let tls = Tls::of(&config)?;
        let acme = Acme::open(&config, tls.as_ref())?;
        let sockets = Sockets::bind(&config).await?;
        let (address, served, listens) = (sockets.address, sockets.served, sockets.shown.clone());
        let upstream = match &config.upstream {
            Some(url) => {
                let tokens = &config.upstream_tokens;
                Some(Upstream::open(url, tokens, &store, &passwords).await?)
            }
            None => {
                store.forget_followed().await?;
                None
            }
        };
        let hub = Arc::new(Hub::default());
        let events = Arc::new(Events::default());
        let seen = Arc::new(Seen::default());
        let images = Images::new(&config, store.clone());
        let users = Arc::new(ServerUsers::new(
            store.clone(),
            images.clone(),
            config.path_prefix.clone(),
        ));
        let plugins = Plugins::new(
            Arc::new(StoreCatalogue(store.clone())),
            Arc::clone(&users) as Arc<dyn plugins::Users>,
            hosting::settings(&config),
        );
        let pipeline = Pipeline::new(
            store.clone(),
            Arc::clone(&hub),
            Arc::clone(&events),
            Arc::clone(&plugins) as Arc<dyn Chain>,
            Arc::clone(&seen),
            config.max_message_size,
            upstream.as_ref().map(|upstream| {
                let chain = Arc::clone(&plugins) as Arc<dyn Chain>;
                let forwarding = Forwarding::new(Arc::clone(upstream), store.clone(), chain);
                Arc::new(forwarding) as Arc<dyn Forward>
            }),
        );
        let pipeline = Arc::new(pipeline.with_traces(config.keep_traces));
        users.send_by(&pipeline);
        let backends = || hosting::of_server(&config, local::reachable(address), backends);
        plugins.start(backends).await?;
        let oidc = Oidc::of(&config.oidc);
        let live = Live::new(config.clone());
        let state = AppState::from(Parts {
            config,
            live,
            store,
            local_key: local_key.hash(),
            passwords,
            oidc,
            seen,
            rates: Rates::default(),
            hub,
            events,
            plugins,
            pipeline,
            changes: Changes::default(),
            images,
            tls: tls.clone(),
        });
        let stopping = CancellationToken::new();
        state.set_settings(state.config.clone());
        let own = api::router(&state);
        let front = match &upstream {
            Some(upstream) => upstream::front(upstream, &state, own.clone()),
            None => own.clone(),
        };
        let plain = if state.config.redirect_to_https {
            redirect::to_https(served.map(|address| address.port()), &state)
        } else {
            front.clone()
        };
        let entrances = entrances(sockets, tls.as_ref(), &front, &plain, &own);
        let serving = listen::Serving {
            limits: state.config.limits.clone(),
            prefix: state.config.path_prefix.clone(),
        };
        let serving = listen::serve(entrances, Arc::new(serving), stopping.clone());
        let serving = tokio::spawn(serving);
        let certifying = acme.map(|acme| tokio::spawn(acme.keep(stopping.clone())));
        if let Err(error) = local::announce(&state.config.data_dir, address, &local_key) {
            tracing::warn!(
                "commands need --url and a password or token, for the key in \
                 the data directory cannot be written: {error}"
            );
        }
        let housekeeping = tokio::spawn(
            stopping
                .clone()
                .run_until_cancelled_owned(house::keep(state.clone())),
        );
        let watching = tokio::spawn(
            stopping
                .clone()
                .run_until_cancelled_owned(events::run(state.clone())),
        );
        let following =
            upstream.map(|upstream| tokio::spawn(upstream.follow(state.clone(), stopping.clone())));
        Ok(Self {
            state,
            following,
            certifying,
            address,
            listens,
            served,
            tls,
            stopping,
            serving,
            housekeeping,
            watching,
            first_run,
            lock,
        })
    }

    /// Returns the address; the real port if 0 was requested. If the server
    /// listens on a socket in the file system or by TLS, it is the address on
    /// loopback that the command line uses.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its base address on this machine, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the first address for everybody; none if it listens on sockets in the file
    /// system only. It is [`Server::addr`], unless that is for the command line alone.
    pub const fn served(&self) -> Option<SocketAddr> {
        self.served
    }

    /// Returns true if it serves HTTPS.
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Its addresses for everybody, such as `https://[::]:443` or `unix:/run/mortise.sock`.
    pub fn listens(&self) -> &[String] {
        &self.listens
    }

    /// Takes over settings that may change while it runs: tokens, registration,
    /// pages of other origins, trusted proxies, headers, retention and limits. The
    /// certificate is read again.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the settings and the certificate before stay.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        check_registry(&config)?;
        if let Some(tls) = &self.tls {
            tls.reload(&config)?;
        }
        self.state.set_settings(config);
        Ok(())
    }

    /// Its parts, for embedders and tests.
    pub const fn state(&self) -> &AppState {
        &self.state
    }

    /// The administrator, if this is the first run on the data directory.
    pub const fn first_run(&self) -> Option<&FirstRun> {
        self.first_run.as_ref()
    }

    /// Stops: no new connections, requests in flight are answered, plugins are
    /// stopped, the database is closed, the data directory is free.
    pub async fn shutdown(self) {
        self.stopping.cancel();
        self.state.hub.close_all();
        self.state.events.close_all();
        let served = self.serving.await;
        let kept = self.housekeeping.await.map(Option::unwrap_or_default);
        let watched = self.watching.await.map(Option::unwrap_or_default);
        let mut ended = vec![served, kept, watched];
        for task in [self.following, self.certifying].into_iter().flatten() {
            ended.push(task.await);
        }
        for error in ended.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "a task of the server had failed");
        }
        local::withdraw(&self.state.config.data_dir);
        self.state.plugins.stop().await;
        self.state.store.close().await;
        drop(self.lock);
    }
}

/// Checks the file of certificate authorities for registries, if there is one.
fn check_registry(config: &Config) -> Result<(), AuthorityError> {
    config
        .registry_ca
        .as_deref()
        .map_or(Ok(()), check_authorities)
}

/// The sockets of a server.
struct Sockets {
    /// For everybody, by HTTPS if there is a certificate.
    open: Vec<Socket>,
    /// For everybody, by plain HTTP beside HTTPS.
    plain: Vec<Socket>,
    /// For the command line, if the others are not for it.
    own: Option<Socket>,
    /// The addresses for everybody, as people write them.
    shown: Vec<String>,
    /// The first address of TCP for everybody.
    served: Option<SocketAddr>,
    /// The address for the command line.
    address: SocketAddr,
}

impl Sockets {
    /// Binds the sockets. The command line speaks plain HTTP over TCP to this server's own
    /// API: where the settings name something else, it has a port of loopback.
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let scheme = if config.has_tls() { "https" } else { "http" };
        let mut shown = Vec::new();
        let (open, served) = bound(&config.listen, scheme, &mut shown).await?;
        let (plain, _) = bound(&config.http_listen, "http", &mut shown).await?;
        let is_own = !config.has_tls() && config.upstream.is_none();
        let (own, address) = match served.filter(|_| is_own) {
            Some(address) => (None, address),
            None => {
                let loopback = Socket::on_loopback().await;
                let (own, address) = loopback.map_err(|source| StartError::Listen {
                    address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
                    source,
                })?;
                (Some(own), address)
            }
        };
        Ok(Self {
            open,
            plain,
            own,
            shown,
            served,
            address,
        })
    }
}

/// Binds the sockets of these addresses, and returns them with the first address of TCP.
async fn bound(
    addresses: &[Listen],
    scheme: &str,
    shown: &mut Vec<String>,
) -> Result<(Vec<Socket>, Option<SocketAddr>), StartError> {
    let mut sockets = Vec::new();
    let mut first = None;
    for listen in addresses {
        let failed = |source| StartError::Listen {
            address: listen.clone(),
            source,
        };
        for socket in Socket::bind(listen).await.map_err(failed)? {
            let address = socket.address().map_err(failed)?;
            shown.push(match address {
                Some(address) => format!("{scheme}://{address}"),
                None => listen.to_string(),
            });
            first = first.or(address);
            sockets.push(socket);
        }
    }
    Ok((sockets, first))
}

/// The sockets with the routes on them.
fn entrances(
    sockets: Sockets,
    tls: Option<&Arc<Tls>>,
    front: &Router,
    plain: &Router,
    own: &Router,
) -> Vec<listen::Entrance> {
    let open = sockets.open.into_iter().map(|socket| (socket, tls, front));
    let plain = sockets
        .plain
        .into_iter()
        .map(|socket| (socket, None, plain));
    let own = sockets.own.into_iter().map(|socket| (socket, None, own));
    open.chain(plain)
        .chain(own)
        .map(|(socket, tls, router)| listen::Entrance {
            socket,
            tls: tls.cloned(),
            router: router.clone(),
        })
        .collect()
}

/// Locks a data directory against other servers. The operating system lets go
/// of the lock when the process ends, however it ends.
pub(crate) fn lock(data_dir: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Lock {
        path: data_dir.to_owned(),
        source,
    };
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(data_dir.join("mortise.lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Creates the administrator if there is no user at all.
async fn create_admin(
    config: &Config,
    store: &Store,
    passwords: &Passwords,
) -> Result<Option<FirstRun>, StartError> {
    if store.user_count().await? > 0 {
        return Ok(None);
    }
    let (password, generated) = match &config.admin_password {
        Some(password) => (password.clone(), None),
        None => {
            let password = generate_password().map_err(no_randomness)?;
            (password.clone(), Some(password))
        }
    };
    let hash = passwords.hash(&password).await?;
    store.create_user(&config.admin_name, &hash, true).await?;
    Ok(Some(FirstRun {
        name: config.admin_name.clone(),
        password: generated,
    }))
}

fn no_randomness(error: getrandom::Error) -> PasswordError {
    PasswordError::Hash(error.to_string())
}
