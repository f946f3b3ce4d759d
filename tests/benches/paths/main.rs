//! The cost of a message's way: `call` has the runtime's part, `message` the
//! server's. They are one program, because linking it takes longer than running it.
//! Its allocator is that of the packaged server.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

mod call;
mod message;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let names_one = std::env::args().any(|argument| argument.starts_with('^'));
    let messages = std::env::args().any(|argument| argument.contains("message/"));
    if !names_one || messages {
        message::measure();
    }
    if !names_one || !messages {
        call::measure();
    }
}
