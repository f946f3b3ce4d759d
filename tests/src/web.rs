//! A web server on loopback that gives the same response to every request, for
//! downloads.

#![expect(clippy::unwrap_used, reason = "only tests use this")]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

/// Serves these answers, byte for byte, each on a path `/0`, `/1` and so on,
/// until the test's process ends. Returns its address, without a path.
pub fn serving(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(head.get(..read).unwrap_or_default());
            let path = head.split(' ').nth(1).unwrap_or_default();
            let number = path.get(1..).and_then(|path| path.parse::<usize>().ok());
            let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            let answer = number.and_then(|number| answers.get(number));
            // Who asked may have gone away.
            let _ = stream.write_all(answer.map_or(missing, Vec::as_slice));
        }
    });
    url
}

/// The answer that has this file.
pub fn file(bytes: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
    [head.as_bytes(), bytes].concat()
}

/// The answer that sends who asks somewhere else.
pub fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}
