//! The hosts of an `http` grant, for processes: the network of a process has no way
//! out but the host's proxy and forwards.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mortise_native::{NativePlugin, sandbox::Part};
use mortise_runtime::{Grants, types::StopReason};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::support::{State, TestInstance, World, log, made_with, state, until, with};

const SOON: Duration = Duration::from_secs(20);

/// A service on loopback: answers a request's head with that head, a request for
/// `/to/ADDRESS` with a redirect there, and any other line with the same.
struct Service {
    address: SocketAddr,
    /// The connections that are open.
    open: watch::Receiver<usize>,
}

impl Service {
    async fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, open) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.send_modify(|count| *count += 1);
                let count = count.clone();
                tokio::spawn(async move {
                    let _ = answer(stream).await;
                    count.send_modify(|count| *count -= 1);
                });
            }
        });
        Self { address, open }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    async fn until_open(&self, expected: usize) {
        let mut open = self.open.clone();
        let reached = open.wait_for(|open| *open == expected);
        let reached = tokio::time::timeout(SOON, reached).await;
        assert!(reached.is_ok(), "{} are open", *self.open.borrow());
    }
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if !line.starts_with("GET ") {
            stream.get_mut().write_all(line.as_bytes()).await?;
            line.clear();
            continue;
        }
        while !line.ends_with("\r\n\r\n") {
            stream.read_line(&mut line).await?;
        }
        let to = line
            .strip_prefix("GET /to/")
            .and_then(|to| to.split(' ').next());
        let head = match to {
            Some(to) => format!("302 Found\r\nlocation: http://{to}/"),
            None => "200 OK".to_owned(),
        };
        let length = line.len();
        let response = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{line}");
        stream.get_mut().write_all(response.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

struct Confined {
    made: TestInstance,
    plugin: Arc<NativePlugin>,
    world: World,
}

fn grants(http: &[&str]) -> Grants {
    with(|host| host.http = http.iter().map(|text| text.parse().unwrap()).collect())
}

async fn confined(http: &[&str]) -> Confined {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let made = made_with(&plugin, "ann", grants(http), None).await;
    made.instance.start().await.unwrap();
    Confined {
        made,
        plugin,
        world,
    }
}

impl Confined {
    async fn can(&self, deed: &str, argument: &str) -> String {
        let (status, text) = self.made.deed(deed, argument).await;
        assert_eq!(status, 200, "{deed} {argument}: {text}");
        text
    }

    async fn cannot(&self, deed: &str, argument: &str, reason: &str) {
        let (status, text) = self.made.deed(deed, argument).await;
        assert_eq!(status, 403, "{deed} {argument}: {text}");
        assert!(text.contains(reason), "{deed} {argument}: {text}");
    }

    fn denials(&self) -> Vec<String> {
        let denials = self.made.instance.guard().denials();
        denials.into_iter().map(|denial| denial.what).collect()
    }
}

#[tokio::test]
async fn named_hosts_are_reached_and_no_others() {
    let service = Service::at("127.0.0.1:0").await;
    let other = Service::at("127.0.0.1:0").await;
    let port = service.port();
    let named = confined(&[&format!("localhost:{port}")]).await;
    let target = format!("localhost:{port}");

    assert_eq!(named.can("tunnel", &target).await, "hello");
    let answer = named
        .can("fetch", &format!("http://LOCALHOST:{port}/a?b"))
        .await;
    let (status, head) = answer.split_once(": ").unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
    // The checked name, and nothing that is for the proxy.
    assert!(
        head.contains(&format!("localhost:{port}")) || head.contains(&format!("LOCALHOST:{port}")),
        "{head}"
    );
    assert!(
        !head.contains("other.example") && !head.contains("proxy"),
        "{head}"
    );

    // The same service by another name, another port, and addresses in every form.
    for denied in [
        format!("127.0.0.1:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("localhost:{}", other.port()),
        format!("localhost:{port}@example.org:443"),
        "192.0.2.1:443".to_owned(),
        "[2001:db8::1]:443".to_owned(),
        "example.org:443".to_owned(),
        "example.org:53".to_owned(),
    ] {
        named.cannot("tunnel", &denied, "HTTP/1.1 4").await;
    }
    named
        .cannot(
            "tunnel",
            "example.org:443",
            "403 denied: a request to https://example.org:443",
        )
        .await;
    assert!(
        named
            .denials()
            .contains(&"a request to https://example.org:443".to_owned()),
        "{:?}",
        named.denials()
    );
    let logged = named.made.log.since(0);
    assert!(
        logged.iter().any(|entry| entry
            .text
            .contains("denied: a request to https://192.0.2.1:443")),
        "{logged:?}"
    );

    // On a connection that is kept, each request is checked.
    let both = format!(
        "http://{target}/ http://127.0.0.1:{}/ http://{target}/",
        other.port()
    );
    let answers = named.can("fetch", &both).await;
    let statuses: Vec<_> = answers
        .lines()
        .filter(|line| line.starts_with("HTTP"))
        .map(|line| &line[9..12])
        .collect();
    assert_eq!(statuses, ["200", "403", "200"], "{answers}");
    // A redirect is passed on, and followed by a request of its own.
    let to = format!("127.0.0.1:{}", other.port());
    let answer = named
        .can("fetch", &format!("http://{target}/to/{to}"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    let answer = named.can("fetch", &format!("http://{to}/")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");

    // Nothing leads past the proxy.
    for address in [
        format!("127.0.0.1:{}", other.port()),
        "192.0.2.1:443".to_owned(),
        "[2001:db8::1]:443".to_owned(),
    ] {
        named.cannot("connect", &address, "").await;
    }
    named.cannot("udp", "", "not permitted").await;
    for odd in [
        "GET / HTTP/1.1\\n\\n",
        "CONNECT / HTTP/1.1\\n\\n",
        "GET https://localhost/ HTTP/1.1\\nhost: x\\n\\n",
        "NONSENSE\\n\\n",
    ] {
        let status = named.can("to-proxy", odd).await;
        assert!(
            status.starts_with("HTTP/1.1 400") || status.starts_with("HTTP/1.1 501"),
            "{odd}: {status}"
        );
    }
    assert_eq!(*other.open.borrow(), 0);
}

#[tokio::test]
async fn loopback_addresses_are_forwarded_if_granted() {
    let service = Service::at("127.0.0.1:0").await;
    let other = Service::at("127.0.0.1:0").await;
    let named = confined(&[&service.address.to_string(), "https://example.org"]).await;
    named.can("connect", &service.address.to_string()).await;
    named.can("tunnel", &service.address.to_string()).await;
    named
        .cannot("connect", &other.address.to_string(), "")
        .await;
    named
        .cannot("tunnel", &other.address.to_string(), "403")
        .await;
    if let Ok(six) = TcpListener::bind("[::1]:0").await {
        let six = six.local_addr().unwrap();
        named.cannot("connect", &six.to_string(), "").await;
        named.cannot("tunnel", &six.to_string(), "403").await;
        let service = Service::at("[::1]:0").await;
        let named = confined(&[&service.address.to_string()]).await;
        named.can("connect", &service.address.to_string()).await;
        assert_eq!(
            named.can("tunnel", &service.address.to_string()).await,
            "hello"
        );
    }
}

#[tokio::test]
async fn loopback_addresses_with_any_port_are_forwarded_when_they_are_used() {
    let services = [
        Service::at("127.0.0.1:0").await,
        Service::at("127.0.0.1:0").await,
    ];
    let any = confined(&["127.0.0.1:*"]).await;
    let [one, other] = services.each_ref().map(|service| service.address);
    // Also again, after others, and as an address of the other family.
    let all = format!("{one} {other} {one} [::ffff:127.0.0.1]:{}", other.port());
    assert_eq!(any.can("direct", &all).await, "hello hello hello hello");
    assert_eq!(any.can("tunnel", &one.to_string()).await, "hello");
    // More ports than there are listeners at a time; nobody is there.
    for port in 1..=100 {
        any.can("connect", &format!("127.0.0.1:{port}")).await;
    }
    assert_eq!(any.can("direct", &all).await, "hello hello hello hello");
    // Only the address that was granted.
    let elsewhere = Service::at("127.0.0.2:0").await;
    for address in [
        elsewhere.address.to_string(),
        format!("[::1]:{}", one.port()),
        "192.0.2.1:443".to_owned(),
    ] {
        any.cannot("connect", &address, "").await;
    }
    assert_eq!(*elsewhere.open.borrow(), 0);
    // By name: both families.
    let by_name = confined(&["http://localhost:*"]).await;
    let name = format!("localhost:{}", one.port());
    assert_eq!(by_name.can("direct", &name).await, "hello");
    // Without the grant there is none.
    by_name
        .made
        .regrant(|rights| rights.grants = grants(&["example.org:*"]))
        .await;
    by_name.cannot("direct", &name, "").await;
    services[0].until_open(0).await;
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_enough() {
    let service = Service::at("127.0.0.1:0").await;
    let port = service.port();
    // To a resolver it is an address, and to a grant it is a name like others.
    let name = format!("127.1:{port}");
    let named = confined(&[&name]).await;
    let reason = "whose name leads to 127.0.0.1";
    named.cannot("tunnel", &name, reason).await;
    let answer = named.can("fetch", &format!("http://{name}/")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let denials = named.denials();
    assert!(
        denials.iter().any(|what| what.contains(reason)),
        "{denials:?}"
    );
    assert_eq!(*service.open.borrow(), 0);
    // The server resolves the name if its address is granted too.
    let both = confined(&[&name, &service.address.to_string()]).await;
    assert_eq!(both.can("tunnel", &name).await, "hello");
    let answer = both.can("fetch", &format!("http://{name}/")).await;
    assert!(answer.contains(&format!("host: {name}")), "{answer}");
}

#[tokio::test]
async fn connections_are_counted_and_end_with_the_grant() {
    let service = Service::at("127.0.0.1:0").await;
    let target = format!("localhost:{}", service.port());
    let other = format!("other.example:{}", service.port());
    let named = confined(&[&target, &other]).await;
    let guard = named.made.instance.guard();
    let most = guard.in_force().limits.open_requests;
    let held = named.can("hold", &target).await;
    assert!(held.starts_with(&format!("{most} HTTP/1.1 429 ")), "{held}");
    assert_eq!(named.can("held", "").await, most.to_string());
    service.until_open(most as usize).await;
    let generation = |plugin| match state(plugin) {
        State::Up { generation, .. } => generation,
        other => panic!("{other:?}"),
    };
    let before = generation(&named.plugin);
    let regrant = async |http: &[&str]| {
        let grants = grants(http);
        named.made.regrant(|rights| rights.grants = grants).await;
    };
    // The loss of another host is no loss to these, and the process stays.
    regrant(&[&target]).await;
    assert_eq!(named.can("held", "").await, most.to_string());
    assert_eq!(generation(&named.plugin), before);
    regrant(&[]).await;
    service.until_open(0).await;
    named.cannot("tunnel", &target, "denied").await;
    regrant(&[&target]).await;
    assert_eq!(named.can("tunnel", &target).await, "hello");

    // A host that is lost while the process stays loses its connections at once.
    let address = service.address.to_string();
    regrant(&["127.1:*", &address, "other.example:*"]).await;
    let by_name = format!("127.1:{}", service.port());
    named.can("hold", &by_name).await;
    service.until_open(most as usize).await;
    let before = generation(&named.plugin);
    regrant(&[&address, "other.example:*"]).await;
    service.until_open(0).await;
    assert_eq!(named.can("held", "").await, "0");
    named.cannot("tunnel", &by_name, "403").await;
    assert_eq!(generation(&named.plugin), before);
}

#[tokio::test]
async fn a_process_that_ends_leaves_no_connection() {
    let service = Service::at("127.0.0.1:0").await;
    let target = format!("localhost:{}", service.port());
    let named = confined(&[&target]).await;
    named.can("hold", &target).await;
    let open = named.made.instance.guard().in_force().limits.open_requests;
    service.until_open(open as usize).await;
    let ended = named
        .made
        .instance
        .webhook(crate::support::request("exit", "3"))
        .await;
    assert!(ended.is_err(), "{ended:?}");
    service.until_open(0).await;
    // The next process has the same ways.
    until("a new process", async || {
        matches!(state(&named.plugin), State::Up { .. })
    })
    .await;
    assert_eq!(named.can("tunnel", &target).await, "hello");
    named.can("hold", &target).await;
    named
        .made
        .instance
        .stop(StopReason::ShuttingDown)
        .await
        .unwrap();
    let Confined {
        made,
        plugin,
        world,
    } = named;
    drop((made, plugin));
    service.until_open(0).await;
    drop(world);
}

#[tokio::test]
async fn the_machines_connections_are_not_listed() {
    let service = Service::at("127.0.0.1:0").await;
    let port = format!(":{:04X} ", service.port());
    let confined = confined(&[]).await;
    let listed = confined.can("read", "/proc/net/tcp").await;
    assert!(!listed.contains(&port), "{listed}");
    let outside = std::fs::read_to_string("/proc/net/tcp").unwrap();
    assert!(outside.contains(&port), "{outside}");
}

#[tokio::test]
async fn users_of_one_process_have_what_one_of_them_has() {
    let service = Service::at("127.0.0.1:0").await;
    let target = format!("localhost:{}", service.port());
    let named = confined(&[&target]).await;
    let bob = made_with(&named.plugin, "bob", grants(&[]), None).await;
    bob.instance.start().await.unwrap();
    assert_eq!(bob.deed("tunnel", &target).await.1, "hello");
    named.cannot("tunnel", "example.org:443", "403").await;
    // A denial may be about either: the plugin's own log has it.
    assert!(named.denials().is_empty(), "{:?}", named.denials());
    let logged = log(&named.plugin).since(0);
    assert!(
        logged.iter().any(|entry| entry
            .text
            .contains("denied: a request to https://example.org:443")),
        "{logged:?}"
    );
    bob.instance.stop(StopReason::Disabled).await.unwrap();
}

#[tokio::test]
async fn without_a_network_of_its_own_it_is_shown() {
    let service = Service::at("127.0.0.1:0").await;
    let world = World::with(|settings| {
        settings.sandbox_without.insert(Part::Namespaces);
    });
    let plugin = world.plugin("good").await;
    let made = made_with(
        &plugin,
        "ann",
        grants(&[&service.address.to_string()]),
        None,
    )
    .await;
    made.instance.start().await.unwrap();
    let (status, text) = made.deed("connect", &service.address.to_string()).await;
    assert_eq!(status, 200, "{text}");
    let missing = |plugin: &NativePlugin| match state(plugin) {
        State::Up { protection, .. } => protection.missing,
        other => panic!("{other:?}"),
    };
    let hosts = |missing: &[String]| {
        missing
            .iter()
            .any(|it| it.starts_with("network: only granted hosts"))
    };
    assert!(hosts(&missing(&plugin)), "{:?}", missing(&plugin));
    let named = confined(&[&service.address.to_string()]).await;
    assert!(
        !hosts(&missing(&named.plugin)),
        "{:?}",
        missing(&named.plugin)
    );
    let State::Up { protection, .. } = state(&named.plugin) else {
        panic!("{:?}", state(&named.plugin))
    };
    assert!(
        protection
            .applied
            .contains(&"network: only granted hosts".to_owned()),
        "{protection:?}"
    );
    // For any host it connects by itself, and that is shown too.
    let any = confined(&["*:*"]).await;
    any.can("connect", &service.address.to_string()).await;
    let State::Up { protection, .. } = state(&any.plugin) else {
        panic!("{:?}", state(&any.plugin))
    };
    assert!(
        protection.open.iter().any(|it| it.contains("any host")),
        "{protection:?}"
    );
}
