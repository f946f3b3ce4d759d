//! Deeds by the proxy that the environment names.

use std::{
    io::{BufReader, Write as _},
    net::TcpStream,
    sync::Mutex,
    time::Duration,
};

type Outcome = Result<String, String>;

/// Connections that stay open.
static HELD: Mutex<Vec<BufReader<TcpStream>>> = Mutex::new(Vec::new());

pub(crate) fn deed(deed: &str, argument: &str) -> Option<Outcome> {
    Some(match deed {
        // CONNECT, and a line there and back.
        "tunnel" => tunnel(argument).and_then(|mut tunnel| echo(&mut tunnel)),
        // As many tunnels as may be, which stay open.
        "hold" => {
            let mut held = HELD.lock().unwrap();
            for _ in 0..1000 {
                match tunnel(argument) {
                    Ok(tunnel) => held.push(tunnel),
                    Err(error) => return Some(Ok(format!("{} {error}", held.len()))),
                }
            }
            Err("no bound".to_owned())
        }
        "held" => {
            let mut held = HELD.lock().unwrap();
            let open = held.iter_mut().filter_map(|tunnel| echo(tunnel).ok());
            Ok(open.count().to_string())
        }
        // Requests with whole addresses on one connection, separated by spaces.
        "fetch" => fetch(argument),
        // Without the proxy: a line to each address and back.
        "direct" => direct(argument),
        // As it is written.
        "to-proxy" => raw(argument),
        _ => return None,
    })
}

fn proxy() -> Result<BufReader<TcpStream>, String> {
    let url = std::env::var("HTTP_PROXY").map_err(|error| format!("no proxy: {error}, denied"))?;
    let stream = TcpStream::connect(url.trim_start_matches("http://"));
    let stream = stream.map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    Ok(BufReader::new(stream))
}

fn line(from: &mut impl std::io::BufRead) -> Outcome {
    let mut line = String::new();
    match from.read_line(&mut line) {
        Ok(0) => Err("the connection ended".to_owned()),
        Ok(_) => Ok(line.trim_end().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The status line, and the body if the head has its length.
fn response(from: &mut impl std::io::BufRead) -> Result<(String, String), String> {
    let status = line(from)?;
    let mut length = 0;
    loop {
        let header = line(from)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(text) = header.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)
        .map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn tunnel(to: &str) -> Result<BufReader<TcpStream>, String> {
    let mut proxy = proxy()?;
    write!(
        proxy.get_mut(),
        "CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n"
    )
    .map_err(|error| error.to_string())?;
    let status = line(&mut proxy)?;
    if !status.contains(" 200 ") {
        return Err(status);
    }
    while !line(&mut proxy)?.is_empty() {}
    Ok(proxy)
}

fn echo(tunnel: &mut BufReader<TcpStream>) -> Outcome {
    tunnel
        .get_mut()
        .write_all(b"hello\n")
        .map_err(|error| error.to_string())?;
    line(tunnel)
}

fn direct(addresses: &str) -> Outcome {
    let mut answers = Vec::new();
    for address in addresses.split(' ') {
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        answers.push(echo(&mut BufReader::new(stream))?);
    }
    Ok(answers.join(" "))
}

fn fetch(urls: &str) -> Outcome {
    let mut proxy = proxy()?;
    let mut answers = Vec::new();
    for url in urls.split(' ') {
        write!(
            proxy.get_mut(),
            "GET {url} HTTP/1.1\r\nhost: other.example\r\nproxy-authorization: Basic eDp5\r\n\r\n"
        )
        .map_err(|error| error.to_string())?;
        let (status, body) = response(&mut proxy)?;
        answers.push(format!("{status}: {body}"));
    }
    Ok(answers.join("\n"))
}

fn raw(text: &str) -> Outcome {
    let mut proxy = proxy()?;
    let text = text.replace("\\n", "\r\n");
    proxy
        .get_mut()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())?;
    response(&mut proxy).map(|(status, _)| status)
}
